//! Database work. The wait for a connection is apart from the work, so that a small pool doesn't
//! look like slow queries.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
    time::Duration,
};

use opentelemetry::{KeyValue, metrics::Histogram};

use super::{DURATION_BOUNDS, Quantity, durations, is_enabled};
use crate::attributes as name;

static OPERATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "Database work, without the wait for a connection.";
    durations("db.client.operation.duration", what, &DURATION_BOUNDS)
});
static WAITS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "Waits for a connection of a pool.";
    durations("db.client.connection.wait_time", what, &DURATION_BOUNDS)
});

/// Connections of a database pool, by `db.client.connection.state`.
pub static CONNECTIONS: Quantity = Quantity::new(
    "db.client.connection.count",
    "{connection}",
    "Connections of a pool, used and idle.",
);
/// Largest number of connections of a database pool.
pub static MAX_CONNECTIONS: Quantity = Quantity::new(
    "db.client.connection.max",
    "{connection}",
    "Largest number of connections of a pool.",
);

/// Records database work: the database, what the work is for, and the class of its error.
pub fn database(
    (system, namespace): (&'static str, &Arc<str>),
    summary: &'static str,
    error: Option<&Cow<'static, str>>,
    duration: Duration,
) {
    if !is_enabled() {
        return;
    }
    let mut attributes = vec![
        KeyValue::new(name::DB_SYSTEM_NAME, system),
        KeyValue::new(name::DB_NAMESPACE, namespace.clone()),
        KeyValue::new(name::DB_QUERY_SUMMARY, summary),
    ];
    attributes.extend(error.map(|error| KeyValue::new(name::ERROR_TYPE, error.clone())));
    OPERATIONS.record(duration.as_secs_f64(), &attributes);
}

/// Records a wait for a connection of a pool, successful or not.
pub fn connection_waited(pool: &Arc<str>, duration: Duration) {
    if is_enabled() {
        let attributes = [KeyValue::new(name::DB_POOL_NAME, pool.clone())];
        WAITS.record(duration.as_secs_f64(), &attributes);
    }
}
