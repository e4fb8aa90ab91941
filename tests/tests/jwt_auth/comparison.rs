//! Requests that go to both filters, and what is seen of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tollgate_e2e::client::raw;
use tollgate_e2e::oracle::{Pair, Side, SideBySide};
use tollgate_e2e::wait;

use crate::differences::{DELIBERATE, Deliberate, QUERY_IN_REALM};

const LIMIT: Duration = Duration::from_secs(20);

/// What is never the same in two requests.
const IGNORED: [&str; 4] = ["x-request-id", "date", "server", "x-envoy-upstream-service-time"];

/// The realm of `www-authenticate`, in which an `@` stands for it.
const REALM: &str = "realm";

/// Everything about a request that can be the same: by its name, such as `status`, `details`,
/// `answer www-authenticate`, `path` and `upstream x-sub` (as the upstream has got them), `left payload`.
pub(crate) type Seen = BTreeMap<String, String>;

/// A configuration, and the requests that are sent to both of its listeners.
pub(crate) struct Theme {
    pub(crate) pair: Pair,
    pub(crate) cases: Vec<Case>,
}

/// A request, and what shall come of it.
pub(crate) struct Case {
    name: String,
    method: &'static str,
    path: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    expected: Expected,
}

enum Expected {
    /// Both say the same, this among it.
    Same(Vec<(&'static str, String)>),
    /// They differ, and on purpose; what only this case knows of what ours and native say.
    Differs(&'static Deliberate, [Vec<(&'static str, String)>; 2]),
}

/// A `GET`.
pub(crate) fn case(name: impl Into<String>, path: impl AsRef<[u8]>) -> Case {
    Case {
        name: name.into(),
        method: "GET",
        path: path.as_ref().to_vec(),
        headers: Vec::new(),
        expected: Expected::Same(Vec::new()),
    }
}

impl Case {
    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Both filters answer with this status, and are the same in all else.
    pub(crate) fn same(self, status: u16) -> Self {
        self.says("status", status.to_string())
    }

    /// Both deny it with these words.
    pub(crate) fn denied(self, reason: &str) -> Self {
        let status = if reason == "Audiences in Jwt are not allowed" { 403 } else { 401 };
        self.same(status).says("body", reason)
    }

    /// Something else that both say; `""` is nothing.
    pub(crate) fn says(mut self, what: &'static str, value: impl Into<String>) -> Self {
        if let Expected::Same(says) = &mut self.expected {
            says.push((what, value.into()));
        }
        self
    }

    pub(crate) fn differs(mut self, difference: &'static Deliberate) -> Self {
        self.expected = Expected::Differs(difference, Default::default());
        self
    }

    /// Both deny it, and native repeats the query.
    pub(crate) fn denied_with_query(self) -> Self {
        let target = String::from_utf8_lossy(&self.path).into_owned();
        let (path, _) = target.split_once('?').unwrap_or((&target, ""));
        let [ours, native] = [path, &target[..target.len().min(256)]]
            .map(|path| format!("http://service.example{path}"));
        self.differs(&QUERY_IN_REALM).with(REALM, ours, native)
    }

    /// What ours and native say, where it is another thing in each case of a difference.
    pub(crate) fn with(
        mut self,
        what: &'static str,
        ours: impl Into<String>,
        native: impl Into<String>,
    ) -> Self {
        if let Expected::Differs(_, [of_ours, of_native]) = &mut self.expected {
            of_ours.push((what, ours.into()));
            of_native.push((what, native.into()));
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let target = [self.method.as_bytes(), b" ", &self.path, b" HTTP/1.1\r\n"].concat();
        let mut bytes = [&target[..], b"host: service.example\r\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }
}

/// Sends all requests to both listeners of their theme, and compares.
///
/// # Panics
///
/// When a case is not as it should be, or a deliberate difference is not shown by any.
pub(crate) async fn compare(
    filter: &str,
    native: (&str, &str),
    themes: Vec<Theme>,
) -> Result<Tally> {
    let pairs: Vec<_> = themes.iter().map(|theme| theme.pair.clone()).collect();
    let world = SideBySide::start_pairs(filter, native, pairs, 1).await?;
    let mut sent = Vec::new();
    for theme in &themes {
        for case in &theme.cases {
            for side in Side::BOTH {
                let listener = side.listener(theme.pair.name());
                sent.push((listener.clone(), send(&world, &listener, case).await?));
            }
        }
    }
    wait::until("all requests are in the access log", LIMIT, async || {
        world.envoy.access_log().is_ok_and(|log| log.len() >= sent.len())
    })
    .await?;
    // One worker, one request after the other: the log has them in their order.
    let log = world.envoy.access_log()?;
    ensure!(log.len() == sent.len(), "{} requests, {} in the log", sent.len(), log.len());
    for ((listener, seen), entry) in sent.iter_mut().zip(&log) {
        ensure!(entry["listener"] == **listener, "{entry} is not of {listener}");
        add_log(seen, entry);
    }

    let mut seen = sent.into_iter().map(|(_, seen)| seen);
    let mut tally = Tally::default();
    for case in themes.iter().flat_map(|theme| {
        let name = theme.pair.name();
        theme.cases.iter().map(move |case| (name, case))
    }) {
        let (theme, case) = case;
        if let (Some(ours), Some(native)) = (seen.next(), seen.next()) {
            tally.add(&format!("{theme}: {}", case.name), case, &ours, &native);
        }
    }
    Ok(tally)
}

async fn send(world: &SideBySide, listener: &str, case: &Case) -> Result<Seen> {
    world.upstream.forget();
    let answer = raw::exchange(world.envoy.address(listener)?, case.bytes()).await?;
    let mut seen = Seen::new();
    seen.insert("status".into(), answer.status.to_string());
    seen.insert("body".into(), answer.text());
    add_headers(&mut seen, "answer", &answer.headers);
    if let Some((realm, rest)) = challenge(answer.header("www-authenticate")) {
        seen.insert(REALM.into(), realm.to_owned());
        seen.insert("answer www-authenticate".into(), format!("Bearer realm=@{rest}"));
    }
    if let Some(request) = world.upstream.requests().first() {
        seen.insert("path".into(), request.path.clone());
        seen.insert("method".into(), request.method.clone());
        add_headers(&mut seen, "upstream", &request.headers);
    }
    Ok(seen)
}

/// The realm of a challenge, and what comes behind it.
fn challenge(header: &str) -> Option<(&str, &str)> {
    header.strip_prefix("Bearer realm=\"")?.split_once('"')
}

fn add_headers(seen: &mut Seen, whose: &str, headers: &hyper::HeaderMap) {
    for name in headers.keys().filter(|name| !IGNORED.contains(&name.as_str())) {
        let values = headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        seen.insert(format!("{whose} {name}"), values.join(" | "));
    }
}

fn add_log(seen: &mut Seen, entry: &Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    seen.insert("details".into(), text(&entry["details"]));
    for (name, value) in entry.as_object().into_iter().flatten() {
        if name.starts_with("left ") && !value.is_null() && value != "-" {
            seen.insert(name.clone(), canonical(value));
        }
    }
}

/// JSON with its members in one order, and every number a double, as Envoy's metadata has them; also out
/// of a text.
fn canonical(value: &Value) -> String {
    fn doubles(value: &mut Value) {
        match value {
            Value::Number(number) => *value = number.as_f64().into(),
            Value::Array(list) => list.iter_mut().for_each(doubles),
            Value::Object(members) => members.values_mut().for_each(doubles),
            _ => {}
        }
    }
    let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    let mut value = inner.unwrap_or_else(|| value.clone());
    doubles(&mut value);
    value.to_string()
}

/// In what they differ; where one denies and the other does not, the answers tell it.
fn how(what: &[&String], ours: &Seen, native: &Seen) -> String {
    let both = |name: &str| {
        let [ours, native] = [ours, native].map(|seen| seen.get(name).map_or("", |it| it));
        format!("{name}: ours {ours:?}, native {native:?}")
    };
    match ours["status"] == native["status"] && ours["body"] == native["body"] {
        true => what.iter().map(|name| both(name)).collect::<Vec<_>>().join("; "),
        false => ["status", "body"].map(both).join("; "),
    }
}

/// What has come of all requests.
#[derive(Default)]
pub(crate) struct Tally {
    compared: usize,
    agreed: usize,
    wrong: Vec<String>,
    shown: BTreeSet<&'static str>,
}

impl Tally {
    fn add(&mut self, name: &str, case: &Case, ours: &Seen, native: &Seen) {
        self.compared += 1;
        let names: BTreeSet<_> = ours.keys().chain(native.keys()).collect();
        let differing: Vec<_> =
            names.into_iter().filter(|name| ours.get(*name) != native.get(*name)).collect();
        match &case.expected {
            Expected::Same(says) => {
                for (what, value) in says {
                    let native = native.get(*what).map_or("", |value| value);
                    if native != value {
                        self.wrong.push(format!(
                            "{name}: native's {what} is not {value:?} but {native:?}"
                        ));
                    }
                }
                if differing.is_empty() {
                    self.agreed += 1;
                }
                if !differing.is_empty() {
                    self.wrong.push(format!("{name}: {}", how(&differing, ours, native)));
                }
            }
            Expected::Differs(difference, more) => {
                self.shown.insert(difference.name);
                let all = |says: &'static [(&'static str, &'static str)],
                           more: &[(&'static str, String)]| {
                    let says = says.iter().map(|(what, value)| (*what, (*value).to_owned()));
                    says.chain(more.iter().cloned()).collect::<Vec<_>>()
                };
                let (of_ours, of_native) =
                    (all(difference.ours, &more[0]), all(difference.native, &more[1]));
                self.check(name, "ours", ours, &of_ours);
                self.check(name, "native", native, &of_native);
                // What passes here and is denied there has nothing in common, nor have two bodies.
                if ours["status"] == native["status"] && ours["body"] == native["body"] {
                    let known =
                        |what: &str| of_ours.iter().chain(&of_native).any(|(it, _)| *it == what);
                    let more: Vec<_> =
                        differing.iter().filter(|what| !known(what)).copied().collect();
                    if !more.is_empty() {
                        self.wrong.push(format!("{name}: also {}", how(&more, ours, native)));
                    }
                }
                if differing.is_empty() {
                    self.wrong.push(format!("{name}: there is no difference"));
                }
            }
        }
    }

    fn check(&mut self, name: &str, side: &str, seen: &Seen, says: &[(&str, String)]) {
        for (what, expected) in says {
            let found = seen.get(*what).map_or("", |value| value);
            if found != expected {
                self.wrong.push(format!("{name}: {side} {what}: {found:?}, not {expected:?}"));
            }
        }
    }

    /// Prints the figures, and fails if anything is not as it should be.
    pub(crate) fn settle(mut self, least: usize) {
        let deliberate = self.compared - self.agreed;
        println!(
            "{} requests compared: {} agreed in all, {deliberate} showed one of {} deliberate differences",
            self.compared,
            self.agreed,
            DELIBERATE.len()
        );
        for difference in DELIBERATE {
            println!("  {}: {}", difference.name, difference.reason);
            if !self.shown.contains(difference.name) {
                self.wrong.push(format!("no case shows the difference {:?}", difference.name));
            }
        }
        for (index, one) in DELIBERATE.iter().enumerate() {
            assert!(
                DELIBERATE[..index].iter().all(|it| ptr::eq(*it, *one) || it.name != one.name),
                "{} is there twice",
                one.name
            );
        }
        assert!(self.wrong.is_empty(), "{} faults:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(self.compared >= least, "{} requests are too few", self.compared);
    }
}
