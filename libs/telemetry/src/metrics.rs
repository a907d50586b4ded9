//! All metrics. They have OpenTelemetry's names if there is one, and otherwise names that begin with
//! `onethread.`. Without an exporter recording them costs next to nothing.

use std::{
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    KeyValue, global,
    metrics::{Gauge, Histogram, Meter, UpDownCounter},
};

/// Bounds of duration histograms, in seconds: those of OpenTelemetry's conventions and two smaller
/// ones.
const DURATION_BOUNDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

static HTTP_SERVER: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram("http.server.request.duration", "HTTP requests, until the response headers.")
});
static RPC_SERVER: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram("rpc.server.call.duration", "gRPC calls received, until the response headers.")
});
static RPC_CLIENT: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram("rpc.client.call.duration", "gRPC calls made, until the response headers.")
});
static DATABASE: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram("db.client.operation.duration", "Database work, including the wait for a connection.")
});
static STREAMS: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    let meter = meter();
    let counter = meter.i64_up_down_counter("onethread.stream.open");
    counter.with_unit("{stream}").with_description("Open live streams.").build()
});

/// Whether metrics are exported.
static ENABLED: AtomicBool = AtomicBool::new(false);

/// Starts to record metrics.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// True when metrics are exported. Otherwise there is no need to measure anything.
pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Interval at which gauges are measured.
pub const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

fn meter() -> Meter {
    global::meter("onethread")
}

fn histogram(name: &'static str, description: &'static str) -> Histogram<f64> {
    let meter = meter();
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
    histogram.with_boundaries(DURATION_BOUNDS.to_vec()).build()
}

/// Records an HTTP request. `route` is the pattern of the matching route, if there is one.
pub fn http_served(method: &'static str, route: Option<&str>, status: u16, duration: Duration) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.response.status_code", i64::from(status)),
        // A proxy may terminate TLS; this process never does.
        KeyValue::new("url.scheme", "http"),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    if status >= 500 {
        attributes.push(KeyValue::new("error.type", status.to_string()));
    }
    HTTP_SERVER.record(duration.as_secs_f64(), &attributes);
}

/// Side of a gRPC call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The side that received the call.
    Server,
    /// The side that made the call.
    Client,
}

/// Records a gRPC call with the number of its status. `failed` is what its span says.
pub fn rpc(
    side: Side,
    (service, method): (&str, &str),
    status: i32,
    failed: bool,
    duration: Duration,
) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", service.to_owned()),
        KeyValue::new("rpc.method", method.to_owned()),
        KeyValue::new("rpc.grpc.status_code", i64::from(status)),
    ];
    if failed {
        attributes.push(KeyValue::new("error.type", status.to_string()));
    }
    let histogram = if side == Side::Server { &RPC_SERVER } else { &RPC_CLIENT };
    histogram.record(duration.as_secs_f64(), &attributes);
}

/// Records database work: the database's type, the operation's name, and the result.
pub fn database(system: &'static str, operation: &'static str, failed: bool, duration: Duration) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.operation.name", operation),
    ];
    if failed {
        attributes.push(KeyValue::new("error.type", "_OTHER"));
    }
    DATABASE.record(duration.as_secs_f64(), &attributes);
}

/// An open live stream. It is counted until this is dropped.
#[derive(Debug)]
pub struct OpenStream([KeyValue; 1]);

impl OpenStream {
    /// Counts a stream of this kind: `widget` or `staff`.
    pub fn new(kind: &'static str) -> Self {
        let attributes = [KeyValue::new("onethread.stream.kind", kind)];
        STREAMS.add(1, &attributes);
        Self(attributes)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        STREAMS.add(-1, &self.0);
    }
}

/// A gauge, which is measured at intervals.
#[derive(Debug)]
pub struct LazyGauge {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    gauge: OnceLock<Gauge<f64>>,
}

impl LazyGauge {
    const fn new(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self { name, unit, description, gauge: OnceLock::new() }
    }

    /// Records the current value for these attributes.
    pub fn set(&self, value: f64, attributes: &[(&'static str, &str)]) {
        let gauge = self.gauge.get_or_init(|| {
            let meter = meter();
            let gauge = meter.f64_gauge(self.name).with_unit(self.unit);
            gauge.with_description(self.description).build()
        });
        let attributes = attributes.iter();
        let attributes: Vec<_> =
            attributes.map(|(key, value)| KeyValue::new(*key, (*value).to_owned())).collect();
        gauge.record(value, &attributes);
    }
}

/// Connections of a database pool, by `db.client.connection.state`.
pub static CONNECTIONS: LazyGauge = LazyGauge::new(
    "db.client.connection.count",
    "{connection}",
    "Connections of a pool, used and idle.",
);
/// Largest number of connections of a database pool.
pub static MAX_CONNECTIONS: LazyGauge = LazyGauge::new(
    "db.client.connection.max",
    "{connection}",
    "Largest number of connections of a pool.",
);
/// Pending deliveries between services.
pub static OUTBOX: LazyGauge = LazyGauge::new(
    "onethread.outbox.waiting",
    "{delivery}",
    "Pending deliveries to other services, counted up to 10,000.",
);
/// How long the oldest of them has been due.
pub static OUTBOX_LAG: LazyGauge = LazyGauge::new(
    "onethread.outbox.lag",
    "s",
    "How long the oldest pending delivery to another service has been due.",
);
/// Pending deliveries to webhooks.
pub static WEBHOOKS: LazyGauge = LazyGauge::new(
    "onethread.webhook.waiting",
    "{delivery}",
    "Pending deliveries to webhooks, counted up to 10,000.",
);
/// How long the oldest of them has been due.
pub static WEBHOOK_LAG: LazyGauge = LazyGauge::new(
    "onethread.webhook.lag",
    "s",
    "How long the oldest pending delivery to a webhook has been due.",
);
/// Unfinished imports, by state.
pub static IMPORTS: LazyGauge = LazyGauge::new(
    "onethread.import.waiting",
    "{import}",
    "Imports that wait for a worker or are running.",
);
