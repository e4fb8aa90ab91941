//! What outlives a request: shared data, queues, metrics. And properties and foreign functions.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [shared_data(), queues(), metrics(), properties()].concat()
}

fn shared_data() -> Vec<Scenario> {
    let one = |name, steps: Vec<Op>| {
        Scenario::new(name)
            .reference("cpp-host shared_data.cc, SharedData::get, set")
            .script(Script::new().quietly(RequestHeaders, steps))
            .exchange(get_request("/"))
    };
    vec![
        one(
            "shared data that is absent is not found, and an empty value is",
            vec![get_shared("a"), set_shared("a", "", 0), get_shared("a")],
        )
        .expect(
            Observed::new()
                .log(["shared a -> not found", "set shared a if 0 -> ok", "shared a -> ok '' +0"])
                .usual(),
        ),
        one(
            "a write of shared data with the number 0 is unconditional",
            vec![
                set_shared("a", "1", 0),
                get_shared("a").keep(0),
                set_shared("a", "2", 0),
                get_shared("a"),
            ],
        )
        .expect(
            Observed::new()
                .log([
                    "set shared a if 0 -> ok",
                    "shared a -> ok '1' +0",
                    "set shared a if 0 -> ok",
                    "shared a -> ok '2' +1",
                ])
                .usual(),
        ),
        one(
            "a write of shared data with an old number is refused, and with the \
                 current one done",
            vec![
                set_shared("a", "1", 0),
                get_shared("a").keep(0),
                set_shared_if_kept("a", "2", 0),
                set_shared_if_kept("a", "3", 0),
                get_shared("a"),
            ],
        )
        .expect(
            Observed::new()
                .log([
                    "set shared a if 0 -> ok",
                    "shared a -> ok '1' +0",
                    "set shared a if kept -> ok",
                    "set shared a if kept -> cas mismatch",
                    "shared a -> ok '2' +1",
                ])
                .usual(),
        ),
        one(
            "a first write of shared data is done with any number",
            vec![set_shared("a", "1", 123_456), get_shared("a"), set_shared("a", "2", 123_456)],
        )
        .expect(
            Observed::new()
                .log([
                    "set shared a if 123456 -> ok",
                    "shared a -> ok '1' +0",
                    "set shared a if 123456 -> cas mismatch",
                ])
                .usual(),
        ),
        one(
            "the numbers of shared data are counted for all keys together",
            vec![
                set_shared("a", "1", 0),
                get_shared("a"),
                set_shared("b", "1", 0),
                get_shared("b"),
                set_shared("a", "2", 0),
                get_shared("a"),
                get_shared("b"),
            ],
        )
        .expect(
            Observed::new()
                .log([
                    "set shared a if 0 -> ok",
                    "shared a -> ok '1' +0",
                    "set shared b if 0 -> ok",
                    "shared b -> ok '1' +1",
                    "set shared a if 0 -> ok",
                    "shared a -> ok '2' +2",
                    "shared b -> ok '1' +1",
                ])
                .usual(),
        ),
        Scenario::new("shared data is that of all VMs: the main thread was first to write")
            .reference(
                "cpp-host shared_data.cc, getGlobalSharedData; wasm.cc, \
                 WasmHandleBase::canary",
            )
            .script(
                Script::new()
                    .quietly(Configure, [set_shared("a", "first", 123_456)])
                    .quietly(RequestHeaders, [get_shared("a")]),
            )
            .show_main_log()
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["set shared a if 123456 -> cas mismatch", "shared a -> ok 'first' +0"])
                    .main_log([
                        "set shared a if 123456 -> ok",
                        "set shared a if 123456 -> cas mismatch",
                    ])
                    .usual(),
            ),
    ]
}

fn queues() -> Vec<Scenario> {
    vec![
        Scenario::new("a queue is first in first out, and then empty")
            .reference("cpp-host shared_queue.cc, SharedQueue::dequeue")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    register_queue("q", 0),
                    dequeue(0),
                    enqueue(0, "one"),
                    enqueue(0, "two"),
                    register_queue("q", 1),
                    dequeue(1),
                    dequeue(0),
                    dequeue(0),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "register queue q -> ok",
                        "dequeue -> empty",
                        "enqueue one -> ok",
                        "enqueue two -> ok",
                        "register queue q -> ok",
                        "dequeue -> ok 'one'",
                        "dequeue -> ok 'two'",
                        "dequeue -> empty",
                    ])
                    .usual(),
            ),
        Scenario::new("a queue is resolved by the id of its VM and its name")
            .reference("cpp-host context.cc, ContextBase::lookupSharedQueue")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    resolve_queue(ID, "q", 0),
                    register_queue("q", 1),
                    resolve_queue(ID, "q", 0),
                    resolve_queue("another", "q", 2),
                    enqueue(0, "one"),
                    dequeue(1),
                    enqueue(3, "to queue 0"),
                    dequeue(3),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "resolve queue q of probe-000 -> not found",
                        "register queue q -> ok",
                        "resolve queue q of probe-000 -> ok",
                        "resolve queue q of another -> not found",
                        "enqueue one -> ok",
                        "dequeue -> ok 'one'",
                        "enqueue to queue 0 -> not found",
                        "dequeue -> not found",
                    ])
                    .usual(),
            ),
        Scenario::new("the plugin that registered a queue is told of what is put into it")
            .reference(
                "cpp-host shared_queue.cc, SharedQueue::enqueue: call_on_thread, \
                 onQueueReady",
            )
            .script(
                Script::new()
                    .quietly(RequestHeaders, [register_queue("q", 0), enqueue(0, "one")])
                    .on(QueueReady, [dequeue(0)]),
            )
            .exchange(get_request("/"))
            .logged("dequeue -> ok 'one'")
            .expect(
                Observed::new()
                    .log([
                        "register queue q -> ok",
                        "enqueue one -> ok",
                        "queue_ready 1",
                        "dequeue -> ok 'one'",
                    ])
                    .usual(),
            ),
    ]
}

fn metrics() -> Vec<Scenario> {
    vec![
        Scenario::new("a counter counts up, and not down")
            .reference("envoy context.cc, Context::incrementMetric, recordMetric")
            .script(
                Script::new().quietly(Configure, [define(Kind::Counter, "requests", 0)]).quietly(
                    RequestHeaders,
                    [
                        increment(0, 2),
                        increment(0, -1),
                        increment(0, 0),
                        record(0, 5),
                        get_metric(0),
                    ],
                ),
            )
            .show_stat("wasmcustom.probe-000.requests")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define counter requests -> ok",
                        "increment by 2 -> ok",
                        "increment by -1 -> bad argument",
                        "increment by 0 -> bad argument",
                        "record 5 -> ok",
                        "get metric -> ok 7",
                    ])
                    .usual()
                    .stat("wasmcustom.probe-000.requests", 7),
            ),
        Scenario::new("a gauge is set, and goes up and down")
            .reference("envoy context.cc, Context::incrementMetric, recordMetric")
            .script(Script::new().quietly(Configure, [define(Kind::Gauge, "level", 0)]).quietly(
                RequestHeaders,
                [record(0, 5), increment(0, 2), increment(0, -3), increment(0, 0), get_metric(0)],
            ))
            .show_stat("wasmcustom.probe-000.level")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define gauge level -> ok",
                        "record 5 -> ok",
                        "increment by 2 -> ok",
                        "increment by -3 -> ok",
                        "increment by 0 -> ok",
                        "get metric -> ok 4",
                    ])
                    .usual()
                    .stat("wasmcustom.probe-000.level", 4),
            ),
        Scenario::new("a gauge below zero wraps around")
            .reference("envoy context.cc, Context::incrementMetric: Gauge::sub")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    define(Kind::Gauge, "negative", 0),
                    increment(0, -1),
                    get_metric(0),
                    increment(0, 1),
                    get_metric(0),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define gauge negative -> ok",
                        "increment by -1 -> ok",
                        "get metric -> ok 18446744073709551615",
                        "increment by 1 -> ok",
                        "get metric -> ok 0",
                    ])
                    .usual(),
            ),
        Scenario::new("a histogram is recorded, and neither counted nor read")
            .reference("envoy context.cc, Context::recordMetric, getMetric")
            .script(Script::new().quietly(
                RequestHeaders,
                [define(Kind::Histogram, "time", 0), record(0, 7), increment(0, 1), get_metric(0)],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define histogram time -> ok",
                        "record 7 -> ok",
                        "increment by 1 -> bad argument",
                        "get metric -> bad argument",
                    ])
                    .usual(),
            ),
        Scenario::new("a name that is defined twice is one metric with two ids")
            .reference("envoy context.cc, Context::defineMetric: nextCounterMetricId")
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    define_shown(Kind::Counter, "twice", 0),
                    define_shown(Kind::Counter, "twice", 1),
                    define_shown(Kind::Gauge, "other", 2),
                    define_shown(Kind::Histogram, "third", 3),
                    increment(0, 1),
                    increment(1, 1),
                    get_metric(0),
                    get_metric(1),
                ],
            ))
            .show_stat("wasmcustom.probe-000.twice")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define counter twice -> ok 4",
                        "define counter twice -> ok 8",
                        "define gauge other -> ok 5",
                        "define histogram third -> ok 6",
                        "increment by 1 -> ok",
                        "increment by 1 -> ok",
                        "get metric -> ok 2",
                        "get metric -> ok 2",
                    ])
                    .usual()
                    .stat("wasmcustom.probe-000.twice", 2),
            ),
        Scenario::new("a name can be of two kinds, which are two metrics")
            .reference(
                "envoy context.cc, Context::defineMetric; the stats store keeps kinds \
                 apart",
            )
            .script(Script::new().quietly(
                RequestHeaders,
                [
                    define(Kind::Counter, "kinds", 0),
                    define(Kind::Gauge, "kinds", 1),
                    increment(0, 3),
                    increment(1, 4),
                    get_metric(0),
                    get_metric(1),
                ],
            ))
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "define counter kinds -> ok",
                        "define gauge kinds -> ok",
                        "increment by 3 -> ok",
                        "increment by 4 -> ok",
                        "get metric -> ok 3",
                        "get metric -> ok 4",
                    ])
                    .usual(),
            ),
        Scenario::new("what nobody defined is not found, or a bad argument")
            .reference(
                "envoy context.cc, Context::incrementMetric: kMetricTypeMask, 2 is \
                 the histogram",
            )
            .script(
                Script::new().quietly(
                    RequestHeaders,
                    [
                        metric_unknown(4096),
                        metric_unknown(4097),
                        metric_unknown(4098),
                        metric_unknown(3),
                    ]
                    .concat()
                    .into_iter()
                    .chain([define_unknown(3, "fourth")]),
                ),
            )
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log([
                        "get metric 4096 -> not found",
                        "increment 4096 -> not found",
                        "record 4096 -> not found",
                        "get metric 4097 -> not found",
                        "increment 4097 -> not found",
                        "record 4097 -> not found",
                        "get metric 4098 -> bad argument",
                        "increment 4098 -> bad argument",
                        "record 4098 -> not found",
                        "get metric 3 -> bad argument",
                        "increment 3 -> bad argument",
                        "record 3 -> not found",
                        "define 3 fourth -> bad argument",
                    ])
                    .usual(),
            ),
        Scenario::new("a metric is one value for all VMs, defined in each")
            .reference("envoy context.cc, Context::defineMetric: the scope of the process")
            .script(
                Script::new()
                    .quietly(Configure, [define(Kind::Counter, "vms", 0), increment(0, 1)]),
            )
            .show_stat("wasmcustom.probe-000.vms")
            .exchange(get_request("/"))
            .expect(
                Observed::new()
                    .log(["define counter vms -> ok", "increment by 1 -> ok"])
                    .usual()
                    .stat("wasmcustom.probe-000.vms", 3),
            ),
    ]
}

fn properties() -> Vec<Scenario> {
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
