use super::*;
use crate::properties::testing::given;

#[test]
fn an_address_is_an_ip_address_with_a_port_or_kept_as_it_is() {
    let address = |text: &str| given(text, |p| p.source().address()).unwrap().unwrap();
    for (text, ip, port) in [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:65535", "::1", 65_535),
        ("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1),
        ("[fe80::1%3]:8080", "fe80::1", 8080),
    ] {
        let parsed = address(text);
        assert_eq!(parsed.ip(), Some(ip.parse::<IpAddr>().unwrap()));
        assert_eq!((parsed.port(), parsed.to_string()), (Some(port), text.to_owned()));
    }
    for text in
        ["/run/x.sock", "@abstract", "envoy://inner/id", "127.0.0.1", "1.2.3.4:99999", "::1"]
    {
        assert_eq!(address(text), Address::Other(text.into()));
    }
}
