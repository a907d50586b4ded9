//! A span for each HTTP call. It names the route, never the path or the query as they came. The span of
//! a streamed answer lasts as long as the stream, so that what the stream asks for is below it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http::{Method, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use onethread_errors::Reason;
use onethread_telemetry::{
    attributes,
    metrics::{self, ActiveRequest},
    spans,
};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::{address, app::App};

/// Routes of probes, which are called all the time. Their spans are not exported.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The outermost layer: everything else is part of the span.
pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let template = route.as_ref().map(MatchedPath::as_str);
    let span = spans::http_server(method, template);
    if template.is_some_and(|template| PROBES.contains(&template)) {
        onethread_telemetry::leave_untraced(&span);
    } else if address::through_proxy(request.extensions(), &app.config.trusted_proxies) {
        onethread_telemetry::set_parent(&span, request.headers());
    } else {
        onethread_telemetry::link(&span, request.headers());
    }
    spans::show_trace_id(&span);
    let active = ActiveRequest::new(method);
    let response = next.run(request).instrument(span.clone()).await;
    drop(active);
    record(&span, &response);
    let status = response.status().as_u16();
    let call = Call { method, route, status, started };
    if is_event_stream(&response) {
        // Its duration is another metric. It has memory for a span only if that is exported.
        if spans::are_exported() {
            return response.map(|inner| Streamed::body(inner, span, None));
        }
    } else if HttpBody::size_hint(response.body()).exact().is_none() {
        return response.map(|inner| Streamed::body(inner, span, Some(call)));
    } else {
        call.record();
    }
    response
}

/// Records the outcome. Answers for the caller's own errors have a reason, but are no failures.
fn record(span: &Span, response: &Response) {
    let status = response.status();
    spans::set(span, attributes::HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16()));
    let reason = response.extensions().get::<Reason>().map(|reason| reason.error_info_reason());
    if status.is_server_error() {
        let reason = reason.unwrap_or(Reason::Internal.error_info_reason());
        spans::fail(span, status.as_u16().to_string(), reason);
    } else if let Some(reason) = reason {
        spans::set(span, attributes::ERROR_REASON, reason);
    }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// A call whose duration is recorded at its end.
struct Call {
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
    started: Instant,
}

impl Call {
    fn record(&self) {
        let route = self.route.as_ref().map(MatchedPath::as_str);
        metrics::http_served(self.method, route, self.status, self.started.elapsed());
    }
}

/// A body that is made while it is sent, in the span of its call.
struct Streamed {
    inner: Body,
    span: Span,
    call: Option<Call>,
}

impl Streamed {
    fn body(inner: Body, span: Span, call: Option<Call>) -> Body {
        Body::new(Self { inner, span, call })
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _entered = this.span.enter();
        Pin::new(&mut this.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        spans::end(std::mem::replace(&mut self.span, Span::none()));
        if let Some(call) = &self.call {
            call.record();
        }
    }
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
