//! Spans and metrics of calls, on both sides. A call lasts to the end of its response, so those of a
//! stream cover its life. A span gets its parent before it is entered, because a parent that is set
//! later has no effect on its trace.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use onethread_errors::Error;
use onethread_telemetry::{
    attributes,
    metrics::{self, RpcCall, Side},
    spans,
};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::{Instrument, Span};

use crate::{addresses::Address, methods::Method};

/// Layer of the server: runs a handler in the span of its call.
pub(crate) async fn serve(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = Method::find(request.uri().path());
    let span = spans::rpc_server(method.name);
    if method.is_probe() {
        onethread_telemetry::leave_untraced(&span);
    } else {
        // The caller's span is in the headers, even if the caller is in this process.
        onethread_telemetry::set_parent(&span, request.headers());
    }
    spans::show_trace_id(&span);
    let side = Side::Server;
    let call = Call { span: span.clone(), side, method, server: None, started, is_over: false };
    let response = next.run(request).instrument(span).await;
    match call.answered(response.headers()) {
        Some(call) => response.map(|inner| Body::new(Followed { inner, call: Some(call) })),
        None => response,
    }
}

/// A call whose end is not known yet. A call that is dropped was canceled by its caller.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) span: Span,
    side: Side,
    method: Method,
    /// The service that a client has called, if it is in another process.
    server: Option<Arc<Address>>,
    started: Instant,
    is_over: bool,
}

impl Call {
    /// Begins a call of this process.
    pub(crate) fn begin(path: &str, server: Option<Arc<Address>>) -> Self {
        let method = Method::find(path);
        let span = spans::rpc_client(method.name, server.as_deref().map(host_and_port));
        let (side, started) = (Side::Client, Instant::now());
        Self { span, side, method, server, started, is_over: false }
    }

    /// Ends the call if the headers of its response contain its status.
    pub(crate) fn answered(self, headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key("grpc-status") {
            self.end(headers);
            return None;
        }
        Some(self)
    }

    /// Ends the call with the status in the headers or trailers of its response.
    pub(crate) fn end(mut self, headers: &HeaderMap) {
        let status = Status::from_header_map(headers);
        self.record(status.unwrap_or_else(|| Status::unknown("the call ended without a status")));
    }

    /// Ends the call with this status.
    pub(crate) fn end_with(mut self, status: Status) {
        self.record(status);
    }

    fn record(&mut self, status: Status) {
        self.is_over = true;
        let code = status.code();
        spans::set(&self.span, attributes::RPC_STATUS_CODE, name(code));
        let failed = self.has_failed(code);
        if code != Code::Ok {
            let reason = Error::from(status).reason.error_info_reason();
            if failed {
                spans::fail(&self.span, name(code), reason);
            } else {
                spans::set(&self.span, attributes::ERROR_REASON, reason);
            }
        }
        self.close(code, failed);
    }

    fn close(&mut self, code: Code, failed: bool) {
        spans::end(std::mem::replace(&mut self.span, Span::none()));
        let call = RpcCall {
            side: self.side,
            method: self.method.name,
            is_stream: self.method.is_stream,
            status: name(code),
            failed,
            server: self.server.as_deref().map(host_and_port),
        };
        metrics::rpc(call, self.started.elapsed());
    }

    /// For a client every status but OK is a failure. For a server only its own faults are.
    fn has_failed(&self, code: Code) -> bool {
        let is_server_fault = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        is_server_fault || (self.side == Side::Client && code != Code::Ok)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            // The caller wants no more, which is no failure: a stream ends when its page is closed.
            spans::set(&self.span, attributes::RPC_STATUS_CODE, name(Code::Cancelled));
            self.close(Code::Cancelled, false);
        }
    }
}

/// A response body of the server that ends its call.
struct Followed {
    inner: Body,
    call: Option<Call>,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref()
                    && let Some(call) = self.call.take()
                {
                    call.end(trailers);
                }
            }
            Some(Err(_)) | None => {
                if let Some(call) = self.call.take() {
                    call.end_with(Status::unknown("the response ended without a status"));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Records in the current call which replica it goes to.
pub(crate) fn set_replica(address: SocketAddr) {
    if spans::are_exported() {
        let span = Span::current();
        spans::set(&span, attributes::NETWORK_PEER_ADDRESS, address.ip().to_string());
        spans::set(&span, attributes::NETWORK_PEER_PORT, i64::from(address.port()));
    }
}

fn host_and_port(address: &Address) -> (&str, u16) {
    (&address.host, address.port)
}

/// Name of a status, as gRPC's documents write it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
