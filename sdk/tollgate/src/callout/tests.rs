use super::*;
use crate::abi::{BufferKind, HostError, Status};
use crate::executor::{Scope, TaskId};
use crate::testing::TestHost;
use crate::vm;

const ROOT: u32 = 1;
const STREAM: u32 = 7;

/// Runs a future as a request; tells what came of it.
fn request<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> (Option<TaskId>, Rc<RefCell<Option<T>>>) {
    let output = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&output);
    let task = executor::start(Scope { root: ROOT, context: STREAM }, future, move |output| {
        slot.replace(Some(output));
        None::<std::future::Ready<()>>
    });
    executor::settle(ROOT);
    (task, output)
}

fn host() -> Rc<TestHost> {
    let host = TestHost::install();
    host.effective_context.set(STREAM);
    host
}

/// The host has an answer to a call.
fn answer(host: &TestHost, call: u32, status: &str, body: &[u8]) {
    let headers = [(":status", status), ("x-from", "upstream")];
    *host.headers.borrow_mut() = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    host.buffers.borrow_mut().insert(BufferKind::HttpCallResponseBody, body.to_vec());
    vm::on_http_call_response(ROOT, call, headers.len(), body.len());
}

fn pass(host: &TestHost, milliseconds: u64) {
    host.advance(Duration::from_millis(milliseconds));
    executor::tick(ROOT);
}

fn call() -> HttpCall {
    HttpCall::get("users", "users.local", "/42").limit(10)
}

#[test]
fn a_call_is_made_by_the_plugin_and_its_answer_comes_to_the_request() {
    let host = host();
    let (_, output) = request(async { call().send().await });
    assert_eq!(*host.calls.borrow(), [(ROOT, "users".to_owned())]);
    assert_eq!(host.effective_context.get(), STREAM);
    answer(&host, 1, "203", b"hello");
    let output = output.borrow_mut().take().unwrap().unwrap();
    assert_eq!((output.status(), output.body()), (203, &b"hello"[..]));
    assert_eq!(output.headers().get("x-from"), Some(&b"upstream"[..]));
    assert_eq!(host.effective_context.get(), STREAM);
}

#[test]
fn the_kinds_of_failure_are_kept_apart() {
    let host = host();
    let (_, refused) = request(async { HttpCall::get("unknown", "a", "/").send().await });
    assert_eq!(
        refused.borrow_mut().take(),
        Some(Err(CallError::Refused(HostError::new("proxy_http_call", Status::BadArgument))))
    );

    let (_, unreachable) = request(async { call().send().await });
    vm::on_http_call_response(ROOT, 1, 0, 0);
    assert_eq!(unreachable.borrow_mut().take(), Some(Err(CallError::Unreachable)));

    let (_, too_large) = request(async { call().send().await });
    answer(&host, 2, "200", b"12345678901");
    let expected = CallError::TooLarge { size: 11, limit: 10 };
    assert_eq!(too_large.borrow_mut().take(), Some(Err(expected)));

    let (_, malformed) = request(async { call().send().await });
    answer(&host, 3, "many", b"");
    assert!(matches!(malformed.borrow_mut().take(), Some(Err(CallError::Malformed(_)))));

    let (_, unreadable) = request(async { call().send().await });
    host.refuse_header_maps.set(true);
    answer(&host, 4, "200", b"");
    assert!(matches!(unreadable.borrow_mut().take(), Some(Err(CallError::Malformed(_)))));
    host.refuse_header_maps.set(false);

    let (_, status) = request(async { call().send().await.and_then(Answer::success) });
    answer(&host, 5, "404", b"");
    assert_eq!(status.borrow_mut().take(), Some(Err(CallError::Status(404))));
}

#[test]
fn answers_that_nobody_waits_for_have_no_effect() {
    let host = host();
    let (task, output) = request(async { call().send().await });
    executor::cancel(task.unwrap());
    answer(&host, 1, "200", b"");
    answer(&host, 99, "200", b"");
    assert_eq!(*output.borrow(), None);
    assert_eq!(http::calls_under_way(), 0);
}

#[test]
fn a_failed_call_is_made_again_after_a_pause_as_often_as_it_may() {
    let host = host();
    let retry = Retry::times(2).backoff(Duration::from_millis(10), Duration::from_millis(15));
    let (_, output) = request(async move { call().retry(retry).send().await });
    vm::on_http_call_response(ROOT, 1, 0, 0);
    assert_eq!(host.calls.borrow().len(), 1);
    pass(&host, 10);
    assert_eq!(host.calls.borrow().len(), 2);
    answer(&host, 2, "503", b"");
    pass(&host, 15);
    assert_eq!(host.calls.borrow().len(), 3);
    answer(&host, 3, "500", b"");
    assert_eq!(output.borrow_mut().take().unwrap().unwrap().status(), 500);
}

#[test]
fn what_will_not_get_better_is_not_tried_again() {
    let host = host();
    let (_, refused) =
        request(async { HttpCall::get("unknown", "a", "/").retry(Retry::times(5)).send().await });
    assert!(refused.borrow().is_some());
    let (_, output) = request(async { call().retry(Retry::times(5)).send().await });
    answer(&host, 1, "404", b"");
    assert_eq!(output.borrow_mut().take().unwrap().unwrap().status(), 404);
    assert_eq!(host.calls.borrow().len(), 1);
}

#[test]
fn debug_output_shows_no_values_and_no_body() {
    let call = HttpCall::post("users", "a", "/?token=secret", "secret").header("x", "secret");
    assert!(!format!("{call:?}").contains("secret"));
    let call = GrpcCall::new("users", "a.B", "C").metadata("x", "secret");
    assert!(!format!("{call:?}").contains("secret"));
}

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

async fn check() -> Result<Text, GrpcError> {
    let call = GrpcCall::new("checks", "demo.Check", "Check").limit(100);
    call.unary(&Text { text: "question".into() }).await
}

/// The host has a message for a gRPC call.
fn receive(host: &TestHost, call: u32, bytes: &[u8]) {
    host.buffers.borrow_mut().insert(BufferKind::GrpcReceiveBuffer, bytes.to_vec());
    vm::on_grpc_receive(ROOT, call, bytes.len());
}

#[test]
fn a_grpc_call_is_answered_with_its_message() {
    let host = host();
    let (_, output) = request(check());
    assert_eq!(*host.calls.borrow(), [(ROOT, "demo.Check/Check".to_owned())]);
    receive(&host, 1, &prost::Message::encode_to_vec(&Text { text: "answer".into() }));
    assert_eq!(output.borrow_mut().take(), Some(Ok(Text { text: "answer".into() })));
    assert!(host.cancelled.borrow().is_empty());
}

#[test]
fn a_grpc_call_may_end_with_a_status_a_wrong_message_or_too_large_a_one() {
    let host = host();
    let (_, status) = request(check());
    vm::on_grpc_close(ROOT, 1, 14);
    let expected = GrpcError::Status { code: 14, message: "no connection".into() };
    assert_eq!(status.borrow_mut().take(), Some(Err(expected)));

    let (_, malformed) = request(check());
    receive(&host, 2, b"\xff\xff");
    assert_eq!(malformed.borrow_mut().take(), Some(Err(GrpcError::Malformed)));

    let (_, too_large) = request(check());
    receive(&host, 3, &[0; 101]);
    let expected = GrpcError::TooLarge { size: 101, limit: 100 };
    assert_eq!(too_large.borrow_mut().take(), Some(Err(expected)));

    let (_, closed_without_error) = request(check());
    vm::on_grpc_close(ROOT, 4, 0);
    assert_eq!(closed_without_error.borrow_mut().take(), Some(Err(GrpcError::Malformed)));
}

#[test]
fn a_grpc_call_that_nobody_waits_for_any_more_is_cancelled() {
    let host = host();
    let (task, _) = request(check());
    executor::cancel(task.unwrap());
    assert_eq!(*host.cancelled.borrow(), [1]);
    receive(&host, 1, b"");
    vm::on_grpc_close(ROOT, 1, 0);
}

/// A value may come from a token or a body, where it is no line of HTTP.
#[test]
fn a_call_with_a_line_break_in_a_header_is_refused() {
    let host = host();
    let (_, output) = request(async {
        let user = "joe\r\nx-admin: 1";
        let http = call().header("x-user", user).send().await.map(drop);
        let path = HttpCall::get("users", "a", "/\r\nx-admin: 1").send().await.map(drop);
        let grpc = GrpcCall::new("users", "s", "m").metadata("x-user", user);
        (http, path, grpc.unary::<()>(&()).await)
    });
    let output = output.borrow_mut().take().unwrap();
    let (
        Err(CallError::Refused(http)),
        Err(CallError::Refused(path)),
        Err(GrpcError::Refused(grpc)),
    ) = output
    else {
        panic!("{output:?}");
    };
    for error in [http, path, grpc] {
        assert_eq!(error.status(), Status::BadArgument);
    }
    assert!(host.calls.borrow().is_empty());
}
