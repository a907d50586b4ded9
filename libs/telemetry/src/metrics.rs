//! What is measured, and what it is called: OpenTelemetry's names where it has one, ours begin with
//! `onethread.`. Where nobody asked for metrics all of this costs next to nothing.

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

/// Bounds of durations, in seconds: those of OpenTelemetry's conventions, and two below.
const SECONDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

static HTTP: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    duration("http.server.request.duration", "HTTP calls, to the head of the answer.")
});
static SERVED: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    duration("rpc.server.call.duration", "gRPC calls taken, to the head of the answer.")
});
static CALLED: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    duration("rpc.client.call.duration", "gRPC calls made, to the head of the answer.")
});
static DATABASE: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    duration("db.client.operation.duration", "Database work, from the wait for a connection on.")
});
static STREAMS: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    let meter = meter();
    let counter = meter.i64_up_down_counter("onethread.stream.open");
    counter.with_unit("{stream}").with_description("Live streams held open.").build()
});

/// Whether anybody asked for metrics.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Metrics are taken from now on.
pub(crate) fn begin() {
    ASKED.store(true, Ordering::Relaxed);
}

/// Whether anybody asked for metrics: without it nothing need be looked at to be measured.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// How often levels are looked at.
pub const LOOK: Duration = Duration::from_secs(5);

fn meter() -> Meter {
    global::meter("onethread")
}

fn duration(name: &'static str, said: &'static str) -> Histogram<f64> {
    let meter = meter();
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(said);
    histogram.with_boundaries(SECONDS.to_vec()).build()
}

/// An HTTP call that was answered. `route` is the route's pattern, absent where none fits.
pub fn http_served(method: &'static str, route: Option<&str>, status: u16, took: Duration) {
    if !asked() {
        return;
    }
    let mut about = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.response.status_code", i64::from(status)),
        // What stands before us may speak TLS; this process never does.
        KeyValue::new("url.scheme", "http"),
    ];
    about.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    if status >= 500 {
        about.push(KeyValue::new("error.type", status.to_string()));
    }
    HTTP.record(took.as_secs_f64(), &about);
}

/// Which end of a gRPC call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Took it.
    Server,
    /// Made it.
    Client,
}

/// A gRPC call that was answered with this status, by its number; `failed` as its span says.
pub fn rpc(side: Side, (service, method): (&str, &str), status: i32, failed: bool, took: Duration) {
    if !asked() {
        return;
    }
    let mut about = vec![
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", service.to_owned()),
        KeyValue::new("rpc.method", method.to_owned()),
        KeyValue::new("rpc.grpc.status_code", i64::from(status)),
    ];
    if failed {
        about.push(KeyValue::new("error.type", status.to_string()));
    }
    let histogram = if side == Side::Server { &SERVED } else { &CALLED };
    histogram.record(took.as_secs_f64(), &about);
}

/// Database work that is done: on what system, what it is called, and how it ended.
pub fn database(system: &'static str, operation: &'static str, failed: bool, took: Duration) {
    if !asked() {
        return;
    }
    let mut about = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.operation.name", operation),
    ];
    if failed {
        about.push(KeyValue::new("error.type", "_OTHER"));
    }
    DATABASE.record(took.as_secs_f64(), &about);
}

/// A live stream, counted until it is dropped.
#[derive(Debug)]
pub struct OpenStream([KeyValue; 1]);

impl OpenStream {
    /// Counts one; `kind` says whom it is for.
    pub fn new(kind: &'static str) -> Self {
        let about = [KeyValue::new("onethread.stream.kind", kind)];
        STREAMS.add(1, &about);
        Self(about)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        STREAMS.add(-1, &self.0);
    }
}

/// How much there is of something now, looked at now and then.
#[derive(Debug)]
pub struct Level {
    name: &'static str,
    unit: &'static str,
    said: &'static str,
    gauge: OnceLock<Gauge<f64>>,
}

impl Level {
    const fn new(name: &'static str, unit: &'static str, said: &'static str) -> Self {
        Self { name, unit, said, gauge: OnceLock::new() }
    }

    /// Notes how much there is, of what the attributes name.
    pub fn set(&self, value: f64, about: &[(&'static str, &str)]) {
        let gauge = self.gauge.get_or_init(|| {
            let meter = meter();
            let gauge = meter.f64_gauge(self.name).with_unit(self.unit);
            gauge.with_description(self.said).build()
        });
        let about: Vec<_> =
            about.iter().map(|(key, value)| KeyValue::new(*key, (*value).to_owned())).collect();
        gauge.record(value, &about);
    }
}

/// Connections of a database's pool, by `db.client.connection.state`.
pub static CONNECTIONS: Level = Level::new(
    "db.client.connection.count",
    "{connection}",
    "Connections of a pool that are used, and that are idle.",
);
/// Connections that a pool may have.
pub static CONNECTIONS_MOST: Level =
    Level::new("db.client.connection.max", "{connection}", "Connections that a pool may have.");
/// Deliveries between services that wait.
pub static OUTBOX: Level = Level::new(
    "onethread.outbox.waiting",
    "{delivery}",
    "Deliveries to other services that wait, counted to 10,000.",
);
/// How long the longest of them has been due.
pub static OUTBOX_LAG: Level = Level::new(
    "onethread.outbox.lag",
    "s",
    "How long the delivery that waits longest has been due.",
);
/// Deliveries to webhooks that wait.
pub static WEBHOOKS: Level = Level::new(
    "onethread.webhook.waiting",
    "{delivery}",
    "Deliveries to webhooks that wait, counted to 10,000.",
);
/// How long the longest of them has been due.
pub static WEBHOOK_LAG: Level = Level::new(
    "onethread.webhook.lag",
    "s",
    "How long the delivery to a webhook that waits longest has been due.",
);
/// Imports by state, those that are over left out.
pub static IMPORTS: Level = Level::new(
    "onethread.import.waiting",
    "{import}",
    "Imports that wait for a worker, or are worked on.",
);
