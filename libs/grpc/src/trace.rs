//! Spans of calls, on both sides, with OpenTelemetry's attributes. A span gets its parent before it
//! is entered, because a parent that is set later has no effect on its trace.

use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderMap;
use onethread_telemetry::metrics::{self, Side};
use tokio::time::Instant;
use tonic::Code;
use tracing::{Instrument, Span, field::Empty, info_span};

/// Layer of the server: runs a handler in the span of its call.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let (service, method) = names(&path);
    // The caller's span is in the headers, even if the caller is in this process.
    let span = info_span!(
        parent: None,
        "rpc",
        otel.name = format!("{service}/{method}"),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        otel.status_code = Empty,
        trace_id = Empty,
    );
    onethread_telemetry::set_parent(&span, request.headers());
    span.record("trace_id", onethread_telemetry::trace_id(&span));
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, response.headers(), Side::Server, &path, started);
    response
}

/// Creates the client's span of a call.
pub(crate) fn call(path: &str) -> Span {
    let (service, method) = names(path);
    info_span!(
        "rpc call",
        otel.name = format!("{service}/{method}"),
        otel.kind = "client",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// Records the status of a call if the response's headers contain it. For a stream they contain
/// only the status of its start.
pub(crate) fn record(span: &Span, headers: &HeaderMap, side: Side, path: &str, started: Instant) {
    let status =
        headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    span.record("rpc.grpc.status_code", status as i32);
    let is_server_fault = matches!(
        status,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    let failed = is_server_fault || (side == Side::Client && status != Code::Ok);
    if failed {
        span.record("otel.status_code", "ERROR");
    }
    // Unknown names would create an unlimited number of time series.
    let call = if status == Code::Unimplemented { ("_OTHER", "_OTHER") } else { names(path) };
    metrics::rpc(side, call, status as i32, failed, started.elapsed());
}

/// Splits a path into the names of the service and the method.
fn names(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or((path, ""))
}
