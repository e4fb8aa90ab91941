use tollgate::cookies::{self, Cookies, MAX_BYTES, MAX_PAIRS};
use tollgate::headers::HeaderMap;

/// The `cookie` lines of a request, which are the lines of the input after its first byte; that says how
/// often they are repeated, so that the limits are within reach. What is read is the beginning of the
/// whole list, and either all of it or `truncated`, and that only when a limit is exceeded.
pub fn cookies(data: &[u8]) {
    let Some((repeat, text)) = data.split_first() else { return };
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let lines = lines.repeat(usize::from(*repeat) + 1);
    let headers = HeaderMap::from_pairs(lines.iter().map(|line| ("cookie", line)));
    let whole = whole_list(&lines);

    let cookies = Cookies::new(&headers);
    let read: Vec<_> = cookies.iter().collect();
    assert!(whole.starts_with(&read), "another list");
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let too_many = bytes > MAX_BYTES || whole.len() > MAX_PAIRS as usize;
    match cookies.truncated() {
        true => assert!(too_many, "truncated below the limits"),
        false => assert_eq!(read.len(), whole.len(), "cookies are lost in silence"),
    }
    assert!(read.len() <= MAX_PAIRS as usize);
    assert!(read.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= MAX_BYTES);

    for (name, _) in read.iter().take(8) {
        let first = read.iter().find(|(other, _)| other == name);
        assert_eq!(cookies::get(&headers, name), first.map(|(_, value)| *value));
    }
    let absent = Cookies::new(&headers);
    let name = [text, b"x"].concat();
    assert_eq!(absent.get(&name), None);
    assert_eq!(absent.truncated(), cookies.truncated(), "a search in vain reads all there is");
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// Without any limit.
fn whole_list<'a>(lines: &[&'a [u8]]) -> Vec<Pair<'a>> {
    let pieces = lines.iter().flat_map(|line| line.split(|byte| *byte == b';'));
    pieces.filter_map(pair).collect()
}

fn pair(piece: &[u8]) -> Option<Pair<'_>> {
    let equals = piece.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (trimmed(&piece[..equals]), trimmed(&piece[equals + 1..]));
    let quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
    Some((name, if quoted { &value[1..value.len() - 1] } else { value }))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let kept = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(kept) else { return &[] };
    let end = bytes.iter().rposition(kept).map_or(start, |last| last + 1);
    &bytes[start..end]
}
