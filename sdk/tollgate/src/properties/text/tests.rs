use crate::properties::testing::given;

#[test]
fn a_text_is_what_the_host_gave_in_bytes() {
    let host = given(b"caf\xe9.example", |p| p.request().host()).unwrap().unwrap();
    assert_eq!(&*host, b"caf\xe9.example");
    assert!(host.to_str().is_err());
    assert_eq!(host.to_string(), "caf\u{fffd}.example");
    assert_eq!(format!("{host:?}"), r#""caf\xe9.example""#);
    assert_eq!(given(b"GET", |p| p.request().method()).unwrap().unwrap(), "GET");
}
