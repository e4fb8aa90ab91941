//! The modules that are measured.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tollgate_e2e::{modules, target_dir};

use crate::commands::build;

/// A module that exists once [`build`](build_all) has made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Module {
    /// Hand-written: it does nothing, and exports nothing that it need not.
    Smallest,
    /// Hand-written: it has the host hand over the headers, and does nothing with them.
    FetchesHeaders,
    /// Hand-written: it makes the host calls that a known token needs.
    TokenCalls,
    /// Does nothing, on the `proxy-wasm` crate, left as that crate's users build it.
    StockNoop,
    /// Does nothing, on the SDK.
    Noop,
    /// Does nothing four times, as a chain.
    Chain,
    /// Reads all headers.
    Headers,
    /// One of the filters, from `dist/`.
    Filter(&'static str),
}

impl Module {
    /// Where it is.
    pub(super) fn path(self) -> Result<PathBuf> {
        let name = match self {
            Self::Smallest => "smallest",
            Self::FetchesHeaders => "fetches-headers",
            Self::TokenCalls => "token-calls",
            Self::StockNoop => "stock-noop",
            Self::Noop => "noop",
            Self::Chain => "chain4",
            Self::Headers => "headers",
            Self::Filter(name) => return modules::path(name),
        };
        Ok(target_dir().join("bench").join("modules").join(format!("{name}.wasm")))
    }

    fn build(self) -> Result<()> {
        let wasm = match self {
            Self::Smallest => smallest()?,
            Self::FetchesHeaders => fetches_headers()?,
            Self::TokenCalls => token_calls()?,
            Self::StockNoop => build::compile_module("tollgate-bench-stock-noop")?,
            Self::Noop => build::build_module("tollgate-bench-noop")?,
            Self::Chain => build::build_module("tollgate-bench-chain4")?,
            Self::Headers => build::build_module("tollgate-bench-headers")?,
            Self::Filter(_) => return Ok(()), // all at once, see `build_all`
        };
        let path = self.path()?;
        let folder = path.parent().context("a module is in a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, wasm))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn smallest() -> Result<Vec<u8>> {
    wat::parse_str(include_str!("smallest.wat")).context("smallest.wat")
}

fn fetches_headers() -> Result<Vec<u8>> {
    wat::parse_str(include_str!("fetches-headers.wat")).context("fetches-headers.wat")
}

fn token_calls() -> Result<Vec<u8>> {
    wat::parse_str(include_str!("token-calls.wat")).context("token-calls.wat")
}

/// Builds modules.
pub(super) fn build_all(modules: impl IntoIterator<Item = Module> + Clone) -> Result<()> {
    if modules.clone().into_iter().any(|module| matches!(module, Module::Filter(_))) {
        build::filters()?;
    }
    modules.into_iter().try_for_each(Module::build)
}

#[cfg(test)]
mod tests {
    use super::{fetches_headers, smallest};
    use walrus::Module;

    #[test]
    fn what_fetches_headers_asks_the_host_for_nothing_else() {
        let module = Module::from_buffer(&fetches_headers().unwrap()).unwrap();
        let imports: Vec<_> = module.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(imports, ["proxy_get_header_map_pairs"]);
    }

    #[test]
    fn the_smallest_module_exports_only_what_envoy_insists_on_and_one_callback() {
        let module = Module::from_buffer(&smallest().unwrap()).unwrap();
        let exports: Vec<_> = module.exports.iter().map(|export| export.name.as_str()).collect();
        let expected = [
            "memory",
            "proxy_abi_version_0_2_1",
            "proxy_on_memory_allocate",
            "proxy_on_request_headers",
        ];
        assert_eq!(exports, expected);
        assert_eq!(module.imports.iter().count(), 0);
    }
}
