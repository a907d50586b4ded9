//! The trace context (W3C `traceparent`, `tracestate`) in headers, gRPC metadata and stored rows.
//! gRPC metadata are headers, so the same functions work for both.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

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

/// Links the span to the writer of a row or a message. See [`current_traceparent`].
pub fn link_traceparent(span: &Span, traceparent: &str) {
    link(span, &headers(traceparent));
}

/// Makes the span and everything below it, in other processes too, a trace that is not exported.
/// For work that is repeated without a cause, such as a poll or a probe.
pub fn leave_untraced(span: &Span) {
    let ids = RandomIdGenerator::default();
    let parent = SpanContext::new(
        ids.new_trace_id(),
        ids.new_span_id(),
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::NONE,
    );
    // It fails when the span is disabled, which is not exported either.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// Returns a span for such work.
pub fn untraced() -> Span {
    let span = info_span!(parent: None, "poll");
    leave_untraced(&span);
    span
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

/// Returns the current span as text, for a row or a message that is processed later: its
/// `traceparent`, and after a space its `tracestate` if there is one. Empty without a span.
pub fn current_traceparent() -> String {
    traceparent(&Span::current())
}

/// Returns a span as text: see [`current_traceparent`].
pub fn traceparent(span: &Span) -> String {
    let mut headers = HeaderMap::new();
    inject(span, &mut headers);
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (value(TRACEPARENT), value(TRACESTATE)) {
        (parent, "") => parent.to_owned(),
        (parent, state) => format!("{parent} {state}"),
    }
}

/// Makes the span of a row's writer, as returned by [`current_traceparent`], the span's parent.
pub fn set_parent_from_traceparent(span: &Span, traceparent: &str) {
    set_parent(span, &headers(traceparent));
}

fn headers(traceparent: &str) -> HeaderMap {
    let (parent, state) = traceparent.split_once(' ').unwrap_or((traceparent, ""));
    let values = [(TRACEPARENT, parent), (TRACESTATE, state)];
    let values = values.into_iter().filter(|(_, value)| !value.is_empty());
    values
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn with_tracing(test: impl FnOnce()) {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_row_carries_the_trace_and_its_state() {
        with_tracing(|| {
            for (stored, state) in
                [(PARENT.to_owned(), ""), (format!("{PARENT} a=1,b=2"), "a=1,b=2")]
            {
                let span = info_span!("span");
                set_parent_from_traceparent(&span, &stored);
                assert_eq!(trace_id(&span), "0af7651916cd43dd8448eb211c80319c");
                let next = traceparent(&span);
                assert_eq!(next.split_once(' ').map_or("", |(_, state)| state), state);
                assert!(next.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{next}");
            }
            for malformed in ["", "no", "\n", " a=1"] {
                let span = info_span!("span");
                set_parent_from_traceparent(&span, malformed);
                assert_ne!(trace_id(&span), "");
            }
        });
    }

    #[test]
    fn untraced_work_tells_others_not_to_trace() {
        with_tracing(|| {
            let below = untraced().in_scope(|| traceparent(&info_span!("below")));
            assert!(below.ends_with("-00"), "{below}");
            assert!(traceparent(&info_span!("another")).ends_with("-01"));
        });
    }
}
