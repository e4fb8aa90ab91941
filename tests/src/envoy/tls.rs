//! TLS of listeners and clusters, as Envoy's transport sockets.

use serde_json::{Value, json};

use crate::certificates::{Authority, Identity};

const DOWNSTREAM: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/// A listener's: it shows a certificate, and asks the client for one of the authority.
pub(super) fn downstream(identity: &Identity, clients: &Authority) -> Value {
    transport_socket(json!({
        "@type": DOWNSTREAM,
        "require_client_certificate": false,
        "common_tls_context": {
            "tls_certificates": [certificate(identity)],
            "validation_context": trust(clients),
        },
    }))
}

/// A cluster's: it wants a certificate of the authority, and has one to show if it is asked.
pub(super) fn upstream(name: &str, servers: &Authority, identity: Option<&Identity>) -> Value {
    transport_socket(json!({
        "@type": UPSTREAM,
        "sni": name,
        "common_tls_context": {
            "tls_certificates": identity.map(certificate).into_iter().collect::<Vec<_>>(),
            "validation_context": trust(servers),
        },
    }))
}

fn transport_socket(context: Value) -> Value {
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}

fn certificate(identity: &Identity) -> Value {
    json!({
        "certificate_chain": { "inline_string": identity.certificate },
        "private_key": { "inline_string": identity.key },
    })
}

fn trust(authority: &Authority) -> Value {
    json!({ "trusted_ca": { "inline_string": authority.certificate() } })
}
