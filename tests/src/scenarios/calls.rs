//! Calls of other services.

use crate::scenario::*;

mod grpc;
mod http;

pub(super) fn scenarios() -> Vec<Scenario> {
    [http::scenarios(), grpc::scenarios()].concat()
}

/// Does this with an answer, and then lets the stream 2 go on.
fn on_answer(steps: Vec<Op>) -> Vec<Op> {
    [steps, vec![set_context(2), continue_stream(Stream::Request)]].concat()
}
