//! What a scenario shows, in a form in which two worlds can be compared.

use std::fmt;

/// Longer bodies are compared by their size and first bytes.
const LONGEST_BODY: usize = 200;

/// Everything that a scenario shows: nothing in it depends on ports, dates or the order of threads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether the proxy refused the configuration. Then there is nothing else.
    pub is_refused: bool,
    /// Whether the proxy itself crashed. Then there is nothing else.
    pub has_crashed: bool,
    /// What each request got, in the order in which they began.
    pub answers: Vec<Answer>,
    /// What the upstreams got: those of `app`, then of `side`, then of `grpc`; each in order of
    /// arrival.
    pub requests: Vec<Seen>,
    /// What the probe logged in the VMs of workers; at other levels than "info" behind `warning: ` and
    /// the like.
    pub log: Vec<String>,
    /// What the probe logged on the main thread; only if the scenario asks for it.
    pub main_log: Vec<String>,
    /// How the requests ended, in the order in which they did: response code, its details, and
    /// response flags, such as `200 via_upstream -`; only if the scenario asks for it.
    pub endings: Vec<String>,
    /// The stats that the scenario asks for, such as `wasmcustom.probe-000.name: 1`.
    pub stats: Vec<String>,
}

/// What a client got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status; 0 if there was none.
    pub status: u16,
    /// The headers that the scenario looks at, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as text; long ones by size.
    pub body: String,
    /// All trailers, in order.
    pub trailers: Vec<(String, String)>,
    /// Whether the connection or stream broke before the end.
    pub is_broken: bool,
}

/// What an upstream got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Which upstream: `app`, `side` or `grpc`.
    pub upstream: String,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers that the scenario looks at, in order.
    pub headers: Vec<(String, String)>,
    /// The body, as text; long ones by size, and nothing of one that broke off.
    pub body: String,
    /// All trailers, in order.
    pub trailers: Vec<(String, String)>,
    /// Whether it broke off before its end.
    pub is_broken: bool,
}

impl Observed {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration is refused.
    #[must_use]
    pub fn refused() -> Self {
        Self { is_refused: true, ..Self::default() }
    }

    /// The proxy crashes.
    #[must_use]
    pub fn crashed() -> Self {
        Self { has_crashed: true, ..Self::default() }
    }

    /// One more answer.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// One more request at an upstream.
    #[must_use]
    pub fn seen(mut self, seen: Seen) -> Self {
        self.requests.push(seen);
        self
    }

    /// `GET /` at the upstream `app`, answered with 200 and `ok`: what most scenarios see.
    #[must_use]
    pub fn usual(self) -> Self {
        self.answer(answer(200).body("ok")).seen(seen("GET", "/"))
    }

    /// What is logged.
    #[must_use]
    pub fn log<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.log.extend(lines.into_iter().map(Into::into));
        self
    }

    /// What is logged on the main thread.
    #[must_use]
    pub fn main_log<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.main_log.extend(lines.into_iter().map(Into::into));
        self
    }

    /// How one more request ends.
    #[must_use]
    pub fn ending(mut self, ending: &str) -> Self {
        self.endings.push(ending.to_owned());
        self
    }

    /// What a stat shows.
    #[must_use]
    pub fn stat(mut self, name: &str, value: u64) -> Self {
        self.stats.push(format!("{name}: {value}"));
        self
    }

    /// Line by line, for a comparison that a person reads.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_refused {
            lines.push("refused".to_owned());
        }
        if self.has_crashed {
            lines.push("crashed".to_owned());
        }
        lines.extend(self.answers.iter().map(|answer| format!("answer:  {answer}")));
        lines.extend(self.requests.iter().map(|seen| format!("request: {seen}")));
        lines.extend(self.log.iter().map(|line| format!("log:     {line}")));
        lines.extend(self.main_log.iter().map(|line| format!("main:    {line}")));
        lines.extend(self.endings.iter().map(|line| format!("ending:  {line}")));
        lines.extend(self.stats.iter().map(|line| format!("stat:    {line}")));
        lines
    }

    /// How this differs from what was expected: the lines of both, those only one has marked by `-`
    /// (expected) and `+` (observed). `None` if it does not.
    #[must_use]
    pub fn difference(&self, expected: &Self) -> Option<String> {
        if self == expected {
            return None;
        }
        let (expected, observed) = (expected.lines(), self.lines());
        let mut text = String::new();
        let mut rest = observed.iter().peekable();
        for line in &expected {
            if rest.clone().any(|other| other == line) {
                while let Some(other) = rest.next_if(|other| *other != line) {
                    text.push_str(&format!("  + {other}\n"));
                }
                rest.next();
                text.push_str(&format!("    {line}\n"));
            } else {
                text.push_str(&format!("  - {line}\n"));
            }
        }
        for other in rest {
            text.push_str(&format!("  + {other}\n"));
        }
        Some(text)
    }
}

/// An answer with this status.
#[must_use]
pub fn answer(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

/// No answer at all: the connection was closed, or the stream reset.
#[must_use]
pub fn no_answer() -> Answer {
    Answer { is_broken: true, ..Answer::default() }
}

/// A request at the upstream `app`.
#[must_use]
pub fn seen(method: &str, path: &str) -> Seen {
    Seen { upstream: "app".into(), method: method.into(), path: path.into(), ..Seen::default() }
}

impl Answer {
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body_text(body.as_ref());
        self
    }

    /// With one more trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Which broke off.
    #[must_use]
    pub fn broken(mut self) -> Self {
        self.is_broken = true;
        self
    }
}

impl Seen {
    /// At another upstream.
    #[must_use]
    pub fn at(mut self, upstream: &str) -> Self {
        self.upstream = upstream.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body_text(body.as_ref());
        self
    }

    /// With one more trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Which broke off.
    #[must_use]
    pub fn broken(mut self) -> Self {
        self.is_broken = true;
        self
    }
}

/// A body as it is compared: its bytes, those that are no printable ASCII escaped; of a long one the
/// size and the first ten bytes.
#[must_use]
pub fn body_text(body: &[u8]) -> String {
    match body.len() {
        0..=LONGEST_BODY => body.escape_ascii().to_string(),
        size => format!("{size} bytes: {}...", body[..10].escape_ascii()),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        message(f, &self.headers, &self.body, &self.trailers, self.is_broken)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.upstream, self.method, self.path)?;
        message(f, &self.headers, &self.body, &self.trailers, self.is_broken)
    }
}

fn message(
    f: &mut fmt::Formatter<'_>,
    headers: &[(String, String)],
    body: &str,
    trailers: &[(String, String)],
    is_broken: bool,
) -> fmt::Result {
    for (name, value) in headers {
        write!(f, ", {name}: {value}")?;
    }
    write!(f, " \"{body}\"")?;
    for (name, value) in trailers {
        write!(f, " trailer {name}: {value}")?;
    }
    if is_broken {
        write!(f, " broken off")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_side_has_is_marked() {
        let expected = Observed::new().log(["one", "two", "three"]).usual();
        let observed = Observed::new().log(["one", "three", "four"]).usual();
        assert_eq!(expected.difference(&expected), None);
        let difference = observed.difference(&expected).unwrap();
        let lines: Vec<_> = difference.lines().filter(|line| line.contains("log:")).collect();
        assert_eq!(
            lines,
            ["    log:     one", "  - log:     two", "    log:     three", "  + log:     four"],
        );
    }

    #[test]
    fn another_order_is_a_difference() {
        let expected = Observed::new().log(["one", "two"]);
        assert!(Observed::new().log(["two", "one"]).difference(&expected).is_some());
    }

    #[test]
    fn long_bodies_are_compared_by_size_and_beginning() {
        assert_eq!(body_text(b"a\n\xff"), "a\\n\\xff");
        assert_eq!(body_text(&[b'a'; 201]), "201 bytes: aaaaaaaaaa...");
        assert_eq!(body_text(&[b'a'; 200]).len(), 200);
    }
}
