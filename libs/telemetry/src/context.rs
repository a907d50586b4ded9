//! The trace context (W3C `traceparent`, `tracestate`) in headers, gRPC metadata and stored rows.
//! gRPC metadata are headers, so the same functions work for both.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes the sender of these headers the span's parent. Must be called before the span is entered;
/// later it has no effect on the trace.
pub fn set_parent(span: &Span, headers: &HeaderMap) {
    let parent = global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
    if parent.span().span_context().is_valid() {
        // It fails when the span is disabled, which needs no parent.
        let _ = span.set_parent(parent);
    }
}

/// Links the span to the sender of these headers without making it part of the sender's trace, so
/// that external callers don't decide what is sampled.
pub fn link(span: &Span, headers: &HeaderMap) {
    let caller = global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
    let caller = caller.span().span_context().clone();
    if caller.is_valid() {
        span.add_link(caller);
    }
}

/// Links the span to another one without making it part of that trace. Work that is shared by
/// several callers belongs to none of their traces.
pub fn link_span(span: &Span, other: &Span) {
    let other = other.context().span().span_context().clone();
    if other.is_valid() {
        span.add_link(other);
    }
}

/// Writes the span's context into the headers of a request.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    global::get_text_map_propagator(|p| p.inject_context(&context, &mut HeadersMut(headers)));
}

/// Returns the current span as a `traceparent`, for a row that is processed later. Empty without a
/// span.
pub fn current_traceparent() -> String {
    let mut headers = HeaderMap::new();
    inject(&Span::current(), &mut headers);
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    parent.unwrap_or_default().to_owned()
}

/// Makes the span of a row's writer, as returned by [`current_traceparent`], the span's parent.
pub fn set_parent_from_traceparent(span: &Span, traceparent: &str) {
    let Ok(value) = HeaderValue::from_str(traceparent) else { return };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("traceparent"), value)]);
    set_parent(span, &headers);
}

/// Returns the id of the span's trace in hex, or an empty text without a trace.
pub fn trace_id(span: &Span) -> String {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    if context.is_valid() { context.trace_id().to_string() } else { String::new() }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
