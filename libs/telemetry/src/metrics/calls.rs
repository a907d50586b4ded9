//! Calls over HTTP and gRPC. Streams have histograms of their own: a stream lasts as long as its page
//! is open, which says nothing about how fast calls are.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Histogram, UpDownCounter},
};
use tokio::time::Instant;

use super::{DURATION_BOUNDS, STREAM_BOUNDS, durations, is_enabled, up_down};
use crate::attributes as name;

static HTTP_SERVER: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "HTTP requests, until the response headers or the end of a streamed body.";
    durations("http.server.request.duration", what, &DURATION_BOUNDS)
});
static ACTIVE: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    up_down("http.server.active_requests", "{request}", "HTTP requests without an answer yet.")
});
static RPC_SERVER: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations("rpc.server.call.duration", "gRPC calls received, to their end.", &DURATION_BOUNDS)
});
static RPC_CLIENT: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations("rpc.client.call.duration", "gRPC calls made, to their end.", &DURATION_BOUNDS)
});
static RPC_SERVER_STREAM: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "gRPC streams received, to their end.";
    durations("onethread.rpc.server.stream.duration", what, &STREAM_BOUNDS)
});
static RPC_CLIENT_STREAM: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "gRPC streams opened, to their end.";
    durations("onethread.rpc.client.stream.duration", what, &STREAM_BOUNDS)
});
static OPEN_STREAMS: LazyLock<UpDownCounter<i64>> =
    LazyLock::new(|| up_down("onethread.stream.open", "{stream}", "Open live streams."));
static STREAM_DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations("onethread.stream.duration", "Live streams, to their end.", &STREAM_BOUNDS)
});

// A proxy may terminate TLS; this process never does.
fn scheme() -> KeyValue {
    KeyValue::new(name::URL_SCHEME, "http")
}

/// Records an HTTP request. `route` is the pattern of the matching route, if there is one.
pub fn http_served(method: &'static str, route: Option<&str>, status: u16, duration: Duration) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new(name::HTTP_REQUEST_METHOD, method),
        KeyValue::new(name::HTTP_RESPONSE_STATUS_CODE, i64::from(status)),
        scheme(),
    ];
    attributes.extend(route.map(|route| KeyValue::new(name::HTTP_ROUTE, route.to_owned())));
    if status >= 500 {
        attributes.push(KeyValue::new(name::ERROR_TYPE, status.to_string()));
    }
    HTTP_SERVER.record(duration.as_secs_f64(), &attributes);
}

/// An HTTP request without an answer. It is counted until this is dropped.
#[derive(Debug)]
pub struct ActiveRequest(Option<[KeyValue; 2]>);

impl ActiveRequest {
    /// Counts a request.
    pub fn new(method: &'static str) -> Self {
        let attributes = || [KeyValue::new(name::HTTP_REQUEST_METHOD, method), scheme()];
        let attributes = is_enabled().then(attributes);
        attributes.iter().for_each(|attributes| ACTIVE.add(1, attributes));
        Self(attributes)
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.iter().for_each(|attributes| ACTIVE.add(-1, attributes));
    }
}

/// Side of a gRPC call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The side that received the call.
    Server,
    /// The side that made the call.
    Client,
}

/// A gRPC call that has ended.
#[derive(Debug, Clone, Copy)]
pub struct RpcCall<'a> {
    /// The side that records it.
    pub side: Side,
    /// Service and method, or `_OTHER`.
    pub method: &'static str,
    /// True when either side streams.
    pub is_stream: bool,
    /// Name of the status.
    pub status: &'static str,
    /// True if its span has an error status.
    pub failed: bool,
    /// Host and port that were called, for calls to another process.
    pub server: Option<(&'a str, u16)>,
}

/// Records a gRPC call.
pub fn rpc(call: RpcCall<'_>, duration: Duration) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new(name::RPC_SYSTEM_NAME, "grpc"),
        KeyValue::new(name::RPC_METHOD, call.method),
        KeyValue::new(name::RPC_STATUS_CODE, call.status),
    ];
    if call.failed {
        attributes.push(KeyValue::new(name::ERROR_TYPE, call.status));
    }
    if let Some((host, port)) = call.server {
        attributes.push(KeyValue::new(name::SERVER_ADDRESS, host.to_owned()));
        attributes.push(KeyValue::new(name::SERVER_PORT, i64::from(port)));
    }
    let histogram = match (call.side, call.is_stream) {
        (Side::Server, false) => &RPC_SERVER,
        (Side::Client, false) => &RPC_CLIENT,
        (Side::Server, true) => &RPC_SERVER_STREAM,
        (Side::Client, true) => &RPC_CLIENT_STREAM,
    };
    histogram.record(duration.as_secs_f64(), &attributes);
}

/// An open live stream. It is counted until this is dropped, and then its duration is recorded.
#[derive(Debug)]
pub struct OpenStream {
    kind: &'static str,
    opened_at: Instant,
}

impl OpenStream {
    /// Counts a stream of this kind: `widget` or `staff`.
    pub fn new(kind: &'static str) -> Self {
        OPEN_STREAMS.add(1, &[KeyValue::new(name::STREAM_KIND, kind)]);
        Self { kind, opened_at: Instant::now() }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let attributes = [KeyValue::new(name::STREAM_KIND, self.kind)];
        OPEN_STREAMS.add(-1, &attributes);
        STREAM_DURATION.record(self.opened_at.elapsed().as_secs_f64(), &attributes);
    }
}
