use tollgate::uri::{self, Query};

/// A request target and an authority. Nothing of them is lost when they are taken apart, and what is
/// decoded is what a reader finds that goes byte by byte.
pub fn uri(data: &[u8]) {
    let path = uri::path(data);
    assert!(!path.iter().any(|byte| matches!(byte, b'?' | b'#')));
    let rest = &data[path.len()..];
    assert!(data.starts_with(path));
    match uri::query(data) {
        Some(query) => {
            let fragment = &rest[1 + query.len()..];
            assert!(rest.starts_with(b"?") && rest[1..].starts_with(query));
            assert!(!query.contains(&b'#') && (fragment.is_empty() || fragment.starts_with(b"#")));
        }
        None => assert!(rest.is_empty() || rest.starts_with(b"#")),
    }
    check_query(data);
    check_decoding(data);
    check_host(data);
}

fn check_query(target: &[u8]) {
    let query = Query::of(target);
    let read: Vec<_> = query.iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let pieces = uri::query(target).unwrap_or_default().split(|byte| *byte == b'&');
    let expected: Vec<_> = pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            (decoded(&piece[..equals], b' '), decoded(piece.get(equals + 1..).unwrap_or(&[]), b' '))
        })
        .collect();
    assert_eq!(read, expected);
    for (name, _) in read.iter().take(8) {
        let values = read.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        assert!(query.get_all(name).map(|value| value.into_owned()).eq(values.cloned()));
        assert_eq!(query.get(name), query.get_all(name).next());
    }
}

fn check_decoding(bytes: &[u8]) {
    assert_eq!(*uri::percent_decode(bytes), decoded(bytes, b'+'));
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(*uri::percent_decode(encoded.as_bytes()), *bytes);
}

fn decoded(bytes: &[u8], plus: u8) -> Vec<u8> {
    let hexadecimal = |at: usize| {
        let digits = std::str::from_utf8(bytes.get(at..at + 2)?).ok()?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)
    };
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let byte = match (bytes[at], hexadecimal(at + 1)) {
            (b'%', Some(digits)) => {
                at += 2;
                u8::from_str_radix(digits, 16).expect("two hexadecimal digits")
            }
            (b'+', _) => plus,
            (byte, _) => byte,
        };
        decoded.push(byte);
        at += 1;
    }
    decoded
}

fn check_host(authority: &[u8]) {
    let host = uri::host(authority);
    let port = &authority[host.len()..];
    assert!(authority.starts_with(host));
    assert!(port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if !authority.is_empty() && authority.iter().all(plain) {
        let with_port = [authority, b":8080"].concat();
        assert_eq!(uri::host(&with_port), authority, "a port stays with the host");
    }
}
