//! All attributes.

use crate::show::Show;
use serde_json::{Map, Value, json};
use tollgate::properties::Properties;

/// Shows the getters of each group under the names of their attributes.
macro_rules! getters {
    ($properties:ident, $shown:ident: $($group:ident: $($name:ident)+;)+) => {
        $($($shown.insert(
            concat!(stringify!($group), ".", stringify!($name)).to_owned(),
            $properties.$group().$name().show(),
        );)+)+
    };
}

/// Every attribute by its name.
pub(crate) fn all(properties: Properties) -> Value {
    let mut shown = Map::new();
    getters! { properties, shown:
        request: path url_path host scheme method referer useragent id query headers headers_bytes
            time size total_size duration protocol;
        response: code code_details headers headers_bytes trailers flags grpc_status size total_size
            backend_latency;
        connection: id mtls peer_certificate_valid requested_server_name termination_details
            transport_failure_reason tls_version subject_local_certificate subject_peer_certificate
            uri_san_local_certificate uri_san_peer_certificate dns_san_local_certificate
            dns_san_peer_certificate sha256_peer_certificate_digest peer_certificate;
        source: address port;
        destination: address port;
        upstream: address port local_address locality transport_failure_reason
            request_attempt_count cx_pool_ready_duration num_endpoints tls_version
            subject_local_certificate subject_peer_certificate uri_san_local_certificate
            uri_san_peer_certificate dns_san_local_certificate dns_san_peer_certificate
            sha256_peer_certificate_digest peer_certificate;
        xds: cluster_name cluster_metadata route_name route_metadata virtual_host_name
            virtual_host_metadata upstream_host_metadata upstream_host_locality_metadata
            filter_chain_name listener_metadata listener_direction;
    }
    let others = [
        ("metadata", properties.metadata().show()),
        (
            "metadata.text",
            properties.text(&["metadata", "filter_metadata", "probe", "text"]).show(),
        ),
        ("request.headers.x-multi", properties.request().header("x-multi").show()),
        ("request.headers.absent", properties.request().header("absent").show()),
        ("response.headers.x-multi", properties.response().header("x-multi").show()),
    ];
    shown.extend(others.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(shown)
}

/// What can be read without a request.
pub(crate) fn of_the_process(properties: Properties) -> Value {
    let node = properties.xds().node();
    json!({
        "node.id": node.id().show(),
        "node.cluster": node.cluster().show(),
        "node.locality": node.locality().show(),
        "node.user_agent_name": node.user_agent_name().show(),
        "node.metadata": node.metadata(&[]).show(),
        "node.metadata.labels.app": node.metadata(&["labels", "app"]).show(),
        "node.metadata.absent": node.metadata(&["absent"]).show(),
        "plugin_name": properties.plugin_name().show(),
        "plugin_root_id": properties.plugin_root_id().show(),
        "plugin_vm_id": properties.plugin_vm_id().show(),
        "request.path": properties.request().path().show(),
        "xds.cluster_name": properties.xds().cluster_name().show(),
    })
}
