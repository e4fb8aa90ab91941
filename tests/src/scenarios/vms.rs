//! How plugins start, or refuse to, and how many VMs there are.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [refusals(), vms()].concat()
}

fn refusals() -> Vec<Scenario> {
    let one = |name, callback, step: Op, policy| {
        Scenario::new(name)
            .reference("cpp-host wasm.cc, WasmHandleBase::canary; envoy wasm.cc")
            .script(Script::new().on(callback, [step]).on(RequestHeaders, []))
            .failure_policy(policy)
            .alone()
            .exchange(get_request("/"))
            .show_endings()
    };
    use FailurePolicy::{Closed, Open, Reload};
    vec![
        one("a plugin that refuses its configuration is refused", Configure, NO, Closed)
            .expect(Observed::refused()),
        one("a plugin that traps over its configuration is refused", Configure, TRAP, Closed)
            .expect(Observed::refused()),
        one("a VM that refuses to start is refused", VmStart, NO, Closed)
            .expect(Observed::refused()),
        one("a VM that traps as it starts is refused", VmStart, TRAP, Closed)
            .expect(Observed::refused()),
        one(
            "a plugin that refuses its configuration is refused where it may fail \
             open, too",
            Configure,
            NO,
            Open,
        )
        .expect(Observed::refused()),
        one(
            "a plugin that refuses its configuration is refused where it may be \
             reloaded, too",
            Configure,
            NO,
            Reload,
        )
        .expect(Observed::refused()),
    ]
}

fn vms() -> Vec<Scenario> {
    let life =
        || Script::new().watch([ContextCreate, VmStart, Configure, RequestHeaders, Done, Delete]);
    vec![
        Scenario::new(
            "a plugin is configured on the main thread twice, first for a try, \
             and on the worker",
        )
        .reference("cpp-host wasm.cc, WasmHandleBase::canary; envoy wasm.cc")
        .script(life())
        .configuration("four")
        .show_main_log()
        .exchange(get_request("/"))
        .expect(
            Observed::new()
                .log([
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 4",
                    "context_create 2, of 1",
                    "request_headers 2, end of stream",
                    "done 2",
                    "delete 2",
                ])
                .main_log([
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 4",
                    "context_create 1, of 0",
                    "vm_start 1, size 0",
                    "configure 1, size 4",
                ])
                .usual(),
        ),
        Scenario::new("every worker has a VM of its own")
            .reference("cpp-host wasm.cc, getOrCreateThreadLocalPlugin")
            .script(Script::new().watch([ContextCreate, VmStart, Configure]))
            .workers(2)
            .show_main_log()
            .step(Step::Logged("configure 1, size 0".into(), 2))
            .expect(
                Observed::new()
                    .log([
                        "configure 1, size 0",
                        "configure 1, size 0",
                        "context_create 1, of 0",
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "vm_start 1, size 0",
                    ])
                    .main_log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                    ]),
            ),
        Scenario::new("two listeners with the same plugin share it and its VM")
            .reference("envoy wasm.cc; cpp-host wasm.cc, getOrCreateThreadLocalPlugin")
            .script(life())
            .second_listener(ID)
            .show_main_log()
            .exchange(get_request("/first"))
            .exchange(get_request("/second").at_second_listener())
            .expect(
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 2, of 1",
                        "request_headers 2, end of stream",
                        "done 2",
                        "delete 2",
                        "context_create 3, of 1",
                        "request_headers 3, end of stream",
                        "done 3",
                        "delete 3",
                    ])
                    .main_log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/first"))
                    .seen(seen("GET", "/second")),
            ),
        Scenario::new("listeners of two directions with the same plugin share it, too")
            .reference("envoy plugin.h, Plugin::createPluginKey")
            .script(life().on(
                RequestHeaders,
                [property("listener_direction"), property("xds.listener_direction")],
            ))
            .second_listener(ID)
            .second_is_outbound()
            .exchange(get_request("/first"))
            .exchange(get_request("/second").at_second_listener())
            .expect(
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 2, of 1",
                        "request_headers 2, end of stream",
                        "property listener_direction -> not found",
                        "property xds.listener_direction -> ok \
                         '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "done 2",
                        "delete 2",
                        "context_create 3, of 1",
                        "request_headers 3, end of stream",
                        "property listener_direction -> not found",
                        "property xds.listener_direction -> ok \
                         '\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "done 3",
                        "delete 3",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/first"))
                    .seen(seen("GET", "/second")),
            )
            .until(
                "1.40",
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 2, of 0",
                        "vm_start 2, size 0",
                        "configure 2, size 0",
                        "context_create 3, of 1",
                        "request_headers 3, end of stream",
                        "property listener_direction -> not found",
                        "property xds.listener_direction -> ok \
                         '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "done 3",
                        "delete 3",
                        "context_create 4, of 2",
                        "request_headers 4, end of stream",
                        "property listener_direction -> not found",
                        "property xds.listener_direction -> ok \
                         '\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00'",
                        "done 4",
                        "delete 4",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/first"))
                    .seen(seen("GET", "/second")),
                "the direction of the listener is part of what tells plugins apart \
                 (plugin.h, createPluginKey)",
            ),
        Scenario::new("two plugins of one VM id share the VM, and have a root context each")
            .reference(
                "cpp-host wasm.cc, makeVmKey, WasmBase::start: root_contexts_ by \
                 plugin key",
            )
            .script(life())
            .second_listener("probe-000-b")
            .show_main_log()
            .exchange(get_request("/first"))
            .exchange(get_request("/second").at_second_listener())
            .expect(
                Observed::new()
                    .log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 2, of 0",
                        "vm_start 2, size 0",
                        "configure 2, size 0",
                        "context_create 3, of 1",
                        "request_headers 3, end of stream",
                        "done 3",
                        "delete 3",
                        "context_create 4, of 2",
                        "request_headers 4, end of stream",
                        "done 4",
                        "delete 4",
                    ])
                    .main_log([
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 1, of 0",
                        "vm_start 1, size 0",
                        "configure 1, size 0",
                        "context_create 2, of 0",
                        "vm_start 2, size 0",
                        "configure 2, size 0",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/first"))
                    .seen(seen("GET", "/second")),
            ),
        Scenario::new("two plugins of one VM id share shared data and metrics")
            .reference("cpp-host shared_data.cc; envoy context.cc, Context::defineMetric")
            .script(Script::new().on(
                RequestHeaders,
                [
                    get_shared("a"),
                    set_shared("a", "1", 0),
                    define(Kind::Counter, "both", 0),
                    increment(0, 1),
                    get_metric(0),
                ],
            ))
            .second_listener("probe-000-b")
            .exchange(get_request("/first"))
            .exchange(get_request("/second").at_second_listener())
            .expect(
                Observed::new()
                    .log([
                        "request_headers 3, end of stream",
                        "shared a -> not found",
                        "set shared a if 0 -> ok",
                        "define counter both -> ok",
                        "increment by 1 -> ok",
                        "get metric -> ok 1",
                        "request_headers 4, end of stream",
                        "shared a -> ok '1' +0",
                        "set shared a if 0 -> ok",
                        "define counter both -> ok",
                        "increment by 1 -> ok",
                        "get metric -> ok 2",
                    ])
                    .answer(answer(200).body("ok"))
                    .answer(answer(200).body("ok"))
                    .seen(seen("GET", "/first"))
                    .seen(seen("GET", "/second")),
            ),
    ]
}
