//! Delivering what stands in the outbox.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use onethread_core::{Clock, Entropy, OrganizationId};
use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use tokio::{sync::Notify, time::timeout};
use tracing::{Instrument, error, info_span, warn};

use crate::{Entry, table};

/// How long the relay sleeps when nobody wakes it: another replica may have written.
const LOOK: Duration = Duration::from_secs(1);
/// How long one delivery may take; a claim is kept for twice that.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deliveries under way at once.
const AT_ONCE: usize = 16;
/// Longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Carries a delivery to the service it is for.
pub trait Deliver: Send + Sync + 'static {
    /// Returns once the receiver has acknowledged it.
    fn deliver(&self, entry: &Entry) -> impl Future<Output = Result<()>> + Send;
}

/// Tells the relay that something was written. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// To be called after the commit; forgetting it delays the delivery by a second.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The worker that delivers.
pub struct Relay<D> {
    /// The service's database.
    pub db: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter of the pauses.
    pub entropy: Arc<dyn Entropy>,
    /// Word from the writers.
    pub wake: Wake,
    /// Where deliveries go.
    pub deliver: D,
}

impl<D: Deliver> Relay<D> {
    /// Delivers until the process stops. What is under way then is finished first.
    pub async fn run(self, life: Lifecycle) {
        while !life.is_stopping() {
            let found = match self.round().await {
                Ok(found) => found,
                Err(error) => {
                    warn!(cause = error.chain(), "the outbox can't be read");
                    false
                }
            };
            if !found {
                tokio::select! {
                    () = life.stopping() => break,
                    () = self.wake.0.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }

    /// Delivers what is due now. True when there was something.
    async fn round(&self) -> Result<bool> {
        let now = self.clock.now();
        let rows = table::claim(&self.db, now, now.plus(PATIENCE * 2)).await?;
        let found = !rows.is_empty();
        stream::iter(rows).for_each_concurrent(AT_ONCE, |row| self.one(row)).await;
        Ok(found)
    }

    async fn one(&self, row: table::Row) {
        let span = info_span!(
            parent: None,
            "deliver",
            otel.name = format!("deliver {}", row.topic),
            otel.kind = "consumer",
            messaging.operation.type = "process",
            messaging.destination.name = row.topic,
            trace_id = tracing::field::Empty,
        );
        onethread_telemetry::adopt_text(&span, &row.traceparent);
        span.record("trace_id", onethread_telemetry::trace_id(&span));
        self.attempt(row).instrument(span).await;
    }

    async fn attempt(&self, row: table::Row) {
        let entry = Entry {
            organization_id: OrganizationId(row.organization_id),
            id: row.id,
            topic: row.topic,
            payload: row.payload,
        };
        let late = |_| Err(Error::new(onethread_errors::Reason::DeadlineExceeded));
        let delivered = timeout(PATIENCE, self.deliver.deliver(&entry)).await.unwrap_or_else(late);
        let kept = match delivered {
            Ok(()) => table::done(&self.db, row.organization_id, row.id).await,
            Err(failure) => {
                let pause = self.pause(row.attempts);
                // A receiver that is away comes back; one that says no needs somebody to look.
                if failure.reason.http() == 503 {
                    warn!(cause = failure.chain(), ?pause, "delivery has to wait");
                } else {
                    error!(cause = failure.chain(), ?pause, "delivery refused");
                }
                let due = self.clock.now().plus(pause);
                table::delay(&self.db, row.organization_id, row.id, due).await
            }
        };
        if let Err(error) = kept {
            // The claim runs out by itself and the delivery comes again.
            warn!(cause = Error::from(error).chain(), "a delivery's outcome was not stored");
        }
    }

    /// Doubles from 100 ms, between half and all of it by chance.
    fn pause(&self, attempts: i64) -> Duration {
        let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
        let whole = (Duration::from_millis(100) * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        whole / 2 + whole * u32::from(byte[0]) / 512
    }
}

impl<D> std::fmt::Debug for Relay<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use onethread_core::{SeededEntropy, SystemClock};
    use onethread_db::on;
    use uuid::Uuid;

    use super::*;
    use crate::push;

    const TABLE: &str =
        "CREATE TABLE outbox (organization_id BLOB, id BLOB, topic TEXT, payload TEXT,
        traceparent TEXT, attempts BIGINT, due_at BIGINT, PRIMARY KEY (organization_id, id))";

    struct FailsTwice(AtomicU32, Lifecycle);

    impl Deliver for FailsTwice {
        async fn deliver(&self, _: &Entry) -> Result<()> {
            if self.0.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err(Error::unavailable("away"));
            }
            self.1.stop();
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_delivery_is_tried_until_it_is_acknowledged_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("outbox.db")).await.unwrap();
        db.write("fill", |mut conn| {
            Box::pin(async move {
                on!(&mut conn, |c| sqlx::query(TABLE).execute(&mut **c).await.map(drop))?;
                let entry = Entry {
                    organization_id: OrganizationId(Uuid::from_u128(1)),
                    id: Uuid::from_u128(2),
                    topic: "told".to_owned(),
                    payload: String::new(),
                };
                push(&mut conn, entry, SystemClock.now()).await
            })
        })
        .await
        .unwrap();

        let life = Lifecycle::new();
        let relay = Relay {
            db: db.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SeededEntropy::new(1)),
            wake: Wake::default(),
            deliver: FailsTwice(AtomicU32::new(0), life.clone()),
        };
        timeout(Duration::from_secs(30), relay.run(life)).await.unwrap();
        let left = table::claim(&db, SystemClock.now().plus(LONGEST_PAUSE * 9), SystemClock.now());
        assert!(left.await.unwrap().is_empty());
    }
}
