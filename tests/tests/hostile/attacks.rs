//! Requests that no honest client sends, one after another and at random.

use std::fmt;

use anyhow::Result;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Uri};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tollgate_e2e::client::{Connection, Request, raw};
use tollgate_e2e::tokens::{self, base64url};

/// The headers that filters look at, and one that none does.
const NAMES: [&str; 13] = [
    "authorization",
    "cookie",
    "content-type",
    "x-canary",
    "x-user-id",
    "x-variant",
    "x-sub",
    "x-envoy-fault-abort-request",
    "x-envoy-fault-abort-grpc-request",
    "x-envoy-fault-abort-request-percentage",
    "x-envoy-fault-delay-request",
    "x-envoy-fault-delay-request-percentage",
    "x-unknown",
];

/// A request that need not be valid in any way.
#[derive(Clone)]
pub(crate) struct Attack {
    method: Vec<u8>,
    path: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Attack {
    pub(crate) fn method(method: &str) -> Self {
        Self { method: method.into(), ..Self::headers(&[]) }
    }

    fn path(path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), ..Self::headers(&[]) }
    }

    fn header(name: &str, value: impl AsRef<[u8]>) -> Self {
        Self::headers(&[(name, value.as_ref())])
    }

    fn headers(headers: &[(&str, &[u8])]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.to_vec()));
        Self { method: b"GET".into(), path: b"/".into(), headers: headers.collect() }
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Over HTTP/1.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_bytes(), &v[..])).collect();
        let get = raw::get_request(&self.path, &headers);
        [&self.method, &get[b"GET".len()..]].concat()
    }

    /// Whether a client library would send it, over HTTP/2 too.
    pub(crate) fn is_well_formed(&self) -> bool {
        let valid = |(name, value): &(String, Vec<u8>)| {
            HeaderName::from_bytes(name.as_bytes()).is_ok()
                && HeaderValue::from_bytes(value).is_ok()
        };
        let uri = [b"http://host", &self.path[..]].concat();
        self.path.starts_with(b"/")
            && Uri::from_maybe_shared(uri).is_ok()
            && Method::from_bytes(&self.method).is_ok_and(|method| method != Method::CONNECT)
            && self.headers.iter().all(valid)
    }

    /// Over HTTP/2, if it is well formed.
    pub(crate) fn request<'a>(&self, connection: &'a mut Connection) -> Result<Request<'a>> {
        let method = Method::from_bytes(&self.method)?;
        let request = connection.request(method, std::str::from_utf8(&self.path)?);
        Ok(self.headers.iter().fold(request, |request, (n, v)| request.header(n, v)))
    }

    /// Made of pieces that mean something to some filter, none of which asks for a fault.
    pub(crate) fn random(rng: &mut StdRng) -> Self {
        let pieces = b"featureflag|uid|=|=|;|;|; |\"| |\t|,|on|always|Bearer |Basic |.|.|e30|null|\
            eyJhbGciOiJub25lIn|-|_|\\|{}|\xff|\x80\xfe|\xc3\xa9";
        let pieces: Vec<_> = pieces.split(|byte| *byte == b'|').collect();
        let header = |_| {
            let most = if rng.gen_ratio(1, 20) { 5_000 } else { 20 };
            let value = (0..rng.gen_range(0..most)).filter_map(|_| pieces.choose(rng).copied());
            let value = value.collect::<Vec<_>>().concat();
            (NAMES[rng.gen_range(0..NAMES.len())].to_owned(), value)
        };
        Self { headers: (0..8).map(header).collect(), ..Self::headers(&[]) }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        let (start, length) = (&bytes[..bytes.len().min(300)], bytes.len());
        write!(f, "{} ({length} bytes)", start.escape_ascii())
    }
}

pub(crate) fn all(bearer: &str) -> Vec<Attack> {
    [values(), cookies(), authorizations(bearer), faults(), methods(), paths(), others()].concat()
}

/// Each of these values in each header.
fn values() -> Vec<Attack> {
    let values: [&[u8]; 11] = [
        b"",
        b"\xff\xfe\x80",
        b"Bearer \xff.\xff.\xff",
        b"featureflag=\xff\xfe; \xff=on",
        b"\xc3\xa9\xf0\x9f\x92\xa9",
        b"a\tb",
        b"\x01\x08\x0b\x0c\x1b\x7f",
        b"=;=;;,\"\\\"=",
        b"%00%0d%0a",
        &[b'a'; 60_000],
        &[b'9'; 60_000],
    ];
    NAMES.iter().flat_map(|name| values.map(|value| Attack::header(name, value))).collect()
}

fn cookies() -> Vec<Attack> {
    let short = ";;;=|=|;|a|featureflag|=on|==|a=b=c|\"|a=\"|a=\"\"|uid=|uid=\"\"|uid=;uid=x|a;b;c;d|\
        featureflag=on;;;=|on; featureflag|\t;\t=\t;";
    let pairs: Vec<_> = (0..800).map(|n| format!("cookie{n}=value{n}")).collect();
    let lines: Vec<_> = pairs.iter().map(|pair| ("cookie", pair.as_bytes())).collect();
    let long = [
        pairs.join("; "),
        ";".repeat(60_000),
        "=".repeat(60_000),
        "a=;".repeat(20_000),
        format!("uid=\"{}\"", "x".repeat(60_000)),
    ];
    let values = short.split('|').chain(long.iter().map(String::as_str));
    let one_line = values.map(|value| Attack::header("cookie", value));
    one_line.chain([Attack::headers(&lines)]).collect()
}

/// None of them holds one good token and nothing else.
fn authorizations(bearer: &str) -> Vec<Attack> {
    const NAME: &str = "authorization";
    let header = base64url(r#"{"alg":"ES256","kid":"ec"}"#);
    let deep = base64url("[".repeat(20_000));
    let dots = (0..10).flat_map(|dots| [".".repeat(dots), vec![&*header; dots + 1].join(".")]);
    let mut values: Vec<_> = dots.map(|token| format!("Bearer {token}")).collect();
    values.extend(["Bearer", "Bearer  ", "bearer a.b.c", "Basic YTpi"].map(str::to_owned));
    values.extend([
        tokens::tampered(bearer),
        format!("{bearer}."),
        bearer.replace("Bearer ", "Bearer ."),
        format!("{bearer}, {bearer}"),
        format!("Bearer {deep}.{deep}."),
        format!("Bearer {}.e30.", base64url(r#"{"alg":"none"}"#)),
        format!("Bearer {}.e30.AA", base64url(r#"{"alg":["ES256"],"kid":{}}"#)),
        format!("Bearer {}.e30.AA", base64url(b"\xff\xfe")),
        format!("Bearer {header}.e30.{}", "A".repeat(60_000)),
        format!("Bearer {}", "a.".repeat(30_000)),
    ]);
    let good = (NAME, bearer.as_bytes());
    let two = [Attack::headers(&[good, good]), Attack::headers(&[good, (NAME, b"Basic YTpi")])];
    values.iter().map(|value| Attack::header(NAME, value)).chain(two).collect()
}

/// None of them asks for a fault that there is.
fn faults() -> Vec<Attack> {
    const NUMBERS: &str = "-1|++503|1e3|0x1F7|503.0|503;|5 03|503,504|NaN|\u{663}|\
        18446744073709551616|99999999999999999999999999999999999";
    let mut attacks = Vec::new();
    for name in ["abort-request", "abort-grpc-request", "delay-request"] {
        let name = format!("x-envoy-fault-{name}");
        attacks.extend(NUMBERS.split('|').map(|value| Attack::header(&name, value)));
    }
    for status in ["0", "99", "199", "600", "65536", "4294967296"] {
        attacks.push(Attack::header("x-envoy-fault-abort-request", status));
    }
    for status in ["17", "4294967295", "4294967296"] {
        let header = ("x-envoy-fault-abort-grpc-request", status.as_bytes());
        attacks.push(Attack::headers(&[header, ("content-type", b"application/grpc")]));
    }
    attacks
}

fn methods() -> Vec<Attack> {
    let long = "A".repeat(5_000);
    let methods = "POST|PUT|DELETE|OPTIONS|TRACE|PATCH|CONNECT|PRI|get|FOO|!#$%|";
    methods.split('|').chain([&*long]).map(Attack::method).collect()
}

fn paths() -> Vec<Attack> {
    let paths = b"|?|#|*|/?|/?#|//|/%|/%00|/\xff\xfe|\xff|/\x01\x7f|/\t|/ |/..;/../|/\\|/\"<>^`{}|\
        http://|http://host|host:80";
    let long = [format!("/{}", "a".repeat(60_000)), format!("/?{}", "a=b&".repeat(15_000))];
    let short = paths.split(|byte| *byte == b'|');
    short.map(Attack::path).chain(long.map(Attack::path)).collect()
}

fn others() -> Vec<Attack> {
    let names: Vec<_> = (0..900).map(|n| format!("x-header-{n}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (&**name, &b"x"[..])).collect();
    vec![
        Attack::headers(&headers),
        Attack::header(&"a".repeat(10_000), "x"),
        Attack::header("!#$%&'*+-.^_`|~", "x"),
        Attack::header("host", "a\"b\\c"),
    ]
}
