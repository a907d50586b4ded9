//! All metrics. They have OpenTelemetry's names if there is one, and otherwise names that begin with
//! `onethread.`. Without an exporter recording them costs next to nothing.

mod calls;
mod database;
mod levels;
mod process;
mod work;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{
    global,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};

pub use calls::{ActiveRequest, OpenStream, RpcCall, Side, http_served, rpc};
pub use database::{CONNECTIONS, MAX_CONNECTIONS, connection_waited, database};
pub use levels::{IMPORTS, Level, OUTBOX, OUTBOX_LAG, Quantity, WEBHOOK_LAG, WEBHOOKS};
pub use process::measure_process;
pub use work::{
    WebhookAttempt, message_stored, outbox_failed, rate_limited, rows_imported, webhook_attempted,
};

/// Bounds of duration histograms, in seconds: those of OpenTelemetry's conventions and two smaller
/// ones.
const DURATION_BOUNDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Bounds of the durations of streams, in seconds: up to a day.
const STREAM_BOUNDS: [f64; 12] =
    [0.1, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

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

/// Interval at which levels are measured.
pub const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

fn meter() -> Meter {
    global::meter_with_scope(crate::init::scope())
}

fn durations(name: &'static str, description: &'static str, bounds: &[f64]) -> Histogram<f64> {
    let meter = meter();
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
    histogram.with_boundaries(bounds.to_vec()).build()
}

fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Counter<u64> {
    meter().u64_counter(name).with_unit(unit).with_description(description).build()
}

fn up_down(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
) -> UpDownCounter<i64> {
    meter().i64_up_down_counter(name).with_unit(unit).with_description(description).build()
}
