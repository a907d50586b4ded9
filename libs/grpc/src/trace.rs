//! A span for each call on either side, named as OpenTelemetry names them. The span is made and
//! given its parent before anything runs in it: a parent set later would begin a new trace.

use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderMap;
use onethread_telemetry::metrics::{self, Side};
use tokio::time::Instant;
use tonic::Code;
use tracing::{Instrument, Span, field::Empty, info_span};

/// Server side.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let path = request.uri().path().to_owned();
    let (service, method) = names(&path);
    // No parent in this process: the caller's span comes in the headers, also from next door.
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
    onethread_telemetry::adopt(&span, request.headers());
    span.record("trace_id", onethread_telemetry::trace_id(&span));
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, response.headers(), Side::Server, &path, begun);
    response
}

/// Client side: the span that the call runs in.
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

/// Notes how the call ended, where its head already says so; for a stream that is only its start.
pub(crate) fn record(span: &Span, headers: &HeaderMap, side: Side, path: &str, begun: Instant) {
    let status =
        headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    span.record("rpc.grpc.status_code", status as i32);
    let ours = matches!(
        status,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    let failed = ours || (side == Side::Client && status != Code::Ok);
    if failed {
        span.record("otel.status_code", "ERROR");
    }
    // What a caller makes up is nothing to count by.
    let call = if status == Code::Unimplemented { ("_OTHER", "_OTHER") } else { names(path) };
    metrics::rpc(side, call, status as i32, failed, begun.elapsed());
}

fn names(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or((path, ""))
}
