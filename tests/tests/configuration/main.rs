//! What operators configure, without an Envoy: every refusal as they read it, and the schema and the
//! reference that tell them beforehand.
#![allow(missing_docs)]

mod filters;
mod reference;
mod refusals;
mod samples;
mod schemas;
mod spellings;
