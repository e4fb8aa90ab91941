use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use tollgate::abi::StreamKind;
use tollgate::chain::Chain;
use tollgate::prelude::*;
use tollgate::{time, vm};

use crate::input::structured;
use crate::proxy::Proxy;

const ROOT: u32 = 1;
const STREAM: u32 = 7;

/// What a host understands of an answer.
const CONTINUE: u32 = 0;
const STOP_AND_BUFFER: u32 = 1;

/// The most pieces of a body.
const PIECES: usize = 24;

/// What a member of the chain does with a body. However it is cut into chunks, the outcome is the same.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Member {
    reading: Reading,
    change: Change,
    /// Whether there is a `<` before all else.
    is_marked: bool,
    naps: [bool; 4],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Reading {
    Nothing,
    Chunks,
    /// Chunk by chunk as long as there are as many.
    SomeChunks(u8),
    Whole,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Nothing,
    Next,
    Double,
    DropEven,
}

impl Change {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Nothing => bytes.to_vec(),
            Self::Next => bytes.iter().map(|byte| byte.wrapping_add(1)).collect(),
            Self::Double => bytes.iter().flat_map(|byte| [*byte; 2]).collect(),
            Self::DropEven => bytes.iter().copied().filter(|byte| byte % 2 == 1).collect(),
        }
    }
}

impl Member {
    /// The body behind it.
    fn outcome(self, body: &[u8], has_trailers: bool) -> Vec<u8> {
        match self.reading {
            Reading::Nothing | Reading::SomeChunks(_) => body.to_vec(),
            // Without a chunk there is nothing to write into.
            Reading::Chunks | Reading::Whole if body.is_empty() && has_trailers => Vec::new(),
            Reading::Chunks | Reading::Whole => self.changed(body, true),
        }
    }

    fn changed(self, bytes: &[u8], is_first: bool) -> Vec<u8> {
        let mark = if self.is_marked && is_first { &b"<"[..] } else { b"" };
        [mark, &self.change.of(bytes)].concat()
    }

    async fn nap(self, place: usize) {
        if self.naps[place] {
            time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn work(self, body: &mut Body<'_>) -> Result<Flow> {
        self.nap(1).await;
        match self.reading {
            Reading::Nothing => {}
            Reading::SomeChunks(count) => {
                for _ in 0..count {
                    if body.chunk().await.is_none() {
                        break;
                    }
                    self.nap(2).await;
                }
            }
            Reading::Chunks => {
                let mut is_first = true;
                while let Some(mut chunk) = body.chunk().await {
                    self.nap(2).await;
                    let bytes = self.changed(&chunk.bytes()?, std::mem::take(&mut is_first));
                    chunk.replace(bytes)?;
                    self.nap(3).await;
                }
            }
            Reading::Whole => {
                let Collected::Whole(mut whole) = body.collect(usize::MAX).await else {
                    panic!("there is no limit")
                };
                self.nap(2).await;
                if !(whole.is_empty() && HAS_TRAILERS.get()) {
                    let bytes = self.changed(&whole.bytes()?, true);
                    whole.replace(bytes)?;
                }
            }
        }
        Ok(Flow::Continue)
    }
}

thread_local! {
    static MEMBERS: RefCell<Vec<Member>> = const { RefCell::new(Vec::new()) };
    static HAS_TRAILERS: Cell<bool> = const { Cell::new(false) };
    static IS_STARTED: Cell<bool> = const { Cell::new(false) };
}

/// A filter that does what the input says.
struct Script(Member);

#[derive(Deserialize)]
struct Config {
    place: usize,
}

#[tollgate::filter]
impl HttpFilter for Script {
    const NAME: &'static str = "script";
    type Config = Config;

    fn configure(config: Config, _: &mut Setup) -> Result<Self, ConfigError> {
        let member = MEMBERS.with_borrow(|members| members.get(config.place).copied());
        member.map(Self).ok_or_else(|| ConfigError::new("place", "no member", "a member"))
    }

    async fn request(&self, _: &mut Request<'_>) -> Result<Flow> {
        self.0.nap(0).await;
        Ok(Flow::Continue)
    }

    async fn request_body(&self, body: &mut Body<'_>) -> Result<Flow> {
        self.0.work(body).await
    }

    async fn request_trailers(&self, _: &mut Trailers<'_>) -> Result<Flow> {
        self.0.nap(1).await;
        Ok(Flow::Continue)
    }

    async fn response(&self, _: &mut Response<'_>) -> Result<Flow> {
        self.0.nap(0).await;
        Ok(Flow::Continue)
    }

    async fn response_body(&self, body: &mut Body<'_>) -> Result<Flow> {
        self.0.work(body).await
    }

    async fn response_trailers(&self, _: &mut Trailers<'_>) -> Result<Flow> {
        self.0.nap(1).await;
        Ok(Flow::Continue)
    }
}

/// A body in pieces, through a chain of filters that read and change it in their own ways and at their own
/// pace: behind the chain it is what they make of the whole, however it came; and headers, body and
/// trailers all get there.
pub fn bodies(data: &[u8]) {
    if !IS_STARTED.replace(true) {
        vm::start::<Chain<(Script,)>>();
    }
    structured(data, |input| {
        let members = crate::input::list(input, 3, Member::arbitrary)?;
        let config: Vec<_> = (0..members.len())
            .map(|place| serde_json::json!({ "script": { "place": place } }))
            .collect();
        let config = serde_json::json!({ "filters": config });
        MEMBERS.set(members.clone());
        let proxy = Proxy::install(config.to_string().as_bytes(), &[]);
        proxy.add_root(ROOT);
        vm::on_context_create(ROOT, 0);
        if vm::on_configure(ROOT) {
            let mut sender = Sender::new(Rc::clone(&proxy), StreamKind::Request, members);
            if bool::arbitrary(input)? {
                sender.kind = StreamKind::Response;
            }
            sender.send(input)?;
        }
        vm::on_delete(STREAM);
        proxy.remove_stream(STREAM);
        vm::on_delete(ROOT);
        Ok(())
    });
}

/// Plays Envoy for one direction of one stream.
struct Sender {
    proxy: Rc<Proxy>,
    kind: StreamKind,
    members: Vec<Member>,
    /// What has come and was not passed to the filter, while the headers are held.
    waiting: Vec<u8>,
    held: Held,
    sent: Vec<u8>,
    passed: Vec<u8>,
    has_trailers: bool,
    is_over: bool,
}

/// What the filter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Headers,
    Nothing,
    Body,
    Trailers,
}

impl Sender {
    fn new(proxy: Rc<Proxy>, kind: StreamKind, members: Vec<Member>) -> Self {
        let (waiting, sent, passed) = (Vec::new(), Vec::new(), Vec::new());
        let held = Held::Nothing;
        Self {
            proxy,
            kind,
            members,
            waiting,
            held,
            sent,
            passed,
            has_trailers: false,
            is_over: false,
        }
    }

    fn send(&mut self, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        self.has_trailers = bool::arbitrary(input)?;
        HAS_TRAILERS.set(self.has_trailers);
        self.headers();
        for piece in crate::input::list(input, PIECES, Vec::<u8>::arbitrary)? {
            if bool::arbitrary(input)? {
                self.wait(u64::from(u8::arbitrary(input)? % 8));
            }
            // Envoy brings no empty piece but the last.
            if !piece.is_empty() {
                self.sent.extend_from_slice(&piece);
                self.data(&piece, false);
            }
        }
        match self.has_trailers {
            true => self.trailers(),
            false => self.data(&[], true),
        }
        self.wait(1000);

        let of_member = |body: Vec<u8>, member: &Member| member.outcome(&body, self.has_trailers);
        let expected = self.members.iter().fold(self.sent.clone(), of_member);
        let backwards = self.members.iter().rev().fold(self.sent.clone(), of_member);
        let expected = if self.kind == StreamKind::Request { expected } else { backwards };
        assert_eq!(self.held, Held::Nothing, "{:?}", self.members);
        assert_eq!(self.passed, expected, "of {:?} {:?}", self.sent, self.members);
        assert!(self.proxy.metrics("failures").iter().all(|failures| *failures == 0));
        Ok(())
    }

    fn headers(&mut self) {
        self.proxy.add_stream(STREAM, &[(":path", "/")]);
        vm::on_context_create(STREAM, ROOT);
        self.proxy.enter(STREAM);
        let is_request = self.kind == StreamKind::Request;
        let action = vm::on_request_headers(STREAM, !is_request);
        self.headers_answered(action);
        if !is_request {
            // The request, which has no body, goes first.
            self.kind = StreamKind::Request;
            self.wait(100);
            assert_eq!(self.held, Held::Nothing, "the request is held");
            self.kind = StreamKind::Response;
            self.proxy.respond(STREAM, 200, "via_upstream");
            self.proxy.enter(STREAM);
            let action = vm::on_response_headers(STREAM, false);
            self.headers_answered(action);
        }
    }

    fn headers_answered(&mut self, action: u32) {
        self.held = if action == CONTINUE { Held::Nothing } else { Held::Headers };
        self.settle();
    }

    fn data(&mut self, piece: &[u8], is_last: bool) {
        self.is_over |= is_last;
        match self.held {
            Held::Headers => self.waiting.extend_from_slice(piece),
            _ => self.callback(piece),
        }
    }

    /// Hands a piece to the filter, behind what it holds.
    fn callback(&mut self, piece: &[u8]) {
        let is_last = self.is_over && !self.has_trailers;
        self.proxy.enter(STREAM);
        let size = self.proxy.add_to_buffer(self.kind, piece);
        let action = match self.kind {
            StreamKind::Request => vm::on_request_body(STREAM, size, is_last),
            StreamKind::Response => vm::on_response_body(STREAM, size, is_last),
        };
        match action {
            CONTINUE => self.pass(),
            action => {
                assert_eq!(action, STOP_AND_BUFFER);
                self.held = Held::Body;
            }
        }
        self.settle();
    }

    fn trailers(&mut self) {
        self.is_over = true;
        if self.held == Held::Headers {
            return;
        }
        self.proxy.enter(STREAM);
        let action = match self.kind {
            StreamKind::Request => vm::on_request_trailers(STREAM),
            StreamKind::Response => vm::on_response_trailers(STREAM),
        };
        self.held = Held::Trailers;
        if action == CONTINUE {
            self.pass();
        }
        self.settle();
    }

    fn pass(&mut self) {
        self.proxy.enter(STREAM);
        self.passed.extend(self.proxy.take_buffer(self.kind));
        self.held = Held::Nothing;
    }

    /// After a callback: does what the filter has asked for meanwhile.
    fn settle(&mut self) {
        if !self.proxy.take_continued(STREAM, self.kind) {
            return;
        }
        match self.held {
            // Envoy ignores it.
            Held::Nothing => {}
            Held::Body | Held::Trailers => self.pass(),
            Held::Headers => {
                self.held = Held::Nothing;
                let waiting = std::mem::take(&mut self.waiting);
                let is_ended = self.is_over && !self.has_trailers;
                if !waiting.is_empty() || is_ended {
                    self.callback(&waiting);
                }
                if self.is_over && self.has_trailers {
                    self.trailers();
                }
            }
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        let end = self.proxy.now() + milliseconds * 1_000_000;
        while let Some(root) = self.proxy.next_tick(end) {
            self.proxy.enter(root);
            vm::on_tick(root);
            self.settle();
        }
    }
}
