//! How contexts begin and end.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [numbers(), ends(), effective()].concat()
}

fn all() -> Script {
    Script::new().watch([RequestHeaders, ResponseHeaders, Log, Done, Delete])
}

fn numbers() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "contexts are numbered one after the other: the plugin 1, then its \
             streams",
        )
        .reference(
            "cpp-host wasm.cc, WasmBase::allocContextId; context.cc, \
             ContextBase::onCreate",
        )
        .script(all().on(ContextCreate, []).watch([VmStart, Configure]))
        .configuration("four")
        .exchange(get_request("/"))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 4",
                    "context_create 2, of 1",
                    "request_headers 2, end of stream",
                    "response_headers 2",
                    "log 2",
                    "done 2",
                    "delete 2",
                    "context_create 3, of 1",
                    "request_headers 3, end of stream",
                    "response_headers 3",
                    "log 3",
                    "done 3",
                    "delete 3",
                ])
                .answer(answer(200).body("ok"))
                .answer(answer(200).body("ok"))
                .seen(seen("GET", "/"))
                .seen(seen("GET", "/")),
        ),
        Scenario::new("streams at the same time have contexts of their own")
            .reference("cpp-host wasm.cc, WasmBase::allocContextId")
            .script(Script::new().watch([RequestHeaders, Delete]))
            .app([reply_of(200).told().body("ok")])
            .begin(get_request("/"))
            .arrived("app", 1)
            .begin(get_request("/"))
            .arrived("app", 2)
            .tell("app")
            .answered(0)
            .tell("app")
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "request_headers 3, end of stream",
                        "delete 2",
                        "delete 3",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new("the configuration is read while the plugin is configured, and not after")
            .reference("envoy context.cc, Context::getBuffer: temp_plugin_")
            .script(
                Script::new()
                    .on(VmStart, [get_buffer(Buffer::VmConfiguration, 0, 100)])
                    .on(Configure, [get_buffer(Buffer::PluginConfiguration, 0, 100)])
                    .on(
                        RequestHeaders,
                        [
                            get_buffer(Buffer::PluginConfiguration, 0, 100),
                            set_context(1),
                            get_buffer(Buffer::PluginConfiguration, 0, 100),
                        ],
                    ),
            )
            .configuration("{\"a\": 1}")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "vm_start 1, size 0",
                        "read vm_configuration 0 100 -> ok ''",
                        "configure 1, size 8",
                        "read plugin_configuration 0 100 -> ok '{\"a\": 1}'",
                        "request_headers 2, end of stream",
                        "read plugin_configuration 0 100 -> not found",
                        "set context 1 -> ok",
                        "read plugin_configuration 0 100 -> not found",
                    ])
                    .usual(),
            ),
    ]
}

fn ends() -> Vec<Scenario> {
    vec![
        Scenario::new("a stream that is answered is logged, done and deleted")
            .reference(
                "envoy conn_manager_impl.cc, doDeferredStreamDestroy; context.cc, \
                 Context::log, onDestroy",
            )
            .script(all())
            .exchange(get_request("/"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "response_headers 2",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .usual()
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("a stream whose client leaves before the answer ends in the same way")
            .reference(
                "envoy conn_manager_impl.cc, onResetStream; context.cc, \
                 Context::onDestroy",
            )
            .script(all())
            .app([reply_of(200).told().body("ok")])
            .begin(get_request("/").http2())
            .arrived("app", 1)
            .leave(0)
            .logged("delete 2")
            .show_endings()
            .expect(
                Observed::new()
                    .log(["request_headers 2, end of stream", "log 2", "done 2", "delete 2"])
                    .answer(no_answer())
                    .seen(seen("GET", "/"))
                    .ending("0 http2.remote_reset DR"),
            ),
        Scenario::new("a stream whose client leaves while it is paused ends in the same way")
            .reference("envoy conn_manager_impl.cc, onEvent; context.cc, Context::onDestroy")
            .script(all().on(RequestBody, [PAUSE]))
            .begin(post_request("/").body_later())
            .arrived("app", 1)
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .leave(0)
            .logged("delete 2")
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(no_answer())
                    .seen(seen("POST", "/").broken())
                    .ending("0 downstream_remote_disconnect DC"),
            ),
        Scenario::new(
            "a stream whose upstream closes before the answer gets a 503, which \
             the module sees",
        )
        .reference("envoy router.cc, onUpstreamReset: sendLocalReply")
        .script(all())
        .app([reply_of(200).reset()])
        .exchange(get_request("/"))
        .show_endings()
        .expect(
            Observed::new()
                .log([
                    "request_headers 2, end of stream",
                    "response_headers 2",
                    "log 2",
                    "done 2",
                    "delete 2",
                ])
                .answer(answer(503).body(
                    "upstream connect error or disconnect/reset before headers. reset \
                     reason: connection termination",
                ))
                .seen(seen("GET", "/").broken())
                .ending("503 upstream_reset_before_response_started{connection_termination} UC"),
        ),
        Scenario::new("a response that breaks off ends without an end of stream")
            .reference("envoy router.cc, onUpstreamReset: resetStream once headers are gone")
            .script(all().watch([ResponseBody, ResponseTrailers]))
            .app([reply_of(200).chunk("abc").told().reset()])
            .begin(get_request("/"))
            .logged("response_body 2, size 3")
            .tell("app")
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "response_headers 2",
                        "response_body 2, size 3",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(200).body("abc").broken())
                    .seen(seen("GET", "/"))
                    .ending("200 upstream_reset_after_response_started{protocol_error} UPE"),
            ),
        Scenario::new("an answer before the end of the request ends the stream, too")
            .reference(
                "envoy conn_manager_impl.cc, encodeEnd: the rest of the request is \
                 dropped",
            )
            .script(all().watch([RequestBody]))
            .app([reply_of(200).told().body("ok")])
            .begin(post_request("/").body_later())
            .arrived("app", 1)
            .part(0, "abc")
            .logged("request_body 2, size 3")
            .tell("app")
            .answered(0)
            .logged("delete 2")
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2",
                        "request_body 2, size 3",
                        "response_headers 2",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("POST", "/").broken())
                    .ending("200 via_upstream -"),
            ),
        Scenario::new("who answers done with 'not yet' is deleted all the same")
            .reference("envoy context.cc, Context::onDestroy: onDone(); onDelete()")
            .script(Script::new().on(Done, [NO]).watch([Delete]))
            .exchange(get_request("/"))
            .expect(Observed::new().log(["done 2", "delete 2"]).usual()),
        Scenario::new("a request that no filter may see is logged by a context of its own")
            .reference("envoy context.cc, Context::log: onCreate() when it was not created")
            .script(all().on(ContextCreate, []))
            .exchange(get_request("/").header("host", "a b"))
            .show_endings()
            .expect(
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "context_create 2, of 1",
                        "log 2",
                        "done 2",
                        "delete 2",
                    ])
                    .answer(answer(400).body("Bad Request"))
                    .ending("400 http.invalid_authority DPE"),
            ),
    ]
}

fn effective() -> Vec<Scenario> {
    vec![
        Scenario::new("a context that is unknown, or deleted, cannot be made the effective one")
            .reference("cpp-host exports.cc, set_effective_context")
            .script(
                Script::new()
                    .quietly(
                        RequestHeaders,
                        [
                            nth(1, [set_context(99), set_context(0), set_context(1)]),
                            nth(
                                2,
                                [
                                    set_context(2),
                                    get(Map::RequestHeaders, ":path"),
                                    set_context(3),
                                    get(Map::RequestHeaders, ":path"),
                                ],
                            ),
                        ],
                    )
                    .watch([Delete]),
            )
            .exchange(get_request("/one"))
            .logged("delete 2")
            .exchange(get_request("/two"))
            .expect(
                Observed::new()
                    .log([
                        "set context 99 -> bad argument",
                        "set context 0 -> ok",
                        "set context 1 -> ok",
                        "delete 2",
                        "set context 2 -> bad argument",
                        "get request_headers :path -> ok '/two'",
                        "set context 3 -> ok",
                        "get request_headers :path -> ok '/two'",
                        "delete 3",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/one"))
                    .seen(seen("GET", "/two")),
            ),
        Scenario::new("the effective context lasts to the end of a callback")
            .reference("cpp-host wasm_vm.h: SaveRestoreContext in every call")
            .script(
                Script::new().on(RequestHeaders, [nth(1, [tick_every(20)]), nth(1, [PAUSE])]).on(
                    Tick,
                    [
                        nth(1, [set_context(2), get(Map::RequestHeaders, ":path")]),
                        nth(
                            2,
                            [
                                get(Map::RequestHeaders, ":path"),
                                tick_every(0),
                                set_context(2),
                                continue_stream(Stream::Request),
                            ],
                        ),
                    ],
                ),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "request_headers 2, end of stream",
                        "tick every 20 -> ok",
                        "tick 1",
                        "set context 2 -> ok",
                        "get request_headers :path -> ok '/'",
                        "tick 1",
                        "get request_headers :path -> bad argument",
                        "tick every 0 -> ok",
                        "set context 2 -> ok",
                        "continue request -> ok",
                    ])
                    .usual(),
            ),
        Scenario::new(
            "in the plugin's context a stream's headers, body and end are out of \
             reach",
        )
        .reference("envoy context.cc: the members of another Context")
        .script(Script::new().quietly(
            RequestHeaders,
            [
                set_context(1),
                get(Map::RequestHeaders, ":path"),
                get_pairs(Map::RequestHeaders),
                replace(Map::RequestHeaders, "x-a", "1"),
                get_buffer(Buffer::RequestBody, 0, 10),
                continue_stream(Stream::Request),
                close_stream(Stream::Request),
                property("request.path"),
                set_property("probe", "1"),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "set context 1 -> ok",
                    "get request_headers :path -> bad argument",
                    "pairs request_headers -> ok []",
                    "replace request_headers x-a -> bad argument",
                    "read request_body 0 10 -> ok ''",
                    "continue request -> ok",
                    "close request -> ok",
                    "property request.path -> not found",
                    "set property probe -> not found",
                ])
                .usual(),
        ),
    ]
}
