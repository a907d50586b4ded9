//! The trace context (W3C `traceparent`, `tracestate`) in and out of headers, gRPC metadata and
//! stored rows. gRPC metadata are headers, so one pair of functions serves both.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes the sender of these headers the span's parent. To be called before the span is entered:
/// after that its trace is settled.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    let parent = global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
    if parent.span().span_context().is_valid() {
        // An error says that the span is disabled, and then there is nothing to connect.
        let _ = span.set_parent(parent);
    }
}

/// Links the span to the sender of these headers without making it part of the sender's trace:
/// at the public edge a caller must not decide what is sampled.
pub fn link(span: &Span, headers: &HeaderMap) {
    let caller = global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
    let caller = caller.span().span_context().clone();
    if caller.is_valid() {
        span.add_link(caller);
    }
}

/// Links the span to another one, without making it part of its trace: work done for many callers
/// at once belongs to the trace of none.
pub fn link_span(span: &Span, other: &Span) {
    let other = other.context().span().span_context().clone();
    if other.is_valid() {
        span.add_link(other);
    }
}

/// Puts the span into headers that go out.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    global::get_text_map_propagator(|p| p.inject_context(&context, &mut HeadersMut(headers)));
}

/// The current span as a `traceparent`, for a row that is worked on later; empty without one.
pub fn text() -> String {
    let mut headers = HeaderMap::new();
    inject(&Span::current(), &mut headers);
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    parent.unwrap_or_default().to_owned()
}

/// Makes the writer of a row, as [`text`] gave it, the span's parent.
pub fn adopt_text(span: &Span, traceparent: &str) {
    let Ok(value) = HeaderValue::from_str(traceparent) else { return };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("traceparent"), value)]);
    adopt(span, &headers);
}

/// The trace that the span belongs to, in hex; empty where there is none.
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
