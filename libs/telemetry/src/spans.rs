//! All spans. Each kind has its name and its attributes here, so that a span of one kind looks the
//! same wherever it is made.

use std::{
    fmt::Display,
    sync::atomic::{AtomicBool, Ordering},
};

use opentelemetry::{Value, trace::Status};
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{attributes as name, trace_id};

/// Whether spans are exported.
static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Starts to make the spans that only a collector sees.
pub(crate) fn enable() {
    EXPORTED.store(true, Ordering::Relaxed);
}

/// True when spans are exported. Otherwise spans are made only where log lines and responses need
/// the id of the trace.
pub fn are_exported() -> bool {
    EXPORTED.load(Ordering::Relaxed)
}

/// The span of a received HTTP request, without a parent. It has the template of the route and no
/// path, which contains ids.
pub fn http_server(method: &'static str, route: Option<&str>) -> Span {
    let title = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    info_span!(
        parent: None,
        "http",
        otel.name = title,
        otel.kind = "server",
        { name::HTTP_REQUEST_METHOD } = method,
        { name::HTTP_ROUTE } = route,
        // A proxy may terminate TLS; this process never does.
        { name::URL_SCHEME } = "http",
        { name::TRACE_ID } = Empty,
    )
}

/// The span of an HTTP request that this process sends, for the attempt of this number. It has no
/// path and no query, which may be secrets.
pub fn http_client(method: &'static str, host: &str, port: Option<u16>, attempt: i64) -> Span {
    let span = info_span!(
        "http call",
        otel.name = method,
        otel.kind = "client",
        { name::HTTP_REQUEST_METHOD } = method,
        { name::SERVER_ADDRESS } = host,
        { name::SERVER_PORT } = port.map(i64::from),
    );
    if attempt > 1 {
        set(&span, name::HTTP_REQUEST_RESEND_COUNT, attempt - 1);
    }
    span
}

/// The span of a received gRPC call, without a parent.
pub fn rpc_server(method: &'static str) -> Span {
    info_span!(
        parent: None,
        "rpc",
        otel.name = method,
        otel.kind = "server",
        { name::RPC_SYSTEM_NAME } = "grpc",
        { name::RPC_METHOD } = method,
        { name::TRACE_ID } = Empty,
    )
}

/// The span of a gRPC call that this process makes. A call within the process has no address.
pub fn rpc_client(method: &'static str, server: Option<(&str, u16)>) -> Span {
    info_span!(
        "rpc call",
        otel.name = method,
        otel.kind = "client",
        { name::RPC_SYSTEM_NAME } = "grpc",
        { name::RPC_METHOD } = method,
        { name::SERVER_ADDRESS } = server.map(|(host, _)| host),
        { name::SERVER_PORT } = server.map(|(_, port)| i64::from(port)),
    )
}

/// The span of database work. Work outside a trace, such as a poll of a queue, has none: it would be
/// a trace of its own, several times a second.
pub fn database(system: &'static str, namespace: &str, summary: &'static str) -> Span {
    if !are_exported() || Span::current().is_none() {
        return Span::none();
    }
    info_span!(
        "sql",
        otel.name = summary,
        otel.kind = "client",
        { name::DB_SYSTEM_NAME } = system,
        { name::DB_NAMESPACE } = namespace,
        { name::DB_QUERY_SUMMARY } = summary,
    )
}

/// The span of work on a message, without a parent: see
/// [`set_parent_from_traceparent`](crate::set_parent_from_traceparent). `operation` is the verb, and
/// `destination` the kind of the message.
pub fn consumer(system: &'static str, operation: &'static str, destination: &str) -> Span {
    info_span!(
        parent: None,
        "message",
        otel.name = format!("{operation} {destination}"),
        otel.kind = "consumer",
        { name::MESSAGING_SYSTEM } = system,
        { name::MESSAGING_OPERATION_NAME } = operation,
        { name::MESSAGING_OPERATION_TYPE } = "process",
        { name::MESSAGING_DESTINATION_NAME } = destination,
        { name::TRACE_ID } = Empty,
    )
}

/// The span of a step within the current span.
pub fn step(title: &'static str) -> Span {
    if are_exported() { info_span!("step", otel.name = title) } else { Span::none() }
}

/// The span of a batch of imported rows, which is a step of the call that brings all batches.
pub fn import_batch(call: &Span, number: i64) -> Span {
    info_span!(
        parent: call,
        "import batch",
        otel.name = "import batch",
        { name::IMPORT_BATCH_NUMBER } = number,
    )
}

/// The span of a step that several traces share, and that is part of none of them.
pub fn shared_step(title: &'static str) -> Span {
    if are_exported() {
        info_span!(parent: None, "shared step", otel.name = title)
    } else {
        Span::none()
    }
}

/// Sets an attribute that isn't in log lines. Numbers stay numbers.
pub fn set(span: &Span, attribute: &'static str, value: impl Into<Value>) {
    span.set_attribute(attribute, value);
}

/// Sets the organization that the work of the span is for.
pub fn set_organization(span: &Span, organization: impl Display) {
    if are_exported() && !span.is_none() {
        span.set_attribute(name::ORGANIZATION_ID, organization.to_string());
    }
}

/// Writes the id of the trace into the span's log lines. Its parent must be set before.
pub fn show_trace_id(span: &Span) {
    span.record(name::TRACE_ID, trace_id(span));
}

/// Marks a span as failed. The description of its status is the reason: messages of errors may
/// contain what a person has written.
pub fn fail(span: &Span, error_type: impl Into<Value>, reason: &'static str) {
    span.set_attribute(name::ERROR_TYPE, error_type);
    span.set_attribute(name::ERROR_REASON, reason);
    span.set_status(Status::error(reason));
}

/// Ends a span now. A span ends where it was last entered, so one that was stored but not entered
/// would end too early.
pub fn end(span: Span) {
    span.in_scope(|| {});
}
