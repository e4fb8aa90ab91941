//! Certificates as they are written down, which nobody has signed: nobody looks.

/// A key in a certificate, in PEM, as openssl and Google write them.
pub(crate) fn certificate(public_key_info: &[u8]) -> String {
    pem("CERTIFICATE", &certificate_der(public_key_info))
}

/// The same in DER.
pub(crate) fn certificate_der(public_key_info: &[u8]) -> Vec<u8> {
    let version = element(0xa0, &[&element(0x02, &[&[2]])]);
    let serial = element(0x02, &[&[7]]);
    let algorithm = element(0x30, &[&[0x06, 3, 0x2b, 0x65, 0x70]]);
    let name = element(0x30, &[]);
    // It is no longer valid, which does not count.
    let past = element(0x17, &[b"700101000000Z"]);
    let validity = element(0x30, &[&past, &past]);
    let extensions = element(0xa3, &[&element(0x30, &[])]);
    let to_be_signed = element(
        0x30,
        &[&version, &serial, &algorithm, &name, &validity, &name, public_key_info, &extensions],
    );
    let signature = element(0x03, &[&[0; 65]]);
    element(0x30, &[&to_be_signed, &algorithm, &signature])
}

/// A block of PEM (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// An element of DER: a tag, the length, the content in parts.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let length = match length {
        0..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, &content].concat()
}
