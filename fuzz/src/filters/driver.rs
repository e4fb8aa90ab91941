//! Plays Envoy for a whole filter: any events, in any order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;
use tollgate::{HttpFilter, vm};

use super::whole::{AUTHORIZATION, COOKIE, KEYS, LIMIT};
use crate::input::structured;
use crate::proxy::{Exchange, Proxy};

/// The plugins: one filter twice.
const ROOTS: [u32; 2] = [1, 2];

/// The most events of one input.
const STEPS: usize = 64;

const SECOND: u64 = 1_000_000_000;

thread_local! {
    static IS_STARTED: Cell<bool> = const { Cell::new(false) };
}

/// Lets events happen to the streams of two plugins, first as the input says, host calls that fail and
/// events out of order included, and then in order, on a host that behaves. `settled` is asked about each
/// request that the filter has decided on in the second part.
pub(super) fn run<F: HttpFilter>(
    data: &[u8],
    config: &Value,
    settled: impl Fn(&Driver, &Exchange),
) {
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
pub(super) struct Driver {
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

    pub(super) fn assert_within_limits(&self) {
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
