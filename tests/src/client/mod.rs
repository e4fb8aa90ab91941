//! HTTP clients: [`get`] and its like for requests as anyone would send them, [`Connection`] for
//! several on one connection, and [`raw`] for what no client library would send.

mod connection;
pub mod raw;
mod request;
mod response;

pub use connection::Connection;
pub use request::{Request, get, post, request};
pub use response::Response;
