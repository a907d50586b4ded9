//! Deliveries: their attempts, backoff and signature.

use std::{fmt::Write as _, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use onethread_core::{Backoff, Entropy, OrganizationId, Timestamp, WebhookId};
use sha2::Sha256;
use uuid::Uuid;

use super::event::Event;

/// Deliveries that wait for a webhook whose attempts fail, at most. Those beyond are given up.
pub(crate) const MAX_WAITING_DELIVERIES: i64 = 10_000;
/// Factor on that limit for a webhook whose attempts succeed.
const HEALTHY_FACTOR: i64 = 100;
/// A webhook of which every attempt has failed for so long is taken for dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// Failed attempts after which a delivery no longer holds back the later ones of its contact: a
/// quarter of an hour.
pub(crate) const MAX_BLOCKING_ATTEMPTS: i64 = 10;
/// How long a delivery is attempted before it is given up.
const MAX_DELIVERY_AGE: Duration = Duration::from_secs(24 * 3600);
/// Time between two attempts.
pub(crate) const BACKOFF: Backoff =
    Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(3600) };

/// A delivery in a list.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Id of the event.
    pub(crate) id: Uuid,
    pub(crate) event: Event,
    pub(crate) attempts: i64,
    /// HTTP status of the last response.
    pub(crate) status: Option<i64>,
    /// Why the last attempt failed.
    pub(crate) failure: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) attempted_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub(crate) due_at: Option<Timestamp>,
}

/// A delivery that a worker has leased for one attempt.
#[derive(Debug, Clone)]
pub(crate) struct LeasedDelivery {
    /// Id of the event.
    pub(crate) id: Uuid,
    pub(crate) body: String,
    /// Attempts, this one included.
    pub(crate) attempts: i64,
    pub(crate) created_at: Timestamp,
    /// An import caused it.
    pub(crate) bulk: bool,
    /// The trace of its cause; empty without one.
    pub(crate) traceparent: String,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// HTTP status of the response.
    pub(crate) status: Option<u16>,
    /// Why it failed.
    pub(crate) failure: Option<&'static str>,
    pub(crate) at: Timestamp,
    /// When the next attempt is due. `None` when it succeeded or is given up.
    pub(crate) due_at: Option<Timestamp>,
}

impl LeasedDelivery {
    /// The result of an attempt, and when the next one is due.
    pub(crate) fn attempted(
        &self,
        status: Option<u16>,
        failure: Option<&'static str>,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Attempt {
        let failures = u32::try_from(self.attempts).unwrap_or(u32::MAX);
        let next = failure.map(|_| at.plus(BACKOFF.delay(failures, entropy)));
        let due_at = next.filter(|due| due.since(self.created_at) < MAX_DELIVERY_AGE);
        Attempt { status, failure, at, due_at }
    }
}

/// Deliveries that wait for a webhook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) organization: OrganizationId,
    pub(crate) webhook: WebhookId,
    pub(crate) waiting: i64,
    /// Since when every attempt has failed.
    pub(crate) failing_since: Option<Timestamp>,
}

impl Backlog {
    /// How many deliveries are given up when `limit` may wait for a dead webhook.
    pub(crate) fn excess(&self, limit: i64, now: Timestamp) -> i64 {
        let is_dead = self.failing_since.is_some_and(|since| now.since(since) >= DEAD_AFTER);
        let limit = if is_dead { limit } else { limit.saturating_mul(HEALTHY_FACTOR) };
        (self.waiting - limit).max(0)
    }
}

/// The value of the signature header: the time and the hex HMAC-SHA256 of `t.body` under the
/// webhook's secret.
pub(crate) fn signature(secret: &[u8], at: Timestamp, body: &str) -> String {
    let time = at.seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body.as_bytes());
    let mut header = format!("t={time},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").expect("writing to a string can't fail");
    }
    header
}

#[cfg(test)]
mod tests {
    use onethread_core::SeededEntropy;

    use super::*;

    #[test]
    fn a_signature_equals_that_of_openssl() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let at = Timestamp::from_micros(1_700_000_000_999_999);
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(signature(b"secret", at, r#"{"a":1}"#), format!("t=1700000000,v1={expected}"));
    }

    #[test]
    fn a_delivery_is_attempted_for_a_day() {
        let created_at = Timestamp::from_micros(0);
        let delivery = LeasedDelivery {
            id: Uuid::nil(),
            body: String::new(),
            attempts: 30,
            created_at,
            bulk: false,
            traceparent: String::new(),
        };
        let entropy = SeededEntropy::new(1);
        let due = |hours: u64, failure| {
            let at = created_at.plus(Duration::from_secs(hours * 3600));
            delivery.attempted(Some(500), failure, at, &entropy).due_at
        };
        assert!(due(1, Some("status")).is_some() && due(22, Some("status")).is_some());
        assert!(due(24, Some("status")).is_none());
        assert!(due(1, None).is_none());
    }
}
