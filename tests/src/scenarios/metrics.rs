//! Counters, gauges and histograms.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
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
