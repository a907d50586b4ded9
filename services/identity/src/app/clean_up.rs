//! Deleting rows that have expired.

use std::{sync::Arc, time::Duration};

use onethread_core::{Clock, Timestamp};
use onethread_db::{Database, transaction};
use onethread_errors::Result;
use onethread_lifecycle::Lifecycle;
use tokio::time::sleep;
use tracing::warn;

use crate::{
    contact::{domain::tracked_event, store::tracked_events},
    store::clean_up::{self, Before},
    webhook::store::deliveries,
};

/// Interval between two clean-ups.
const INTERVAL: Duration = Duration::from_secs(60);
/// Age at which entries of the feed are deleted. Gateways read them within a second.
const REVOCATION_RETENTION: Duration = Duration::from_secs(600);
/// Age at which the results of an import's batch are deleted. The file is deleted 30 days after the
/// import has ended.
const BATCH_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
/// Age at which counts of failed verifications are deleted.
const REFUSAL_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// Age at which finished deliveries to webhooks are deleted.
const DELIVERY_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Cleans up until the process stops.
pub(crate) async fn run_clean_up(db: Database, clock: Arc<dyn Clock>, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.stopping() => return,
            () = sleep(INTERVAL) => {}
        }
        let now = clock.now();
        let before = Before {
            revocations: now.minus(REVOCATION_RETENTION),
            batches: now.minus(BATCH_RETENTION),
            refusals: now.minus(REFUSAL_RETENTION),
            logins: now,
        };
        let expired = delete_expired(&db, before).await;
        let events = delete_events(&db, now.minus(tracked_event::RETENTION)).await;
        let deliveries = delete_deliveries(&db, now.minus(DELIVERY_RETENTION)).await;
        for error in [expired, events, deliveries].into_iter().filter_map(Result::err) {
            warn!(cause = error.chain(), "expired rows are not deleted");
        }
    }
}

/// Deletes expired rows of all organizations.
pub(crate) async fn delete_expired(db: &Database, before: Before) -> Result<()> {
    transaction!(db, "clean_up", |tx| Ok(clean_up::delete_expired(tx, before).await?))
}

async fn delete_deliveries(db: &Database, before: Timestamp) -> Result<()> {
    let mut conn = db.writer("webhook.forget").await?;
    Ok(deliveries::delete_old(&mut conn, before).await?)
}

/// Deletes tracked events of all organizations.
pub(crate) async fn delete_events(db: &Database, before: Timestamp) -> Result<()> {
    let mut conn = db.writer("event.forget").await?;
    Ok(tracked_events::delete_old(&mut conn, before).await?)
}

#[cfg(test)]
#[path = "clean_up_tests.rs"]
mod tests;
