//! Whole filters, in any order of events.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Value, json};
use tollgate::{HttpFilter, vm};
use tollgate_canary::Canary;
use tollgate_circuit_breaker::CircuitBreaker;
use tollgate_fault::Fault;
use tollgate_jwt_auth::JwtAuth;
use tollgate_suite::Suite;

use super::tokens::{EXPIRES, ISSUER, NOT_BEFORE, jwk, signed};
use crate::input::structured;
use crate::proxy::{Exchange, Proxy};

/// The plugins: one filter twice, with a configuration each.
const ROOTS: [u32; 2] = [1, 2];

/// The most events of one input.
const STEPS: usize = 64;

/// How many requests may be in flight.
const LIMIT: u64 = 3;

const COOKIE: &str = "uid=alice; flag=on";

/// What a client may send to choose a breaker of its own.
static KEYS: LazyLock<[String; 6]> =
    LazyLock::new(|| ["a.b", "a_b", "", "\t", "a\u{85}b", &"long".repeat(1000)].map(str::to_owned));

const SECOND: u64 = 1_000_000_000;

thread_local! {
    static IS_STARTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// `canary`: every request passes, with one of the variants in the routing header.
pub fn filter_canary(data: &[u8]) {
    run::<Canary>(data, &canary(), |_, exchange| {
        let routing: Vec<_> = values(exchange, "x-variant").collect();
        assert!(exchange.continued && matches!(routing[..], [b"v1" | b"v2"]), "{exchange:?}");
    });
}

/// `fault`: a request passes or is answered with the status of the configuration, and a fault is counted
/// as active while it lasts.
pub fn filter_fault(data: &[u8]) {
    run::<Fault>(data, &fault(), |_, exchange| {
        assert!(exchange.continued || exchange.reply == Some(418), "{exchange:?}");
    });
}

/// `circuit-breaker`: no more requests are in flight than allowed, and each is given back.
pub fn filter_circuit_breaker(data: &[u8]) {
    run::<CircuitBreaker>(data, &circuit_breaker(), |driver, exchange| {
        assert!(exchange.continued || exchange.reply == Some(503), "{exchange:?}");
        driver.assert_within_limits();
    });
}

/// `jwt-auth`: a request passes with a token and else gets 401; no header that a claim becomes is the
/// client's.
pub fn filter_jwt_auth(data: &[u8]) {
    run::<JwtAuth>(data, &jwt_auth(), |_, exchange| {
        let user: Vec<_> = values(exchange, "x-user").collect();
        match exchange.reply {
            None => assert!(exchange.continued && matches!(user[..], [b"alice"])),
            Some(status) => assert!(status == 401 && user.is_empty(), "{exchange:?}"),
        }
    });
}

/// All four in one chain.
pub fn filter_suite(data: &[u8]) {
    let config = json!({ "filters": [
        { "jwt_auth": jwt_auth() },
        { "canary": canary() },
        { "fault": fault() },
        { "circuit_breaker": circuit_breaker() },
    ] });
    run::<Suite>(data, &config, |driver, exchange| {
        let is_known = matches!(exchange.reply, None | Some(401 | 418 | 503));
        assert!(is_known && (exchange.continued || exchange.reply.is_some()), "{exchange:?}");
        driver.assert_within_limits();
    });
}

fn canary() -> Value {
    json!({
        "flag": "checkout",
        "routing_header": "x-variant",
        "variants": ["v1", "v2"],
        "default_variant": "v1",
        "rules": [
            { "name": "a", "match": { "cookies": [{ "name": "flag", "exact": "on" }] }, "variant": "v2" },
            { "name": "b", "split": { "by": [{ "cookie": "uid" }, { "source_ip": true }, { "random": true }], "weights": { "v1": 1, "v2": 1 } } },
        ],
        "response": { "variant_header": "x-served-by" },
    })
}

fn fault() -> Value {
    let half = json!({ "numerator": 50 });
    json!({
        "delay": { "fixed_delay": "0.5s", "percentage": half },
        "abort": { "http_status": 418, "percentage": half },
        "max_active_faults": LIMIT,
    })
}

fn circuit_breaker() -> Value {
    json!({
        "connection_pool": { "http": { "http2_max_requests": LIMIT } },
        "outlier_detection": { "consecutive_5xx_errors": 2, "base_ejection_time": "2s" },
        "key": { "header": "x-key" },
    })
}

fn jwt_auth() -> Value {
    json!({
        "providers": { "accounts": {
            "issuer": ISSUER,
            // RSA would be tested at each start, which takes a hundred times as long as all else.
            "local_jwks": { "inline_string": json!({ "keys": [jwk()] }).to_string() },
            "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }],
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "accounts" } }],
    })
}

/// A token that passes.
static AUTHORIZATION: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({ "iss": ISSUER, "sub": "alice", "nbf": NOT_BEFORE, "exp": EXPIRES });
    format!("Bearer {}", signed(&json!({ "alg": "ES256", "kid": "es" }), &claims))
});

fn values<'a>(exchange: &'a Exchange, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let request = exchange.headers.get(&0).into_iter().flatten();
    request.filter(move |(it, _)| it == name).map(|(_, value)| value.as_slice())
}

/// Lets events happen to the streams of two plugins, first as the input says, host calls that fail and
/// events out of order included, and then in order, on a host that behaves. `settled` is asked about each
/// request that the filter has decided on in the second part.
fn run<F: HttpFilter>(data: &[u8], config: &Value, settled: impl Fn(&Driver, &Exchange)) {
    if !IS_STARTED.replace(true) {
        vm::start::<F>();
    }
    structured(data, |input| {
        let proxy = Proxy::install(config.to_string().as_bytes(), &[COOKIE, &AUTHORIZATION]);
        let mut driver = Driver { proxy, streams: BTreeMap::new(), last: 2 };
        for root in ROOTS {
            driver.proxy.add_root(root);
            vm::on_context_create(root, 0);
            assert!(vm::on_configure(root), "the configuration is refused");
        }
        let trouble = Vec::<u8>::arbitrary(input)?;
        if !trouble.is_empty() {
            driver.proxy.trouble(trouble);
            let _ = driver.events(input, false, &settled);
            driver.recover();
        }
        let _ = driver.events(input, true, &settled);
        driver.end();
        Ok(())
    });
}

/// Plays Envoy.
struct Driver {
    proxy: Rc<Proxy>,
    /// Those that there are, by number.
    streams: BTreeMap<u32, Stream>,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    is_answered: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Event {
    Request { second_plugin: bool, cookie: bool, token: bool, spoofed: bool, key: u8 },
    Response { stream: u8, status: Answer },
    Delete { stream: u8 },
    Wait { milliseconds: u16 },
    OutOfOrder { callback: u8, context: u8 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Answer {
    Good,
    Bad,
    BadGateway,
    Unreachable,
}

impl Driver {
    fn events(
        &mut self,
        input: &mut Unstructured<'_>,
        is_orderly: bool,
        settled: &impl Fn(&Self, &Exchange),
    ) -> arbitrary::Result<()> {
        for _ in 0..input.int_in_range(0..=STEPS)? {
            let event = Event::arbitrary(input)?;
            match event {
                Event::Request { .. } => self.request(event),
                Event::Response { stream, status } => self.response(stream, status),
                Event::Delete { stream } => {
                    if let Some((number, _)) = self.pick(stream) {
                        self.delete(number);
                    }
                }
                Event::Wait { milliseconds } => self.wait(u64::from(milliseconds) * 1_000_000),
                Event::OutOfOrder { .. } if is_orderly => {}
                Event::OutOfOrder { callback, context } => self.out_of_order(callback, context),
            }
            if is_orderly {
                self.check(settled);
            }
        }
        Ok(())
    }

    fn pick(&self, place: u8) -> Option<(u32, Stream)> {
        let place = usize::from(place).checked_rem(self.streams.len())?;
        self.streams.iter().nth(place).map(|(number, stream)| (*number, *stream))
    }

    fn request(&mut self, event: Event) {
        let Event::Request { second_plugin, cookie, token, spoofed, key } = event else { return };
        self.last += 1;
        let (number, root) = (self.last, ROOTS[usize::from(second_plugin)]);
        let mut headers =
            vec![(":path", "/orders?a=b"), (":method", "GET"), (":authority", "shop")];
        headers.extend(cookie.then_some(("cookie", COOKIE)));
        headers.extend(token.then_some(("authorization", AUTHORIZATION.as_str())));
        headers.extend(KEYS.get(usize::from(key)).map(|key| ("x-key", key.as_str())));
        headers.extend(spoofed.then_some(("x-variant", "v3")));
        headers.extend(spoofed.then_some(("x-user", "admin")));
        self.proxy.add_stream(number, &headers);
        self.streams.insert(number, Stream { is_answered: false });
        vm::on_context_create(number, root);
        self.proxy.enter(number);
        if vm::on_request_headers(number, true) == 0 {
            self.proxy.go_on(number);
        }
    }

    fn response(&mut self, place: u8, answer: Answer) {
        let Some((number, stream)) = self.pick(place) else { return };
        let exchange = self.proxy.exchange(number);
        if stream.is_answered || exchange.reset {
            return;
        }
        let (status, details) = match (exchange.reply, answer) {
            (Some(status), _) => (status, &*exchange.code_details),
            // The upstream has not got the request yet: Envoy gives up on it.
            _ if !exchange.continued => (504, "request_overall_timeout"),
            (None, Answer::Good) => (200, "via_upstream"),
            (None, Answer::Bad) => (500, "via_upstream"),
            (None, Answer::BadGateway) => (502, "via_upstream"),
            (None, Answer::Unreachable) => {
                (503, "upstream_reset_before_response_started{connection_failure}")
            }
        };
        self.proxy.respond(number, status, details);
        self.streams.insert(number, Stream { is_answered: true });
        self.proxy.enter(number);
        let _ = vm::on_response_headers(number, true);
    }

    fn delete(&mut self, number: u32) {
        self.proxy.enter(number);
        vm::on_delete(number);
        self.proxy.remove_stream(number);
        self.streams.remove(&number);
    }

    /// Lets time pass, with all ticks that come meanwhile.
    fn wait(&mut self, nanoseconds: u64) {
        let end = self.proxy.now() + nanoseconds;
        while let Some(root) = self.proxy.next_tick(end) {
            self.proxy.enter(root);
            vm::on_tick(root);
        }
    }

    /// Callbacks that Envoy would not make, on contexts that may not be there.
    fn out_of_order(&mut self, callback: u8, context: u8) {
        let context = u32::from(context % 16);
        self.proxy.enter(context);
        match callback % 11 {
            0 => drop(vm::on_request_headers(context, false)),
            1 => drop(vm::on_request_body(context, 7, true)),
            2 => drop(vm::on_request_trailers(context)),
            3 => drop(vm::on_response_headers(context, false)),
            4 => drop(vm::on_response_body(context, 7, false)),
            5 => drop(vm::on_response_trailers(context)),
            6 => vm::on_http_call_response(context, context, 1, 1),
            7 => vm::on_grpc_close(context, context, 14),
            8 => vm::on_tick(context),
            9 => drop(vm::on_configure(ROOTS[usize::from(context % 2 == 0)])),
            _ => vm::on_context_create(context.max(3), ROOTS[0]),
        }
    }

    /// After trouble: whatever there was is deleted, and so are the plugins, which are configured anew.
    fn recover(&mut self) {
        self.proxy.trouble([]);
        self.end_streams();
        for root in ROOTS {
            self.proxy.enter(root);
            assert!(vm::on_configure(root), "the configuration is refused after trouble");
        }
        // A lease lasts for five seconds, and is confirmed once a second.
        self.wait(8 * SECOND);
        self.assert_nothing_is_held();
    }

    /// On a host that behaves: each request has one outcome, and what is counted is there.
    fn check(&self, settled: &impl Fn(&Self, &Exchange)) {
        let mut undecided = 0;
        let exchanges = self.proxy.exchanges();
        for (number, stream) in &self.streams {
            let exchange = &exchanges[number];
            assert!(
                !(exchange.continued && exchange.reply.is_some()),
                "two outcomes: {exchange:?}"
            );
            assert!(!exchange.reset, "reset without need");
            assert!(exchange.replies <= 1, "answered twice");
            if exchange.continued || exchange.reply.is_some() {
                settled(self, exchange);
            } else if !stream.is_answered {
                undecided += 1;
            }
        }
        let active: u64 = self.proxy.metrics("active_faults").iter().sum();
        assert_eq!(active, undecided, "active faults");
    }

    fn end_streams(&mut self) {
        for number in self.streams.keys().copied().collect::<Vec<_>>() {
            self.delete(number);
        }
        // Those that were created out of order.
        (3..16).for_each(vm::on_delete);
    }

    fn end(&mut self) {
        self.end_streams();
        self.assert_nothing_is_held();
        for root in ROOTS {
            vm::on_delete(root);
            self.proxy.remove_root(root);
        }
    }

    fn assert_within_limits(&self) {
        let in_flight = self.proxy.metrics("in_flight");
        assert!(in_flight.iter().all(|number| *number <= LIMIT), "in flight: {in_flight:?}");
    }

    fn assert_nothing_is_held(&self) {
        for gauge in ["in_flight", "active_faults"] {
            let held = self.proxy.metrics(gauge);
            assert!(held.iter().all(|held| *held == 0), "{gauge} without any stream: {held:?}");
        }
    }
}
