//! Targets of the SDK.

pub(crate) mod bucketing;
pub(crate) mod config;
pub(crate) mod cookies;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod matching;
pub(crate) mod patterns;
pub(crate) mod properties;
pub(crate) mod protobuf;
pub(crate) mod shared_cell;
pub(crate) mod token_bucket;
pub(crate) mod uri;
pub(crate) mod values;
pub(crate) mod windows;
