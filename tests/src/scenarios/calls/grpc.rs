//! gRPC calls.

use super::on_answer;
use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    let called =
        |timeout| Script::new().on(RequestHeaders, [grpc_call("grpc", "ping", timeout), PAUSE]);
    let answers = |script: Script| {
        script
            .on(GrpcInitialMetadata, [get(Map::GrpcInitialMetadata, "content-type")])
            .on(GrpcReceive, [get_buffer(Buffer::GrpcMessage, 0, 100)])
            .on(GrpcTrailingMetadata, [get_pairs(Map::GrpcTrailingMetadata)])
            .on(GrpcClose, on_answer(vec![call_status(), get_buffer(Buffer::GrpcMessage, 0, 100)]))
    };
    vec![
        Scenario::new("a gRPC call that succeeds brings its message, and no close")
            .reference(
                "envoy context.cc, Context::onGrpcReceiveWrapper; \
                 AsyncRequestImpl::onSuccess",
            )
            .script(answers(called(1000)).on(
                GrpcReceive,
                on_answer(vec![get_buffer(Buffer::GrpcMessage, 0, 100), call_status()]),
            ))
            .look_at(["content-type", "te", "grpc-timeout", "host"])
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "grpc call -> ok 5",
                        "grpc_receive 1, token 5, size 4",
                        "read grpc_message 0 100 -> ok 'pong'",
                        "status -> ok '' 0",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/").header("host", "probe.test"))
                    .seen(
                        seen("POST", "/probe.Service/Method")
                            .at("grpc")
                            .header("te", "trailers")
                            .header("grpc-timeout", "1000m")
                            .header("content-type", "application/grpc")
                            .header("x-probe", "called")
                            .body(b"\x00\x00\x00\x00\x04ping"),
                    ),
            ),
        Scenario::new("a gRPC call that fails is closed with status and text")
            .reference("envoy context.cc, Context::onGrpcCloseWrapper, getStatus")
            .script(answers(called(1000)))
            .grpc(GrpcReply::Status(5, "not here".into()))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "grpc call -> ok 5",
                        "grpc_close 1, token 5, status 5",
                        "status -> ok 'not here{via_upstream}' 5",
                        "read grpc_message 0 100 -> ok ''",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(
                        seen("POST", "/probe.Service/Method")
                            .at("grpc")
                            .header("x-probe", "called")
                            .body(b"\x00\x00\x00\x00\x04ping"),
                    ),
            ),
        Scenario::new("a gRPC call that takes too long is closed")
            .reference(
                "envoy grpc/async_client_impl.cc, AsyncRequestImpl; router.cc, \
                 onResponseTimeout",
            )
            .script(answers(called(30)))
            .grpc(GrpcReply::Told(b"late".to_vec()))
            .exchange(get_request("/"))
            .tell("grpc")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "grpc call -> ok 5",
                        "grpc_close 1, token 5, status 14",
                        "status -> ok 'upstream request timeout{response_timeout}' 14",
                        "read grpc_message 0 100 -> ok ''",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(
                        seen("POST", "/probe.Service/Method")
                            .at("grpc")
                            .header("x-probe", "called")
                            .body(b"\x00\x00\x00\x00\x04ping"),
                    ),
            ),
        Scenario::new("a gRPC call that is cancelled brings nothing")
            .reference("envoy context.cc, Context::grpcCancel")
            .script(answers(Script::new()).on(
                RequestHeaders,
                [grpc_call("grpc", "ping", 1000), grpc_cancel(), grpc_cancel()],
            ))
            .exchange(get_request("/"))
            .pass(30)
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "grpc call -> ok 5",
                        "grpc cancel -> ok",
                        "grpc cancel -> not found",
                    ])
                    .usual(),
            ),
        Scenario::new(
            "a gRPC call of an unknown cluster fails twice: by its status, and by \
             a close",
        )
        .reference(
            "envoy context.cc, Context::grpcCall: InternalFailure; \
             grpc/async_client_impl.cc, onRemoteClose",
        )
        .script(
            Script::new()
                .on(
                    RequestHeaders,
                    [grpc_call_to(b"\xff\xff", "ping", 1000), grpc_call("absent", "ping", 1000)],
                )
                .on(GrpcClose, [call_status()]),
        )
        .exchange(get_request("/"))
        .logged("grpc_close 1, token 5, status 14")
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "grpc call -> parse failure",
                    "grpc call -> internal failure",
                    "grpc_close 1, token 5, status 14",
                    "status -> ok 'Cluster not available' 14",
                ])
                .usual(),
        ),
    ]
}
