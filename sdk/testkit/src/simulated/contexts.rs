//! Which contexts there are, and on which one a host function acts.

use crate::abi::{Result, Status};
use std::collections::BTreeMap;

/// The contexts of a VM.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// The parent of each; 0 for a root context.
    parents: BTreeMap<u32, u32>,
    /// The callbacks that run, the innermost last.
    running: Vec<Callback>,
}

#[derive(Debug)]
struct Callback {
    name: &'static str,
    context: u32,
    effective: Option<u32>,
}

impl Contexts {
    pub(super) fn create(&mut self, context: u32, parent: u32) {
        self.parents.insert(context, parent);
    }

    pub(super) fn delete(&mut self, context: u32) {
        self.parents.remove(&context);
    }

    pub(super) fn is_stream(&self, context: u32) -> bool {
        self.parents.get(&context).is_some_and(|parent| *parent != 0)
    }

    pub(super) fn enter(&mut self, name: &'static str, context: u32) {
        self.running.push(Callback { name, context, effective: None });
    }

    pub(super) fn leave(&mut self) {
        self.running.pop();
    }

    /// The callback that runs; none is the empty name.
    pub(super) fn callback(&self) -> &'static str {
        self.running.last().map_or("", |callback| callback.name)
    }

    /// The context of the callback that runs.
    pub(super) fn context(&self) -> u32 {
        self.running.last().map_or(0, |callback| callback.context)
    }

    /// The context that was set, as long as it exists, else that of the callback
    /// (proxy-wasm-cpp-host, `exports.cc`, `contextOrEffectiveContext`).
    pub(super) fn effective(&self) -> u32 {
        let Some(callback) = self.running.last() else { return 0 };
        let set = callback.effective.filter(|context| self.exists(*context));
        set.unwrap_or(callback.context)
    }

    /// The plugin that the effective context belongs to.
    pub(super) fn root(&self) -> u32 {
        let context = self.effective();
        match self.parents.get(&context) {
            Some(parent) if *parent != 0 => *parent,
            _ => context,
        }
    }

    /// The context 0 is that of the VM itself, and is always there.
    fn exists(&self, context: u32) -> bool {
        context == 0 || self.parents.contains_key(&context)
    }

    pub(super) fn set_effective(&mut self, context: u32) -> Result<()> {
        if !self.exists(context) {
            return Err(Status::BAD_ARGUMENT);
        }
        if let Some(callback) = self.running.last_mut() {
            callback.effective = Some(context);
        }
        Ok(())
    }
}
