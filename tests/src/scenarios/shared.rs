//! Shared data and shared queues.

use crate::scenario::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    [shared_data(), queues()].concat()
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
