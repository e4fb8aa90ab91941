use std::net::IpAddr;

use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::{Map, Value, json};
use tollgate::cidr::Cidr;
use tollgate::config;
use tollgate::cookies::Cookies;
use tollgate::headers::HeaderMap;
use tollgate::matching::{
    ClaimMatch, ClaimPath, Claims, CookieMatch, Facts, HeaderMatch, IntegerRange, KnownFacts,
    Match, Needs, Peer, PeerMatch, Principal, QueryMatch, Regex, Test, ValueMatch,
    VersionRequirement,
};
use tollgate::{json, uri};

use crate::input::{list, structured, word};

/// Conditions and a request: what a matcher decides is what the rules in its documentation say, one after
/// the other, and it looks at no fact that it has not said it needs.
pub fn matching(data: &[u8]) {
    structured(data, |input| {
        let condition = condition(input, 2)?;
        let request = Request::arbitrary(input)?;
        let Ok(matcher) = condition.compile() else { return Ok(()) };
        let facts = Watched { facts: request.facts(), needs: matcher.needs() };
        let decided = matcher.matches(&facts).expect("every fact is there");
        assert_eq!(decided, request.fulfils(&condition), "{condition:?}\n{request:?}");
        Ok(())
    });
}

/// Conditions as an operator writes them: any JSON is read or refused, and what is accepted can be asked.
pub fn matching_config(data: &[u8]) {
    let Ok(condition) = config::from_slice::<Match>(data) else { return };
    let Ok(matcher) = condition.compile() else { return };
    let headers = HeaderMap::from_pairs([
        (":path", "/vote?beta=1&beta=2"),
        (":method", "GET"),
        (":authority", "vote.example:8080"),
        ("cookie", "featureflag=on; flags=%7B%22beta%22%3Atrue%7D"),
        ("x-app-version", "1.9.3"),
    ]);
    let claims = json!({ "sub": "alice", "realm": { "groups": ["internal"] } });
    let claims = claims.as_object().cloned().unwrap_or_default();
    let facts = KnownFacts::new(&headers).with_claims(&claims);
    let facts = Watched { facts, needs: matcher.needs() };
    assert!(matcher.matches(&facts).is_ok());
}

/// What a condition may look at, and the check that it says so.
struct Watched<'a> {
    facts: KnownFacts<'a>,
    needs: Needs,
}

impl Facts for Watched<'_> {
    fn headers(&self) -> tollgate::Result<&HeaderMap> {
        assert!(self.needs.headers, "headers were not asked for");
        self.facts.headers()
    }

    fn cookies(&self) -> tollgate::Result<&Cookies<'_>> {
        assert!(self.needs.cookies, "cookies were not asked for");
        self.facts.cookies()
    }

    fn source_ip(&self) -> tollgate::Result<Option<IpAddr>> {
        assert!(self.needs.source_ip, "the address was not asked for");
        self.facts.source_ip()
    }

    fn claims(&self) -> tollgate::Result<Option<&Claims>> {
        assert!(self.needs.claims, "claims were not asked for");
        self.facts.claims()
    }

    fn peer(&self) -> tollgate::Result<Option<&Peer>> {
        assert!(self.needs.peer, "the certificate was not asked for");
        self.facts.peer()
    }
}

const NAMES: [&str; 3] = ["x-a", "x-b", "x-version"];

fn name(input: &mut Unstructured<'_>) -> Result<String> {
    input.choose(&NAMES).map(|name| (*name).to_owned())
}

fn condition(input: &mut Unstructured<'_>, depth: usize) -> Result<Match> {
    const MOST: usize = 2;
    let headers = |input: &mut Unstructured<'_>| {
        Ok(HeaderMatch { name: name(input)?, value: value_match(input)? })
    };
    let cookies = |input: &mut Unstructured<'_>| {
        let pointer =
            Option::<bool>::arbitrary(input)?.map(|deep| if deep { "/a/0" } else { "/a" });
        let pointer = pointer.map(str::to_owned);
        Ok(CookieMatch { name: name(input)?, pointer, value: value_match(input)? })
    };
    let query = |input: &mut Unstructured<'_>| {
        Ok(QueryMatch { name: name(input)?, value: value_match(input)? })
    };
    let claims = |input: &mut Unstructured<'_>| {
        let path = if bool::arbitrary(input)? { "x-a" } else { "x-b.a" };
        let claim = ClaimPath::parse(path).unwrap_or_default();
        Ok(ClaimMatch { claim, value: value_match(input)? })
    };
    let peer = |input: &mut Unstructured<'_>| {
        let kinds = [Principal::UriSan, Principal::DnsSan, Principal::Subject];
        let principal = if bool::arbitrary(input)? { Some(*input.choose(&kinds)?) } else { None };
        Ok(PeerMatch { principal, value: value_match(input)? })
    };
    let deeper = depth.saturating_sub(1);
    Ok(Match {
        headers: list(input, MOST, headers)?,
        cookies: list(input, MOST, cookies)?,
        query: list(input, MOST, query)?,
        path: list(input, 1, value_match)?,
        method: list(input, 1, value_match)?,
        host: list(input, 1, value_match)?,
        source_ip: list(input, MOST, block)?,
        claims: list(input, MOST, claims)?,
        peer: list(input, 1, peer)?,
        any: list(input, MOST.min(depth), |input| condition(input, deeper))?,
        not: match depth > 0 && bool::arbitrary(input)? {
            true => Some(Box::new(condition(input, deeper)?)),
            false => None,
        },
    })
}

fn value_match(input: &mut Unstructured<'_>) -> Result<ValueMatch> {
    let test = match input.int_in_range(0..=10)? {
        0 => Test::Exact(word(input)?),
        1 => Test::Prefix(word(input)?),
        2 => Test::Suffix(word(input)?),
        3 => Test::Contains(word(input)?),
        4 => Test::Regex(word(input)?),
        5 => Test::AnyOf(list(input, 3, word)?),
        6 => {
            Test::Range(IntegerRange { start: i64::arbitrary(input)?, end: i64::arbitrary(input)? })
        }
        7 => Test::Gte(f64::arbitrary(input)?),
        8 => Test::Lte(i64::arbitrary(input)? as f64),
        9 => Test::Semver(format!(">={}", word(input)?)),
        _ => Test::Present(bool::arbitrary(input)?),
    };
    Ok(ValueMatch { test, ignore_case: bool::arbitrary(input)?, invert: bool::arbitrary(input)? })
}

fn block(input: &mut Unstructured<'_>) -> Result<Cidr> {
    let blocks = ["10.0.0.0/8", "10.1.2.3", "fd00::/8", "::/0", "0.0.0.0/0"];
    let block = input.choose(&blocks)?;
    Ok(Cidr::parse(block).unwrap_or_else(|| panic!("{block}")))
}

/// A request, and the answer to conditions on it by the book.
#[derive(Debug)]
struct Request {
    headers: HeaderMap,
    values: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
    path: String,
    method: String,
    host: String,
    address: Option<IpAddr>,
    claims: Option<Claims>,
    peer: Option<Peer>,
}

/// A value that stands in a header, a cookie or a query as it is.
fn plain(input: &mut Unstructured<'_>) -> Result<String> {
    let special = |c: char| c.is_control() || " \t;=\"&+%#?,".contains(c);
    Ok(word(input)?.replace(special, "_"))
}

impl Request {
    fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        let pair = |input: &mut Unstructured<'_>| Ok((name(input)?, plain(input)?));
        let values = list(input, 4, pair)?;
        let mut cookies = list(input, 3, pair)?;
        if bool::arbitrary(input)? {
            let json = json!({ "a": json_value(input, 2)? }).to_string();
            let encoded = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
            cookies.insert(0, (name(input)?, encoded));
        }
        let parameters = list(input, 3, pair)?;
        let (path, method, host) = (format!("/{}", plain(input)?), plain(input)?, plain(input)?);
        let host = host.replace(|c: char| !c.is_ascii_alphanumeric(), "h");
        let join = |pairs: &[(String, String)], separator: &str| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(separator)
        };
        let mut pairs = vec![
            (":path".to_owned(), format!("{path}?{}", join(&parameters, "&"))),
            (":method".to_owned(), method.clone()),
            (":authority".to_owned(), format!("{host}:443")),
            ("cookie".to_owned(), join(&cookies, "; ")),
        ];
        pairs.extend(values.iter().cloned());
        Ok(Self {
            headers: HeaderMap::from_pairs(pairs),
            values,
            cookies,
            parameters,
            path,
            method,
            host,
            address: match bool::arbitrary(input)? {
                true => Some(IpAddr::from(u32::arbitrary(input)?.to_be_bytes())),
                false => None,
            },
            claims: match bool::arbitrary(input)? {
                true => Some(Map::from_iter([
                    ("x-a".to_owned(), json_value(input, 2)?),
                    ("x-b".to_owned(), json!({ "a": json_value(input, 1)? })),
                ])),
                false => None,
            },
            peer: match bool::arbitrary(input)? {
                true => Some(Peer {
                    uri_sans: list(input, 2, |input| word(input).map(String::into_bytes))?,
                    dns_sans: list(input, 2, |input| word(input).map(String::into_bytes))?,
                    subject: word(input)?.into_bytes(),
                }),
                false => None,
            },
        })
    }

    fn facts(&self) -> KnownFacts<'_> {
        let mut facts = KnownFacts::new(&self.headers);
        if let Some(address) = self.address {
            facts = facts.with_source_ip(address);
        }
        if let Some(claims) = &self.claims {
            facts = facts.with_claims(claims);
        }
        match &self.peer {
            Some(peer) => facts.with_peer(peer),
            None => facts,
        }
    }

    fn fulfils(&self, condition: &Match) -> bool {
        let all = |pairs: &[(String, String)], name: &str| -> Vec<Vec<u8>> {
            let of_name = pairs.iter().filter(|(other, _)| other == name);
            of_name.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let one = |text: &str| vec![text.as_bytes().to_vec()];
        let without_case = |value: &ValueMatch| ValueMatch {
            ignore_case: value.ignore_case || is_about_text(&value.test),
            ..value.clone()
        };
        condition.headers.iter().all(|it| texts(&it.value, &all(&self.values, &it.name)))
            && condition.cookies.iter().all(|it| self.cookie(it))
            && condition.query.iter().all(|it| texts(&it.value, &all(&self.parameters, &it.name)))
            && condition.path.iter().all(|it| texts(it, &one(&self.path)))
            && condition.method.iter().all(|it| texts(it, &one(&self.method)))
            && condition.host.iter().all(|it| texts(&without_case(it), &one(&self.host)))
            && (condition.source_ip.is_empty() || self.is_within(&condition.source_ip))
            && condition.claims.iter().all(|it| self.claim(it))
            && condition.peer.iter().all(|it| texts(&it.value, &self.principals(it.principal)))
            && (condition.any.is_empty() || condition.any.iter().any(|it| self.fulfils(it)))
            && condition.not.as_ref().is_none_or(|it| !self.fulfils(it))
    }

    fn is_within(&self, blocks: &[Cidr]) -> bool {
        self.address.is_some_and(|address| blocks.iter().any(|block| block.contains(address)))
    }

    fn cookie(&self, condition: &CookieMatch) -> bool {
        let first = self.cookies.iter().find(|(name, _)| *name == condition.name);
        let value = first.map(|(_, value)| value.as_bytes());
        match &condition.pointer {
            None => texts(&condition.value, &Vec::from_iter(value.map(<[u8]>::to_vec))),
            Some(pointer) => {
                let decoded = value.map(uri::percent_decode);
                let document = decoded.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
                json_values(&condition.value, document.as_ref().and_then(|it| it.pointer(pointer)))
            }
        }
    }

    fn claim(&self, condition: &ClaimMatch) -> bool {
        let path = format!("/{}", condition.claim.segments().join("/"));
        let claims = self.claims.clone().map(Value::Object);
        json_values(&condition.value, claims.as_ref().and_then(|claims| claims.pointer(&path)))
    }

    fn principals(&self, wanted: Option<Principal>) -> Vec<Vec<u8>> {
        let peer = self.peer.clone().unwrap_or_default();
        let subject = Some(peer.subject).filter(|subject| !subject.is_empty());
        match wanted {
            None => peer.uri_sans.into_iter().chain(peer.dns_sans).chain(subject).collect(),
            Some(Principal::UriSan) => peer.uri_sans,
            Some(Principal::DnsSan) => peer.dns_sans,
            Some(Principal::Subject) => subject.into_iter().collect(),
        }
    }
}

fn json_value(input: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    Ok(match input.int_in_range(0..=6)? {
        0 => Value::Null,
        1 => bool::arbitrary(input)?.into(),
        2 => i64::arbitrary(input)?.into(),
        3 => f64::arbitrary(input)?.into(),
        4 if depth > 0 => list(input, 3, |input| json_value(input, depth - 1))?.into(),
        5 if depth > 0 => json!({ "a": json_value(input, depth - 1)? }),
        _ => word(input)?.into(),
    })
}

fn is_about_text(test: &Test) -> bool {
    use Test::{AnyOf, Contains, Exact, Prefix, Regex, Suffix};
    matches!(test, Exact(_) | Prefix(_) | Suffix(_) | Contains(_) | Regex(_) | AnyOf(_))
}

/// Whether texts fulfil a condition.
fn texts(condition: &ValueMatch, values: &[Vec<u8>]) -> bool {
    match condition.test {
        Test::Present(expected) => values.is_empty() != expected,
        _ => {
            !values.is_empty() && values.iter().any(|it| passes(condition, it)) != condition.invert
        }
    }
}

/// Whether a JSON value fulfils a condition.
fn json_values(condition: &ValueMatch, value: Option<&Value>) -> bool {
    let value = value.filter(|value| !value.is_null());
    if let Test::Present(expected) = condition.test {
        return value.is_some() == expected;
    }
    match value {
        None => false,
        Some(Value::Array(items)) => {
            let of_list = match &condition.test {
                Test::Contains(text) => {
                    &ValueMatch { test: Test::Exact(text.clone()), ..condition.clone() }
                }
                _ => condition,
            };
            items.iter().any(|item| passes_json(of_list, item)) != condition.invert
        }
        Some(value) => passes_json(condition, value) != condition.invert,
    }
}

fn passes_json(condition: &ValueMatch, value: &Value) -> bool {
    match (&condition.test, value) {
        (Test::Range(range), Value::Number(number)) => match number.as_i64() {
            Some(number) => (range.start..range.end).contains(&number),
            None => {
                number.as_f64().is_some_and(|it| it >= range.start as f64 && it < range.end as f64)
            }
        },
        (Test::Gte(bound), Value::Number(number)) => number.as_f64().is_some_and(|it| it >= *bound),
        (Test::Lte(bound), Value::Number(number)) => number.as_f64().is_some_and(|it| it <= *bound),
        _ => json::text(value).is_some_and(|text| passes(condition, text.as_bytes())),
    }
}

fn passes(condition: &ValueMatch, value: &[u8]) -> bool {
    let lower = |bytes: &[u8]| match condition.ignore_case {
        true => bytes.to_ascii_lowercase(),
        false => bytes.to_vec(),
    };
    let number =
        || std::str::from_utf8(value).ok().filter(|it| !it.starts_with('+'))?.parse::<i64>().ok();
    let value_in_case = lower(value);
    match &condition.test {
        Test::Exact(text) => value_in_case == lower(text.as_bytes()),
        Test::Prefix(text) => value_in_case.starts_with(&lower(text.as_bytes())),
        Test::Suffix(text) => value_in_case.ends_with(&lower(text.as_bytes())),
        Test::Contains(text) => {
            let part = lower(text.as_bytes());
            value_in_case.windows(part.len()).any(|window| window == part)
        }
        Test::AnyOf(texts) => texts.iter().any(|text| value_in_case == lower(text.as_bytes())),
        Test::Range(range) => number().is_some_and(|it| (range.start..range.end).contains(&it)),
        Test::Gte(bound) => number().is_some_and(|it| it as f64 >= *bound),
        Test::Lte(bound) => number().is_some_and(|it| it as f64 <= *bound),
        // These have targets of their own.
        Test::Regex(pattern) => {
            Regex::new(pattern, condition.ignore_case).is_ok_and(|regex| regex.matches(value))
        }
        Test::Semver(text) => VersionRequirement::parse(text).is_some_and(|it| it.matches(value)),
        Test::Present(expected) => *expected,
    }
}
