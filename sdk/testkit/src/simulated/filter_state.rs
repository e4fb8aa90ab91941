//! What modules write to streams: Envoy's filter state, as far as modules reach it
//! (`Context::setProperty`, `source/extensions/filters/common/expr/cel_state.cc`).

use crate::abi::{Result, Status};
use prost::Message;
use std::collections::BTreeMap;

/// Envoy's `DeclarePropertyArguments`, as far as it can be told apart here.
#[derive(Clone, PartialEq, Eq, Message)]
struct Declaration {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    is_read_only: bool,
}

#[derive(Debug, Default)]
pub(super) struct FilterState {
    /// By stream and name.
    values: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
    /// By context and name.
    declared: BTreeMap<(u32, Vec<u8>), Declaration>,
}

impl FilterState {
    /// The foreign function `declare_property`: once for each name.
    pub(super) fn declare(&mut self, context: u32, arguments: &[u8]) -> Result<Vec<u8>> {
        let declaration = Declaration::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let key = (context, declaration.name.clone().into_bytes());
        if self.declared.contains_key(&key) {
            return Err(Status::BAD_ARGUMENT);
        }
        self.declared.insert(key, declaration);
        Ok(Vec::new())
    }

    /// What a plugin has declared to be read only can be set once.
    pub(super) fn set(
        &mut self,
        (stream, root): (u32, u32),
        name: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let declaration = self.declared.get(&(root, name.to_vec()));
        let is_read_only = declaration.is_some_and(|declaration| declaration.is_read_only);
        let key = (stream, name.to_vec());
        if is_read_only && self.values.contains_key(&key) {
            return Err(Status::BAD_ARGUMENT);
        }
        self.values.insert(key, value.to_vec());
        Ok(())
    }

    pub(super) fn get(&self, stream: u32, name: &[u8]) -> Option<Vec<u8>> {
        self.values.get(&(stream, name.to_vec())).cloned()
    }

    /// A context is gone.
    pub(super) fn forget(&mut self, context: u32) {
        self.values.retain(|(it, _), _| *it != context);
        self.declared.retain(|(it, _), _| *it != context);
    }
}
