//! Takes out of a module what Envoy need not call, and refuses what Envoy could not load.
//!
//! A module exports a callback for every phase, and Envoy calls each that it finds, several times a
//! request. `tollgate::export!` says in a custom section which phases the filter handles; here the
//! exports for the others go, those for the answers to calls that the module cannot make, and with
//! them the code that only they used. A module that was not pruned works as well.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use walrus::{Module, ModuleConfig, passes};

/// Where `tollgate::export!` says which phases are handled: a `1` or a `0` for each of [`PHASES`], and
/// one each for whether anything of a stream may be left after its request's headers, and whether
/// it matters which plugin it is of.
const SECTION: &str = "tollgate.phases";

/// The callback of each phase, in the order of the section. None for the end of a stream, which is
/// told by the callback that deletes it.
const PHASES: [Option<&str>; 9] = [
    Some("proxy_on_request_headers"),
    Some("proxy_on_request_body"),
    Some("proxy_on_request_trailers"),
    Some("proxy_on_response_headers"),
    Some("proxy_on_response_body"),
    Some("proxy_on_response_trailers"),
    None,
    Some(DELETE),
    Some(CREATE),
];

/// The beginning of a stream. Where it matters to no stream which plugin it is of, none is told.
const CREATE: &str = "proxy_on_context_create";

/// The end of a stream. A filter that keeps nothing of a stream and never waits need not be told.
const DELETE: &str = "proxy_on_delete";

/// What every module exports, whatever its filter does.
const ALWAYS: [&str; 6] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_configure",
    "proxy_on_tick",
];

/// The callbacks that answer to an import: without the one the other never comes.
const ANSWERS: [(&str, &str); 3] = [
    ("proxy_http_call", "proxy_on_http_call_response"),
    ("proxy_grpc_call", "proxy_on_grpc_receive"),
    ("proxy_grpc_call", "proxy_on_grpc_close"),
];

/// The host functions of proxy-wasm 0.2.1, without `proxy_`.
const HOST: [&str; 36] = [
    "add_header_map_value",
    "call_foreign_function",
    "close_stream",
    "continue_stream",
    "define_metric",
    "dequeue_shared_queue",
    "done",
    "enqueue_shared_queue",
    "get_buffer_bytes",
    "get_buffer_status",
    "get_current_time_nanoseconds",
    "get_header_map_pairs",
    "get_header_map_size",
    "get_header_map_value",
    "get_log_level",
    "get_metric",
    "get_property",
    "get_shared_data",
    "get_status",
    "grpc_call",
    "grpc_cancel",
    "grpc_close",
    "grpc_send",
    "grpc_stream",
    "http_call",
    "increment_metric",
    "log",
    "record_metric",
    "register_shared_queue",
    "remove_header_map_value",
    "replace_header_map_value",
    "resolve_shared_queue",
    "send_local_response",
    "set_buffer_bytes",
    "set_effective_context",
    "set_header_map_pairs",
];

/// The other host functions, whose names end alike.
const HOST_SETTERS: [&str; 3] = ["set_property", "set_shared_data", "set_tick_period_milliseconds"];

/// The functions of WASI that every Envoy from 1.36 on has.
const WASI: [&str; 15] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "proc_exit",
    "random_get",
    "sched_yield",
];

/// The module with only the exports that it needs.
///
/// # Errors
///
/// When it is no module of a filter, or imports what Envoy does not offer.
pub(crate) fn prune(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut wanted = wanted_exports(&parse(wasm)?)?;
    let answers = answers_for(parse(wasm)?, &wanted);
    wanted.extend(answers);
    let mut module = parse(wasm)?;
    keep_only(&mut module, &wanted);
    check_imports(&module)?;
    module.customs.remove_raw(SECTION);
    Ok(module.emit_wasm())
}

fn parse(wasm: &[u8]) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    config.parse(wasm).context("not a WebAssembly module")
}

fn wanted_exports(module: &Module) -> Result<HashSet<&'static str>> {
    let (_, section) = module
        .customs
        .iter()
        .find(|(_, section)| section.name() == SECTION)
        .with_context(|| {
            format!(
                "the module has no section {SECTION}: is its filter under `#[tollgate::filter]`?"
            )
        })?;
    let phases = section.data(&walrus::IdsToIndices::default()).into_owned();
    let is_known = phases.len() == PHASES.len() && phases.iter().all(|it| b"01".contains(it));
    ensure!(is_known, "its section {SECTION} is not of this version of the SDK");
    let handled = PHASES.iter().zip(phases).filter(|(_, handled)| *handled == b'1');
    Ok(ALWAYS.into_iter().chain(handled.filter_map(|(callback, _)| *callback)).collect())
}

/// The callbacks for the answers to calls that these exports can make.
fn answers_for(mut module: Module, exports: &HashSet<&str>) -> Vec<&'static str> {
    keep_only(&mut module, exports);
    let called = ANSWERS.iter().filter(|(call, _)| imports(&module).any(|(_, name)| name == *call));
    called.map(|(_, answer)| *answer).collect()
}

fn keep_only(module: &mut Module, names: &HashSet<&str>) {
    let surplus: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !names.contains(export.name.as_str()))
        .map(walrus::Export::id)
        .collect();
    for export in surplus {
        module.exports.delete(export);
    }
    passes::gc::run(module);
}

fn imports(module: &Module) -> impl Iterator<Item = (&str, &str)> {
    module.imports.iter().map(|import| (import.module.as_str(), import.name.as_str()))
}

fn check_imports(module: &Module) -> Result<()> {
    let foreign: Vec<_> = imports(module)
        .filter(|import| !is_offered(*import))
        .map(|(from, name)| format!("{from}.{name}"))
        .collect();
    ensure!(
        foreign.is_empty(),
        "the module imports what Envoy does not offer: {}. A crate in it uses files, threads, sockets \
         or a browser",
        foreign.join(", ")
    );
    Ok(())
}

fn is_offered((module, name): (&str, &str)) -> bool {
    match module {
        "env" => name
            .strip_prefix("proxy_")
            .is_some_and(|name| HOST.contains(&name) || HOST_SETTERS.contains(&name)),
        "wasi_snapshot_preview1" => WASI.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, RawCustomSection};

    /// A module with a function for each name, of which the last calls an import.
    fn module(functions: &[&str], phases: Option<&str>, import: Option<(&str, &str)>) -> Vec<u8> {
        let mut module = Module::default();
        let import = import.map(|(from, name)| {
            let nothing = module.types.add(&[], &[]);
            module.add_import_func(from, name, nothing).0
        });
        for name in functions {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            if let Some(import) = import.filter(|_| functions.last() == Some(name)) {
                builder.func_body().call(import);
            }
            let function = builder.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, function);
        }
        if let Some(phases) = phases {
            let data = phases.as_bytes().to_vec();
            module.customs.add(RawCustomSection { name: SECTION.to_owned(), data });
        }
        module.emit_wasm()
    }

    fn exports(wasm: &[u8]) -> Vec<String> {
        Module::from_buffer(wasm).unwrap().exports.iter().map(|it| it.name.clone()).collect()
    }

    const REQUEST: &str = "proxy_on_request_headers";
    const RESPONSE: &str = "proxy_on_response_headers";
    const ANSWER: &str = "proxy_on_http_call_response";

    #[test]
    fn the_exports_of_phases_that_are_not_handled_go_with_their_functions() {
        let wasm = module(&["_initialize", REQUEST, RESPONSE, "malloc"], Some("100000000"), None);
        let pruned = prune(&wasm).unwrap();
        assert_eq!(exports(&pruned), ["_initialize", REQUEST]);
        let pruned = Module::from_buffer(&pruned).unwrap();
        assert_eq!(pruned.funcs.iter().count(), 2);
        assert_eq!(pruned.customs.iter().count(), 0);
    }

    #[test]
    fn the_answer_to_a_call_stays_only_where_the_call_can_be_made() {
        let call = Some(("env", "proxy_http_call"));
        let calls = module(&[ANSWER, REQUEST], Some("100000000"), call);
        assert_eq!(exports(&prune(&calls).unwrap()), [ANSWER, REQUEST]);
        let call_in_no_phase = module(&[REQUEST, ANSWER, RESPONSE], Some("100000000"), call);
        assert_eq!(exports(&prune(&call_in_no_phase).unwrap()), [REQUEST]);
    }

    #[test]
    fn the_end_of_streams_is_told_only_to_a_filter_of_which_something_may_be_left() {
        let functions = [REQUEST, DELETE];
        let pruned = |phases| exports(&prune(&module(&functions, Some(phases), None)).unwrap());
        assert_eq!(pruned("100000010"), functions);
        assert_eq!(pruned("100000000"), [REQUEST]);
    }

    #[test]
    fn the_beginning_of_streams_is_told_only_where_plugins_are_told_apart() {
        let functions = [REQUEST, CREATE];
        let pruned = |phases| exports(&prune(&module(&functions, Some(phases), None)).unwrap());
        assert_eq!(pruned("100000001"), functions);
        assert_eq!(pruned("100000000"), [REQUEST]);
    }

    #[test]
    fn an_import_that_envoy_lacks_is_refused_by_name() {
        for import in [("env", "proxy_sleep"), ("wasi_snapshot_preview1", "sock_recv"), ("js", "f")]
        {
            let wasm = module(&[REQUEST], Some("100000000"), Some(import));
            let error = prune(&wasm).unwrap_err().to_string();
            assert!(error.contains(&format!("{}.{}", import.0, import.1)), "{error}");
        }
    }

    #[test]
    fn an_import_that_only_a_pruned_export_used_is_no_matter() {
        let wasm = module(&[REQUEST, "other"], Some("100000000"), Some(("env", "strange")));
        assert_eq!(exports(&prune(&wasm).unwrap()), [REQUEST]);
    }

    #[test]
    fn a_module_without_its_phases_or_with_strange_ones_is_refused() {
        for phases in [None, Some("11"), Some("10000000x"), Some("1000000000")] {
            let error = prune(&module(&["_initialize"], phases, None)).unwrap_err();
            assert!(error.to_string().contains(SECTION), "{error}");
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(prune(b"no module").is_err());
    }
}
