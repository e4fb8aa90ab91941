//! HTTP/1.1 as it is on the wire, for both sides: in order, in pieces, and broken off.

use anyhow::{Context, Result};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Header or trailer lines, in order, names in lower case.
pub(super) type Fields = Vec<(String, String)>;

/// The first line of a message and its headers.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) line: String,
    pub(super) headers: Fields,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

impl Head {
    /// Reads one; `None` if the peer closes before its end.
    pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let Some(line) = line(stream).await else { return Ok(None) };
        let Some(headers) = fields(stream).await? else { return Ok(None) };
        Ok(Some(Self { line, headers }))
    }

    /// What its headers say of the body; without a word of them, `otherwise`.
    pub(super) fn length(&self, otherwise: Length) -> Result<Length> {
        let value = |name: &str| self.headers.iter().find(|(other, _)| other == name);
        if value("transfer-encoding").is_some() {
            return Ok(Length::Chunked);
        }
        match value("content-length") {
            Some((_, length)) => Ok(Length::Known(length.parse()?)),
            None => Ok(otherwise),
        }
    }
}

/// A body as far as it came, and its trailers.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) trailers: Fields,
    pub(super) is_complete: bool,
}

impl Body {
    /// Reads one.
    pub(super) async fn read(
        stream: &mut (impl AsyncBufRead + Unpin),
        length: Length,
    ) -> Result<Self> {
        let mut body = Self::default();
        match length {
            Length::Known(size) => {
                let read = stream.take(size as u64).read_to_end(&mut body.bytes).await;
                body.is_complete = read.is_ok() && body.bytes.len() == size;
            }
            Length::UntilClose => {
                body.is_complete = stream.read_to_end(&mut body.bytes).await.is_ok();
            }
            Length::Chunked => body.read_chunks(stream).await?,
        }
        Ok(body)
    }

    async fn read_chunks(&mut self, stream: &mut (impl AsyncBufRead + Unpin)) -> Result<()> {
        while let Some(line) = line(stream).await {
            let size = usize::from_str_radix(&line, 16)
                .with_context(|| format!("{line:?} is no size of a chunk"))?;
            if size == 0 {
                let trailers = fields(stream).await?;
                self.is_complete = trailers.is_some();
                self.trailers = trailers.unwrap_or_default();
                return Ok(());
            }
            let before = self.bytes.len();
            let read = (&mut *stream).take(size as u64).read_to_end(&mut self.bytes).await;
            if read.is_err() || self.bytes.len() - before < size {
                return Ok(());
            }
            stream.read_exact(&mut [0; 2]).await.ok();
        }
        Ok(())
    }
}

/// A line without its end; `None` if the peer closes before that.
async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok()?;
    let line = line.strip_suffix(b"\r\n")?;
    Some(line.escape_ascii().to_string())
}

async fn fields(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Fields>> {
    let mut fields = Fields::new();
    while let Some(line) = line(stream).await {
        if line.is_empty() {
            return Ok(Some(fields));
        }
        let (name, value) = line.split_once(':').with_context(|| format!("no field: {line:?}"))?;
        fields.push((name.to_lowercase(), value.trim().to_owned()));
    }
    Ok(None)
}

/// The bytes of fields.
pub(super) fn write_fields(fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Vec<u8> {
    let line = |(name, value): &(_, _)| field(name, value);
    fields.iter().flat_map(line).collect()
}

fn field(name: &impl AsRef<[u8]>, value: &impl AsRef<[u8]>) -> Vec<u8> {
    [name.as_ref(), b": ", value.as_ref(), b"\r\n"].concat()
}

/// The bytes of a chunk.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The bytes that end a chunked body.
pub(super) fn last_chunk(trailers: &[(String, String)]) -> Vec<u8> {
    [b"0\r\n", &write_fields(trailers)[..], b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Option<(Head, Body)> {
        let head = Head::read(&mut bytes).await.unwrap()?;
        let length = head.length(Length::Known(0)).unwrap();
        let body = Body::read(&mut bytes, length).await.unwrap();
        Some((head, body))
    }

    #[tokio::test]
    async fn what_is_written_is_read_in_order() {
        let fields = [("x-b", "1"), ("x-a", "2"), ("x-b", "3")];
        let trailers = [("x-t".to_owned(), "4".to_owned())];
        let bytes = [
            &b"POST / HTTP/1.1\r\n"[..],
            &write_fields(&fields),
            b"Transfer-Encoding: chunked\r\n\r\n",
            &chunk(b"abc"),
            &chunk(b"de"),
            &last_chunk(&trailers),
        ]
        .concat();
        let (head, body) = read(&bytes).await.unwrap();
        assert_eq!(head.line, "POST / HTTP/1.1");
        let read: Vec<_> = head.headers.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        assert_eq!(read[..3], fields);
        assert_eq!((&body.bytes[..], &body.trailers[..]), (&b"abcde"[..], &trailers[..]));
        assert!(body.is_complete);
    }

    #[tokio::test]
    async fn what_breaks_off_is_told_from_what_ends() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab";
        let (_, body) = read(chunked).await.unwrap();
        assert_eq!((&body.bytes[..], body.is_complete), (&b"ab"[..], false));
        let known = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab";
        assert!(!read(known).await.unwrap().1.is_complete);
        assert!(read(b"HTTP/1.1 200 OK\r\ncontent-le").await.is_none());
    }
}
