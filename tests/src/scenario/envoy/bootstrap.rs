//! The surroundings of the probes, as Envoy's configuration.

use serde_json::{Value, json};

use super::Stage;
use crate::envoy::{Bootstrap, Cluster, Listener, Route, native_filter};

const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

pub(super) fn bootstrap(stages: &[Stage<'_>]) -> Value {
    let mut bootstrap = Bootstrap::new();
    for stage in stages {
        for (index, filter) in stage.filters.iter().enumerate() {
            bootstrap = bootstrap.listener(listener(stage, index, filter));
        }
        let name = |upstream: &str| format!("{}.{upstream}", stage.id);
        bootstrap = bootstrap
            .cluster(Cluster::new(&name("app"), stage.app.address()).http1_trailers())
            .cluster(Cluster::new(&name("side"), stage.side.address()).http1_trailers())
            .cluster(Cluster::new(&name("grpc"), stage.grpc.address()).http2());
    }
    bootstrap.build()
}

fn listener(stage: &Stage<'_>, index: usize, filter: &Value) -> Listener {
    let router = native_filter(
        "envoy.filters.http.router",
        ROUTER,
        json!({ "suppress_envoy_headers": true }),
    );
    let mut listener = Listener::new(&stage.listener(index))
        .with(json!({
            "http_filters": [filter, router],
            "delayed_close_timeout": "0.02s",
            "generate_request_id": false,
            "http_protocol_options": { "enable_trailers": true },
        }))
        .log_field("scenario", &stage.id)
        .route(Route::prefix("/").header("x-route", "side").to(&format!("{}.side", stage.id)))
        .route(Route::prefix("/").to(&format!("{}.app", stage.id)).named("to-app"));
    if index > 0 && stage.scenario.second_is_outbound {
        listener = listener.with_listener(json!({ "traffic_direction": "OUTBOUND" }));
    }
    if let Some(bytes) = stage.scenario.buffer_limit {
        listener = listener.with_listener(json!({ "per_connection_buffer_limit_bytes": bytes }));
    }
    listener
}
