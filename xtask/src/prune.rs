//! Takes out of a module what Envoy need not call.
//!
//! The `proxy-wasm` crate exports every callback of the ABI, and Envoy calls each that it finds,
//! several times a request. A filter's attribute lists those that its filter handles in a custom
//! section; here the other exports go, and with them the code that only they used. A module that was
//! not pruned works as well.

use std::collections::HashSet;

use anyhow::{Context, Result};
use walrus::{Module, passes};

/// Where `#[tollgate::filter]` lists the exports to keep, one a line.
const SECTION: &str = "tollgate.exports";

/// The module without the exports that it does not list.
pub(crate) fn prune(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::from_buffer(wasm).context("not a WebAssembly module")?;
    let list = module.customs.remove_raw(SECTION).with_context(|| {
        format!("the module has no section {SECTION}: is its filter under `#[tollgate::filter]`?")
    })?;
    let list = String::from_utf8(list.data).context("its list of exports is not text")?;
    keep_only(&mut module, &list.lines().collect());
    passes::gc::run(&mut module);
    Ok(module.emit_wasm())
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, RawCustomSection};

    /// A module with a function for each name, and the list of exports to keep if there is one.
    fn module(functions: &[&str], list: Option<&str>) -> Vec<u8> {
        let mut module = Module::default();
        for name in functions {
            let builder = FunctionBuilder::new(&mut module.types, &[], &[]);
            let function = builder.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, function);
        }
        if let Some(list) = list {
            let data = list.as_bytes().to_vec();
            module.customs.add(RawCustomSection { name: SECTION.to_owned(), data });
        }
        module.emit_wasm()
    }

    #[test]
    fn exports_that_are_not_listed_go_with_their_functions() {
        let wasm = module(&["_initialize", "proxy_on_log", "proxy_on_done"], Some("_initialize\n"));
        let pruned = Module::from_buffer(&prune(&wasm).unwrap()).unwrap();
        let names: Vec<_> = pruned.exports.iter().map(|export| export.name.as_str()).collect();
        assert_eq!(names, ["_initialize"]);
        assert_eq!(pruned.funcs.iter().count(), 1);
    }

    #[test]
    fn a_module_without_a_list_is_refused() {
        let error = prune(&module(&["_initialize"], None)).unwrap_err();
        assert!(error.to_string().contains("tollgate.exports"), "{error}");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(prune(b"no module").is_err());
    }
}
