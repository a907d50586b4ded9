//! Levels that are measured at intervals.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use opentelemetry::{
    KeyValue,
    metrics::{Gauge, UpDownCounter},
};

use super::{meter, up_down};

/// Attributes of a data point.
type Attributes<'a> = &'a [(&'static str, &'a str)];

fn key_values(attributes: Attributes<'_>) -> Vec<KeyValue> {
    let attributes = attributes.iter();
    attributes.map(|(key, value)| KeyValue::new(*key, (*value).to_owned())).collect()
}

/// A level of which each replica measures the whole, such as the length of a queue in the database.
#[derive(Debug)]
pub struct Level {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    gauge: OnceLock<Gauge<f64>>,
}

impl Level {
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
        gauge.record(value, &key_values(attributes));
    }
}

/// A quantity of which each process measures its own part, so that the parts may be added up.
#[derive(Debug)]
pub struct Quantity {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    counter: OnceLock<UpDownCounter<i64>>,
    /// The current values by their attributes: the counter takes only differences.
    values: OnceLock<Mutex<HashMap<String, i64>>>,
}

impl Quantity {
    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> Self {
        Self { name, unit, description, counter: OnceLock::new(), values: OnceLock::new() }
    }

    /// Records the current value for these attributes, always in the same order.
    pub fn set(&self, value: i64, attributes: &[(&'static str, &str)]) {
        let counter = self.counter.get_or_init(|| up_down(self.name, self.unit, self.description));
        let values = self.values.get_or_init(Mutex::default);
        let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = values.insert(format!("{attributes:?}"), value).unwrap_or(0);
        counter.add(value - earlier, &key_values(attributes));
    }
}

/// Pending deliveries between services.
pub static OUTBOX: Level = Level::new(
    "onethread.outbox.waiting",
    "{delivery}",
    "Pending deliveries to other services, counted up to 10,000.",
);
/// How long the oldest of them has been due.
pub static OUTBOX_LAG: Level = Level::new(
    "onethread.outbox.lag",
    "s",
    "How long the oldest pending delivery to another service has been due.",
);
/// Pending deliveries to webhooks.
pub static WEBHOOKS: Level = Level::new(
    "onethread.webhook.waiting",
    "{delivery}",
    "Pending deliveries to webhooks, counted up to 10,000.",
);
/// How long the oldest of them has been due.
pub static WEBHOOK_LAG: Level = Level::new(
    "onethread.webhook.lag",
    "s",
    "How long the oldest pending delivery to a webhook has been due.",
);
/// Unfinished imports, by state.
pub static IMPORTS: Level = Level::new(
    "onethread.import.waiting",
    "{import}",
    "Imports that wait for a worker or are running.",
);
