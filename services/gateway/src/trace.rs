//! A span for each HTTP call. It names the route, never the path or the query as they came.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;
use onethread_telemetry::metrics;
use tokio::time::Instant;
use tracing::{Instrument, field::Empty, info_span};

use crate::{address, app::App};

/// The outermost layer: everything else is part of the span.
pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map(MatchedPath::as_str);
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let span = info_span!(
        parent: None,
        "http",
        otel.name = name,
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        trace_id = Empty,
    );
    if address::through_proxy(request.extensions(), &app.config.trusted_proxies) {
        onethread_telemetry::set_parent(&span, request.headers());
    } else {
        onethread_telemetry::link(&span, request.headers());
    }
    span.record("trace_id", onethread_telemetry::trace_id(&span));
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    metrics::http_served(method, route, response.status().as_u16(), started.elapsed());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// The names of other methods are text of the caller's choice.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
