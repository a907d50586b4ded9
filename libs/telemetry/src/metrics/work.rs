//! What the services have done.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram},
};

use super::{DURATION_BOUNDS, counter, durations, is_enabled};
use crate::attributes as name;

static MESSAGES: LazyLock<Counter<u64>> =
    LazyLock::new(|| counter("onethread.message.stored", "{message}", "Messages stored."));
static WEBHOOK_ATTEMPTS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let what = "Attempts to deliver to a webhook.";
    durations("onethread.webhook.attempt.duration", what, &DURATION_BOUNDS)
});
static OUTBOX_FAILURES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let what = "Failed attempts to deliver to another service.";
    counter("onethread.outbox.failures", "{attempt}", what)
});
static IMPORTED_ROWS: LazyLock<Counter<u64>> =
    LazyLock::new(|| counter("onethread.import.rows", "{row}", "Imported rows."));
static RATE_LIMITED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    counter("onethread.rate_limit.refused", "{call}", "Calls that exceeded a rate limit.")
});

/// Counts a message that was stored, by its author: `contact` or `agent`.
pub fn message_stored(author: &'static str) {
    if is_enabled() {
        MESSAGES.add(1, &[KeyValue::new(name::AUTHOR_KIND, author)]);
    }
}

/// How an attempt to deliver to a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// `delivered`, `retried` or `given_up`.
    pub outcome: &'static str,
    /// The class of the failure, if it failed.
    pub failure: Option<&'static str>,
    /// How long it took.
    pub duration: Duration,
}

/// Records an attempt to deliver to a webhook.
pub fn webhook_attempted(attempt: WebhookAttempt) {
    if is_enabled() {
        let mut attributes = vec![KeyValue::new(name::OUTCOME, attempt.outcome)];
        let failure = attempt.failure.map(|failure| KeyValue::new(name::ERROR_TYPE, failure));
        attributes.extend(failure);
        WEBHOOK_ATTEMPTS.record(attempt.duration.as_secs_f64(), &attributes);
    }
}

/// Counts a failed attempt to deliver a message of this kind to another service.
pub fn outbox_failed(service: &str, topic: &str, reason: &'static str) {
    if is_enabled() {
        let attributes = [
            KeyValue::new(name::SERVICE, service.to_owned()),
            KeyValue::new(name::MESSAGING_DESTINATION_NAME, topic.to_owned()),
            KeyValue::new(name::ERROR_REASON, reason),
        ];
        OUTBOX_FAILURES.add(1, &attributes);
    }
}

/// Counts imported rows by outcome: `created`, `updated`, `unchanged` or `rejected`.
pub fn rows_imported(outcome: &'static str, rows: u64) {
    if is_enabled() && rows > 0 {
        IMPORTED_ROWS.add(rows, &[KeyValue::new(name::OUTCOME, outcome)]);
    }
}

/// Counts a call that exceeded this rate limit.
pub fn rate_limited(limit: &'static str) {
    if is_enabled() {
        RATE_LIMITED.add(1, &[KeyValue::new(name::RATE_LIMIT, limit)]);
    }
}
