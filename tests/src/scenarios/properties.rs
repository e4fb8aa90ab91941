//! Properties and foreign functions.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("properties of a request are read in its headers")
            .reference(
                "envoy context.cc, Context::getProperty; \
                 filters/common/expr/context.cc, RequestWrapper",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    property("request.path"),
                    property("request.url_path"),
                    property("request.query"),
                    property("request.host"),
                    property("request.scheme"),
                    property("request.method"),
                    property("request.protocol"),
                    property("request.headers.x-a"),
                    property("request.headers.x-absent"),
                    property("request.useragent"),
                    property("request.id"),
                    property("request.size"),
                    property("request.total_size"),
                    property("request.absent"),
                    property("request"),
                    property("absent"),
                    property("absent.part"),
                    property(""),
                ],
            ))
            .exchange(get_request("/path?a=b").header("x-a", "1").header("x-a", "2"))
            .expect(
                Observed::new()
                    .log([
                        "property request.path -> ok '/path?a=b'",
                        "property request.url_path -> ok '/path'",
                        "property request.query -> ok 'a=b'",
                        "property request.host -> ok 'probe.test'",
                        "property request.scheme -> ok 'http'",
                        "property request.method -> ok 'GET'",
                        "property request.protocol -> ok 'HTTP/1.1'",
                        "property request.headers.x-a -> ok '1,2'",
                        "property request.headers.x-absent -> not found",
                        "property request.useragent -> not found",
                        "property request.id -> not found",
                        "property request.size -> ok '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property request.total_size -> ok 'T\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property request.absent -> not found",
                        "property request -> serialization failure",
                        "property absent -> not found",
                        "property absent.part -> not found",
                        "property  -> serialization failure",
                    ])
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/path?a=b").header("x-a", "1").header("x-a", "2")),
            ),
        Scenario::new("properties of a response are there with its headers")
            .reference("envoy filters/common/expr/context.cc, ResponseWrapper")
            .script(
                Script::new()
                    .quietly(
                        RequestHeaders,
                        [
                            property("response.code"),
                            property("response.headers.x-a"),
                            property("response.code_details"),
                            property("response.flags"),
                        ],
                    )
                    .quietly(
                        ResponseHeaders,
                        [
                            property("response.code"),
                            property("response.headers.x-a"),
                            property("response.code_details"),
                            property("response.flags"),
                            property("response.trailers.x-t"),
                        ],
                    )
                    .quietly(
                        Log,
                        [
                            property("request.path"),
                            property("response.code"),
                            property("response.headers.x-a"),
                            property("response.code_details"),
                            property("response.flags"),
                        ],
                    ),
            )
            .app([reply_of(200).header("x-a", "1").body("ok")])
            .exchange(get_request("/path"))
            .expect(
                Observed::new()
                    .log([
                        "property response.code -> not found",
                        "property response.headers.x-a -> not found",
                        "property response.code_details -> not found",
                        "property response.flags -> ok '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property response.code -> ok '\\xc8\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property response.headers.x-a -> ok '1'",
                        "property response.code_details -> ok 'via_upstream'",
                        "property response.flags -> ok '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property response.trailers.x-t -> not found",
                        "property request.path -> ok '/path'",
                        "property response.code -> ok '\\xc8\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property response.headers.x-a -> ok '1'",
                        "property response.code_details -> ok 'via_upstream'",
                        "property response.flags -> ok '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                    ])
                    .answer(answer(200).header("x-a", "1").body("ok"))
                    .seen(seen("GET", "/path")),
            ),
        Scenario::new(
            "properties tell of the plugin everywhere, and of route and cluster \
             in a stream",
        )
        .reference("envoy context.cc, Context::findValue")
        .script(
            Script::new()
                .quietly(
                    Configure,
                    [
                        property("plugin_name"),
                        property("plugin_root_id"),
                        property("plugin_vm_id"),
                        property("listener_direction"),
                        property("xds.cluster_name"),
                        property("cluster_name"),
                        property("route_name"),
                        property("request.path"),
                        property("connection.mtls"),
                    ],
                )
                .quietly(
                    RequestHeaders,
                    [
                        property("plugin_name"),
                        property("plugin_root_id"),
                        property("plugin_vm_id"),
                        property("listener_direction"),
                        property("xds.cluster_name"),
                        property("cluster_name"),
                        property("xds.route_name"),
                        property("route_name"),
                        property("connection.mtls"),
                        property("connection.requested_server_name"),
                    ],
                ),
        )
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "property plugin_name -> ok 'probe-000'",
                    "property plugin_root_id -> ok 'probe-000'",
                    "property plugin_vm_id -> ok 'probe-000'",
                    "property listener_direction -> not found",
                    "property xds.cluster_name -> not found",
                    "property cluster_name -> not found",
                    "property route_name -> not found",
                    "property request.path -> not found",
                    "property connection.mtls -> not found",
                    "property plugin_name -> ok 'probe-000'",
                    "property plugin_root_id -> ok 'probe-000'",
                    "property plugin_vm_id -> ok 'probe-000'",
                    "property listener_direction -> not found",
                    "property xds.cluster_name -> ok 'probe-000.app'",
                    "property cluster_name -> not found",
                    "property xds.route_name -> ok 'to-app'",
                    "property route_name -> not found",
                    "property connection.mtls -> ok '\\x00'",
                    "property connection.requested_server_name -> ok ''",
                ])
                .usual(),
        ),
        Scenario::new("a property that is set is read in the same stream, and in no other")
            .reference("envoy context.cc, Context::setProperty: filter state wasm.<name>")
            .script(
                Script::new()
                    .quietly(
                        RequestHeaders,
                        [
                            nth(
                                1,
                                [
                                    property("probe"),
                                    set_property("probe", "one"),
                                    property("probe"),
                                    set_property("probe", "two"),
                                    property("probe"),
                                    property("filter_state.wasm.probe"),
                                    set_property("empty", ""),
                                    property("empty"),
                                ],
                            ),
                            nth(2, [property("probe")]),
                        ],
                    )
                    .quietly(Log, [nth(1, [property("probe")])]),
            )
            .exchange(get_request("/"))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "property probe -> not found",
                        "set property probe -> ok",
                        "property probe -> ok 'one'",
                        "set property probe -> ok",
                        "property probe -> ok 'two'",
                        "property filter_state.wasm.probe -> not found",
                        "set property empty -> ok",
                        "property empty -> ok ''",
                        "property probe -> ok 'two'",
                        "property probe -> not found",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/"))
                    .seen(seen("GET", "/")),
            ),
        Scenario::new(
            "the properties of Envoy cannot be set: another of that name hides \
             behind them",
        )
        .reference(
            "envoy context.cc, Context::setProperty does not look at the names \
             that findValue knows",
        )
        .script(Script::new().quietly(
            RequestHeaders,
            [
                set_property("plugin_name", "new"),
                property("plugin_name"),
                set_property("request.path", "/new"),
                property("request.path"),
            ],
        ))
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "set property plugin_name -> ok",
                    "property plugin_name -> ok 'probe-000'",
                    "set property request.path -> ok",
                    "property request.path -> ok '/'",
                ])
                .usual(),
        ),
        Scenario::new("properties of what the configuration names are read in a stream")
            .reference("envoy filters/common/expr/context.cc, XDSWrapper, UpstreamWrapper")
            .script(Script::new().quietly(
                ResponseHeaders,
                [
                    property("xds.cluster_name"),
                    property("xds.route_name"),
                    property("xds.virtual_host_name"),
                    property("xds.listener_direction"),
                    property("xds.filter_chain_name"),
                    property("xds.upstream_host_locality_metadata"),
                    property("upstream.request_attempt_count"),
                    property("upstream.transport_failure_reason"),
                    property("connection.termination_details"),
                    property("connection.transport_failure_reason"),
                    property("connection.tls_version"),
                    property("request.time_absent"),
                    property("response.grpc_status"),
                    property("response.size"),
                    property("metadata.absent"),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "property xds.cluster_name -> ok 'probe-000.app'",
                        "property xds.route_name -> ok 'to-app'",
                        "property xds.virtual_host_name -> ok 'probe-000.0'",
                        "property xds.listener_direction -> ok \
                         '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property xds.filter_chain_name -> ok 'probe-000.0'",
                        "property xds.upstream_host_locality_metadata -> serialization failure",
                        "property upstream.request_attempt_count -> ok \
                         '\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property upstream.transport_failure_reason -> ok ''",
                        "property connection.termination_details -> not found",
                        "property connection.transport_failure_reason -> not found",
                        "property connection.tls_version -> not found",
                        "property request.time_absent -> not found",
                        "property response.grpc_status -> ok \
                         '\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property response.size -> ok '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "property metadata.absent -> not found",
                    ])
                    .usual(),
            ),
        Scenario::new("a foreign function that is unknown is not found")
            .reference("cpp-host exports.cc, call_foreign_function: getForeignFunction")
            .script(Script::new().quietly(
                RequestHeaders,
                [foreign("absent", "x"), foreign("", ""), foreign("VERIFY_SIGNATURE", "")],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "foreign absent -> not found",
                        "foreign  -> not found",
                        "foreign VERIFY_SIGNATURE -> not found",
                    ])
                    .usual(),
            ),
        Scenario::new("the foreign functions of Envoy are there, and read their arguments")
            .reference("envoy foreign.cc")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    foreign("compress", "aaaa"),
                    foreign("uncompress", "aaaa"),
                    foreign("declare_property", "\u{1}"),
                    foreign("set_envoy_filter_state", ""),
                    foreign("expr_create", "1 +"),
                    foreign("expr_evaluate", "abc"),
                    foreign("expr_delete", "abc"),
                    foreign("sign", ""),
                    foreign("clear_route_cache", "x"),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "foreign compress -> ok 'x\\x9cKLLL\\x04\\x00\\x03\\xce\\x01\\x85'",
                        "foreign uncompress -> serialization failure",
                        "foreign declare_property -> bad argument",
                        "foreign set_envoy_filter_state -> not found",
                        "foreign expr_create -> bad argument",
                        "foreign expr_evaluate -> bad argument",
                        "foreign expr_delete -> bad argument",
                        "foreign sign -> bad argument",
                        "foreign clear_route_cache -> ok ''",
                    ])
                    .usual(),
            )
            .until(
                "1.37",
                Observed::new()
                    .log([
                        "foreign compress -> ok 'x\\x9cKLLL\\x04\\x00\\x03\\xce\\x01\\x85'",
                        "foreign uncompress -> serialization failure",
                        "foreign declare_property -> bad argument",
                        "foreign set_envoy_filter_state -> not found",
                        "foreign expr_create -> bad argument",
                        "foreign expr_evaluate -> bad argument",
                        "foreign expr_delete -> bad argument",
                        "foreign sign -> not found",
                        "foreign clear_route_cache -> ok ''",
                    ])
                    .usual(),
                "the function sign is not there yet",
            ),
        Scenario::new("a signature is not verified without a hash function and a key")
            .reference("envoy foreign.cc, VerifySignatureFactory")
            .script(Script::new().quietly(RequestHeaders, [foreign("verify_signature", "")]))
            .exchange(get_request("/"))
            .expect(Observed::new().log(["foreign verify_signature -> bad argument"]).usual())
            .until(
                "1.37",
                Observed::new()
                    .log(["foreign verify_signature -> ok '\\x12\\x12 is not supported.'"])
                    .usual(),
                "the arguments are not checked: an answer says what is wrong",
            ),
    ]
}
