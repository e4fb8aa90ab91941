//! A request that can be sent, and shown as the `curl` command that sends the same.

use std::net::SocketAddr;

use anyhow::Result;
use tollgate_e2e::client::{self, Response};

use crate::commands::demo::stage::Stage;

/// A `GET` through Envoy.
#[derive(Clone)]
pub(super) struct Ask {
    traffic: SocketAddr,
    host: String,
    path: String,
    headers: Vec<Header>,
}

#[derive(Clone)]
struct Header {
    name: &'static str,
    value: String,
    shown: String,
}

impl Ask {
    pub(super) fn new(stage: &Stage, path: &str) -> Self {
        let headers = Vec::new();
        Self { traffic: stage.traffic, host: stage.host(), path: path.into(), headers }
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push(Header { name, value: value.into(), shown: value.into() });
        self
    }

    /// Adds a token, which is shown as `$variable`: tokens are no sight for a terminal.
    pub(super) fn token(mut self, token: &str, variable: &str) -> Self {
        let (value, shown) = (format!("Bearer {token}"), format!("Bearer ${variable}"));
        self.headers.push(Header { name: "authorization", value, shown });
        self
    }

    /// As one would type it.
    pub(super) fn curl(&self) -> String {
        let headers = self.headers.iter().map(|Header { name, shown, .. }| {
            let quote = if shown.contains('$') { '"' } else { '\'' };
            format!("-H {quote}{name}: {shown}{quote} ")
        });
        format!("curl -i {}{}{}", headers.collect::<String>(), self.host, self.path)
    }

    /// Sends it, on a connection of its own.
    pub(super) async fn send(self) -> Result<Response> {
        let mut request = client::get(self.traffic, &self.path).header("host", &self.host);
        for Header { name, value, .. } in &self.headers {
            request = request.header(name, value);
        }
        request.send().await
    }
}
