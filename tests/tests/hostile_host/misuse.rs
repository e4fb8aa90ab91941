//! The host calls back for what is not there, not any more, or not yet.

use std::collections::BTreeMap;

use anyhow::Result;
use tollgate_testkit::Trap;

use crate::common_case::{ROOT, Vm};
use crate::still_traps;
use crate::victim::Victim;

/// A context that never was.
const NOBODY: u32 = 4_000_000_000;
/// Another plugin than the one that serves requests.
const OTHER_ROOT: u32 = 3_000_000_000;

/// A wrong way to call a VM.
pub(crate) struct Misuse {
    pub(crate) name: &'static str,
    /// Misuses a VM that has a plugin, with a stream number that is free, as is the next one. Leaves
    /// nothing behind that the next misuse would find.
    pub(crate) run: fn(&mut Vm, u32) -> Result<(), Trap>,
}

/// All of them.
pub(crate) const MISUSES: &[Misuse] = &[
    Misuse {
        name: "request headers of a stream that never was",
        run: |vm, _| vm.on_request_headers(NOBODY, 11, true).map(drop),
    },
    Misuse {
        name: "response headers of a stream that never was",
        run: |vm, _| vm.on_response_headers(NOBODY, 2, true).map(drop),
    },
    Misuse {
        name: "bodies and trailers of a stream that never was",
        run: |vm, _| bodies_and_trailers(vm, NOBODY),
    },
    Misuse { name: "log of a stream that never was", run: |vm, _| vm.on_log(NOBODY) },
    Misuse { name: "done of a stream that never was", run: |vm, _| vm.on_done(NOBODY).map(drop) },
    Misuse { name: "delete of a stream that never was", run: |vm, _| vm.on_delete(NOBODY) },
    Misuse {
        name: "request headers of a stream that is gone",
        run: |vm, stream| {
            come_and_go(vm, stream)?;
            vm.on_request_headers(stream, 11, true).map(drop)
        },
    },
    Misuse {
        name: "response headers of a stream that is gone",
        run: |vm, stream| {
            come_and_go(vm, stream)?;
            vm.on_response_headers(stream, 2, true).map(drop)
        },
    },
    Misuse {
        name: "bodies and trailers of a stream that is gone",
        run: |vm, stream| {
            come_and_go(vm, stream)?;
            bodies_and_trailers(vm, stream)
        },
    },
    Misuse {
        name: "log and done of a stream that is gone",
        run: |vm, stream| {
            come_and_go(vm, stream)?;
            vm.on_log(stream)?;
            vm.on_done(stream).map(drop)
        },
    },
    Misuse {
        name: "stream deleted twice",
        run: |vm, stream| {
            come_and_go(vm, stream)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "stream created twice",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_context_create(stream, ROOT)
        },
    },
    Misuse {
        name: "stream of an unknown root",
        run: |vm, stream| vm.on_context_create(stream, NOBODY),
    },
    Misuse {
        name: "stream of a stream",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_context_create(stream + 1, stream)
        },
    },
    Misuse {
        name: "stream that is its own root",
        run: |vm, stream| vm.on_context_create(stream, stream),
    },
    Misuse {
        name: "context 0",
        run: |vm, _| {
            vm.on_context_create(0, ROOT)?;
            vm.on_request_headers(0, 11, true)?;
            vm.on_delete(0)
        },
    },
    Misuse {
        name: "response before the request",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_response_headers(stream, 2, false)?;
            vm.on_response_body(stream, 8, true)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "headers twice",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_response_headers(stream, 2, true)?;
            vm.on_response_headers(stream, 2, true)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "bodies and trailers without headers",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            bodies_and_trailers(vm, stream)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "delete without anything before",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "absurd counts and sizes",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_request_headers(stream, u32::MAX, false)?;
            vm.on_request_body(stream, u32::MAX, true)?;
            vm.on_response_headers(stream, u32::MAX, false)?;
            vm.on_response_body(stream, u32::MAX, true)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "TCP on a stream of HTTP",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_new_connection(stream)?;
            vm.on_downstream_data(stream, 10, false)?;
            vm.on_upstream_data(stream, 10, true)?;
            vm.on_downstream_connection_close(stream, 1)?;
            vm.on_upstream_connection_close(stream, 2)?;
            vm.on_delete(stream)
        },
    },
    Misuse { name: "start of an unknown root", run: |vm, _| vm.on_vm_start(NOBODY, 0).map(drop) },
    Misuse {
        name: "configuration of an unknown root",
        run: |vm, _| vm.on_configure(NOBODY, 10).map(drop),
    },
    Misuse { name: "tick of an unknown root", run: |vm, _| vm.on_tick(NOBODY) },
    Misuse { name: "tick of nobody's sleep", run: |vm, _| vm.on_tick(ROOT) },
    Misuse {
        name: "tick of a stream",
        run: |vm, stream| {
            vm.on_context_create(stream, ROOT)?;
            vm.on_tick(stream)
        },
    },
    Misuse {
        name: "tick after the end",
        run: |vm, _| {
            end_of_the_other_root(vm)?;
            vm.on_tick(OTHER_ROOT)
        },
    },
    Misuse { name: "root created twice", run: |vm, _| vm.on_context_create(ROOT, 0) },
    Misuse {
        name: "root deleted twice",
        run: |vm, _| {
            end_of_the_other_root(vm)?;
            vm.on_delete(OTHER_ROOT)
        },
    },
    Misuse {
        name: "stream that outlives its root",
        run: |vm, stream| {
            vm.on_context_create(OTHER_ROOT, 0)?;
            vm.on_configure(OTHER_ROOT, 10)?;
            vm.on_context_create(stream, OTHER_ROOT)?;
            vm.on_delete(OTHER_ROOT)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_response_headers(stream, 2, true)?;
            vm.on_delete(stream)
        },
    },
    Misuse {
        name: "stream of a root that is gone",
        run: |vm, stream| {
            end_of_the_other_root(vm)?;
            vm.on_context_create(stream, OTHER_ROOT)
        },
    },
    Misuse {
        name: "request on an unconfigured root",
        run: |vm, stream| {
            vm.on_context_create(OTHER_ROOT, 0)?;
            vm.on_context_create(stream, OTHER_ROOT)?;
            vm.on_request_headers(stream, 11, true)?;
            vm.on_response_headers(stream, 2, true)?;
            vm.on_delete(stream)?;
            vm.on_delete(OTHER_ROOT)
        },
    },
    Misuse {
        name: "configured twice",
        run: |vm, _| {
            vm.on_configure(ROOT, 10)?;
            vm.on_configure(ROOT, 10).map(drop)
        },
    },
    Misuse {
        name: "HTTP answer to a call that never was",
        run: |vm, _| {
            vm.on_http_call_response(ROOT, 4, 3, 10, 0)?;
            vm.on_http_call_response(NOBODY, u32::MAX, 0, 0, 0)
        },
    },
    Misuse {
        name: "gRPC answer to a call that never was",
        run: |vm, _| {
            for (root, token) in [(ROOT, 5), (ROOT, 6), (NOBODY, u32::MAX)] {
                vm.on_grpc_receive_initial_metadata(root, token, 1)?;
                vm.on_grpc_receive(root, token, 10)?;
                vm.on_grpc_receive_trailing_metadata(root, token, 1)?;
                vm.on_grpc_close(root, token, 14)?;
            }
            Ok(())
        },
    },
    Misuse {
        name: "answers after the end",
        run: |vm, _| {
            end_of_the_other_root(vm)?;
            vm.on_http_call_response(OTHER_ROOT, 4, 0, 0, 0)?;
            vm.on_grpc_close(OTHER_ROOT, 5, 14)
        },
    },
    Misuse {
        name: "queue and foreign function that nobody asked for",
        run: |vm, _| {
            for root in [ROOT, NOBODY] {
                vm.on_queue_ready(root, 1)?;
                vm.on_foreign_function(root, 1, 10)?;
            }
            Ok(())
        },
    },
];

fn come_and_go(vm: &mut Vm, stream: u32) -> Result<(), Trap> {
    vm.on_context_create(stream, ROOT)?;
    vm.on_request_headers(stream, 11, true)?;
    vm.on_delete(stream)
}

fn bodies_and_trailers(vm: &mut Vm, stream: u32) -> Result<(), Trap> {
    vm.on_request_body(stream, 7, false)?;
    vm.on_request_trailers(stream, 1)?;
    vm.on_response_body(stream, 8, false)?;
    vm.on_response_trailers(stream, 1).map(drop)
}

/// Another plugin comes and goes.
fn end_of_the_other_root(vm: &mut Vm) -> Result<(), Trap> {
    vm.on_context_create(OTHER_ROOT, 0)?;
    vm.on_done(OTHER_ROOT)?;
    vm.on_delete(OTHER_ROOT)
}

#[test]
fn no_misuse_of_a_vm_stops_it() -> Result<()> {
    let mut traps = BTreeMap::<_, Vec<_>>::new();
    for mut victim in Victim::all()? {
        for misuse in MISUSES {
            victim.restart()?;
            let stream = victim.new_stream();
            victim.new_stream();
            victim.case.prepare(victim.vm.host_mut(), stream);
            match (misuse.run)(&mut victim.vm, stream) {
                Ok(()) => victim.check(misuse.name),
                Err(trap) => {
                    traps.entry(misuse.name).or_default().push((victim.case.filter, trap));
                    victim.renew()?;
                }
            }
        }
    }
    for (name, traps) in &traps {
        assert!(still_traps::MISUSES.contains(name), "{name}: {traps:#?}");
    }
    for name in still_traps::MISUSES {
        assert!(traps.contains_key(name), "{name} stops no module any more: take it off the list");
    }
    Ok(())
}
