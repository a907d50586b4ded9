//! The worker that makes the deliveries of the outbox.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use onethread_core::{Backoff, Clock, Entropy, OrganizationId};
use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::{attributes, metrics, spans};
use tokio::{
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};
use tracing::{Instrument, Span, error, warn};
use uuid::Uuid;

use crate::{Entry, table};

/// Interval at which the relay looks for rows that another replica has written.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long one delivery may take. A claim is valid for twice as long.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest number of concurrent deliveries.
const MAX_CONCURRENT: usize = 16;
/// Delays between the attempts of a delivery.
const BACKOFF: Backoff =
    Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(60) };

/// Sends deliveries to their receivers.
pub trait Deliver: Send + Sync + 'static {
    /// Sends a delivery. Returns when the receiver has acknowledged it.
    fn deliver(&self, entry: &Entry) -> impl Future<Output = Result<()>> + Send;
}

/// Interval at which [`Wake::delivered`] looks whether another replica has made the delivery.
const PENDING_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Wakes the relay after a row was written, and callers that wait for a delivery. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Signals>);

#[derive(Debug, Default)]
struct Signals {
    /// A row was written.
    written: Notify,
    /// A delivery was acknowledged.
    delivered: Notify,
}

impl Wake {
    /// Wakes the relay. Call it after the commit; otherwise the delivery is up to a second late.
    pub fn wake(&self) {
        self.0.written.notify_one();
    }

    /// Waits until a delivery is acknowledged. False if it isn't within the timeout.
    ///
    /// # Errors
    ///
    /// When the database can't be read.
    pub async fn delivered(
        &self,
        db: &Database,
        organization: OrganizationId,
        delivery: Uuid,
        timeout: Duration,
    ) -> onethread_db::Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            // Registered before the query, so that no delivery after the query is missed.
            let delivered = self.0.delivered.notified();
            let mut delivered = std::pin::pin!(delivered);
            delivered.as_mut().enable();
            if !table::is_pending(db, organization.0, delivery).await? {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            let _ = timeout_at(deadline.min(now + PENDING_POLL_INTERVAL), delivered).await;
        }
    }
}

/// The worker that makes deliveries.
pub struct Relay<D> {
    /// The service's database.
    pub db: Database,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of the backoff's jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Wakes the relay.
    pub wake: Wake,
    /// Sends deliveries.
    pub deliver: D,
}

impl<D: Deliver> Relay<D> {
    /// Makes deliveries until the process stops, and finishes the current ones.
    pub async fn run(self, life: Lifecycle) {
        while !life.is_stopping() {
            let pause = match self.round().await {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(cause = error.chain(), "can't read the outbox");
                    POLL_INTERVAL
                }
            };
            tokio::select! {
                () = life.stopping() => break,
                () = self.wake.0.written.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Makes the deliveries that are due. Returns how long to wait for the next ones.
    async fn round(&self) -> Result<Duration> {
        let now = self.clock.now();
        // A poll that finds nothing must not cost a write transaction.
        let due = table::next_due(&self.db).await?;
        let wait = due.map_or(POLL_INTERVAL, |due| due.since(now));
        if !wait.is_zero() {
            return Ok(wait.min(POLL_INTERVAL));
        }
        let rows = table::claim(&self.db, now, now.plus(DELIVERY_TIMEOUT * 2)).await?;
        stream::iter(rows).for_each_concurrent(MAX_CONCURRENT, |row| self.one(row)).await;
        Ok(Duration::ZERO)
    }

    async fn one(&self, row: table::Row) {
        let span = spans::consumer("outbox", "deliver", &row.topic);
        onethread_telemetry::set_parent_from_traceparent(&span, &row.traceparent);
        spans::show_trace_id(&span);
        spans::set(&span, attributes::MESSAGING_MESSAGE_ID, row.id.to_string());
        spans::set(&span, attributes::DELIVERY_ATTEMPT, row.attempts);
        spans::set_organization(&span, row.organization_id);
        self.attempt(row).instrument(span).await;
    }

    async fn attempt(&self, row: table::Row) {
        let entry = Entry {
            organization_id: OrganizationId(row.organization_id),
            id: row.id,
            topic: row.topic,
            payload: row.payload,
        };
        let timed_out = |_| Err(Error::new(onethread_errors::Reason::DeadlineExceeded));
        let delivered = timeout(DELIVERY_TIMEOUT, self.deliver.deliver(&entry)).await;
        let delivered = delivered.unwrap_or_else(timed_out);
        let stored = match delivered {
            Ok(()) => {
                let deleted = table::delete(&self.db, row.organization_id, row.id).await;
                self.wake.0.delivered.notify_waiters();
                deleted
            }
            Err(error) => {
                let failures = u32::try_from(row.attempts).unwrap_or(u32::MAX);
                let delay = BACKOFF.delay(failures, &*self.entropy);
                // Unavailable receivers are part of operation. A rejection is a fault.
                if error.reason.http() == 503 {
                    warn!(cause = error.chain(), ?delay, "delivery failed, will retry");
                } else {
                    error!(cause = error.chain(), ?delay, "delivery rejected, will retry");
                }
                let (service, reason) = (self.db.namespace(), error.reason.error_info_reason());
                spans::fail(&Span::current(), reason, reason);
                metrics::outbox_failed(service, &entry.topic, reason);
                let due = self.clock.now().plus(delay);
                table::delay(&self.db, row.organization_id, row.id, due).await
            }
        };
        if let Err(error) = stored {
            // The delivery is repeated after its claim has expired.
            warn!(cause = Error::from(error).chain(), "can't store the result of a delivery");
        }
    }
}

impl<D> std::fmt::Debug for Relay<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{
            Mutex,
            atomic::{AtomicU32, Ordering},
        },
    };

    use onethread_core::{SeededEntropy, SystemClock, Timestamp};
    use onethread_db::{Migrations, transaction};
    use onethread_testing::ScratchDatabase;
    use uuid::Uuid;

    use super::*;
    use crate::enqueue;

    static MIGRATIONS: Migrations = Migrations {
        schema: "outbox",
        sqlite: onethread_db::migrate!("tests/migrations/sqlite"),
        postgres: onethread_db::migrate!("tests/migrations/postgres"),
    };

    onethread_testing::on_each_database! {
        crate::relay::tests::MIGRATIONS:
        a_delivery_is_retried_until_it_is_acknowledged,
        two_relays_share_the_deliveries,
        a_delivery_waits_until_it_is_due,
    }

    /// Fails two attempts, and stops the process after the third.
    struct FailsTwice(AtomicU32, Lifecycle);

    impl Deliver for FailsTwice {
        async fn deliver(&self, _: &Entry) -> Result<()> {
            if self.0.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err(Error::unavailable("unavailable"));
            }
            self.1.stop();
            Ok(())
        }
    }

    /// Counts how often each delivery was made.
    #[derive(Clone, Default)]
    struct Counts(Arc<Mutex<HashMap<Uuid, usize>>>);

    impl Deliver for Counts {
        async fn deliver(&self, entry: &Entry) -> Result<()> {
            *self.0.lock().unwrap().entry(entry.id).or_default() += 1;
            Ok(())
        }
    }

    async fn fill(db: &Database, deliveries: u128) {
        fill_due(db, deliveries, SystemClock.now()).await;
    }

    async fn fill_due(db: &Database, deliveries: u128, due: Timestamp) {
        let filled: Result<()> = transaction!(db, "fill", |tx| {
            for n in 0..deliveries {
                let entry = Entry {
                    organization_id: OrganizationId(Uuid::from_u128(1)),
                    id: Uuid::from_u128(n),
                    topic: "test".to_owned(),
                    payload: String::new(),
                };
                enqueue(tx, entry, due).await?;
            }
            Ok(())
        });
        filled.unwrap();
    }

    fn relay<D>(db: Database, deliver: D) -> Relay<D> {
        Relay {
            db,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(1)),
            wake: Wake::default(),
            deliver,
        }
    }

    /// True when no delivery is left, due or claimed.
    async fn is_empty(db: &Database) -> bool {
        let later = SystemClock.now().plus(Duration::from_secs(3600));
        table::claim(db, later, later).await.unwrap().is_empty()
    }

    async fn a_delivery_is_retried_until_it_is_acknowledged(scratch: ScratchDatabase) {
        let db = &scratch.db;
        fill(db, 1).await;
        let life = Lifecycle::new();
        let relay = relay(db.clone(), FailsTwice(AtomicU32::new(0), life.clone()));
        timeout(Duration::from_secs(30), relay.run(life)).await.unwrap();
        assert!(is_empty(db).await);
    }

    async fn a_delivery_waits_until_it_is_due(scratch: ScratchDatabase) {
        let db = &scratch.db;
        let due = SystemClock.now().plus(Duration::from_millis(300));
        fill_due(db, 1, due).await;
        let counts = Counts::default();
        let relay = relay(db.clone(), counts.clone());
        while !relay.round().await.unwrap().is_zero() {
            assert!(SystemClock.now() < due.plus(Duration::from_secs(30)), "it was never made");
        }
        assert!(SystemClock.now() >= due);
        assert_eq!(counts.0.lock().unwrap().len(), 1);
    }

    async fn two_relays_share_the_deliveries(scratch: ScratchDatabase) {
        const DELIVERIES: u128 = 500;
        fill(&scratch.db, DELIVERIES).await;
        let counts = Counts::default();
        let deliver_all = |db: Database| {
            let relay = relay(db, counts.clone());
            async move { while relay.round().await.unwrap().is_zero() {} }
        };
        tokio::join!(deliver_all(scratch.db.clone()), deliver_all(scratch.reconnect().await));
        assert!(is_empty(&scratch.db).await);
        let counts = counts.0.lock().unwrap();
        assert_eq!(counts.len() as u128, DELIVERIES);
        assert!(counts.values().all(|count| *count == 1), "a delivery was made twice");
    }
}
