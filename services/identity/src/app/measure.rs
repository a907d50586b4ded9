//! Metrics that are read from the database at intervals.

use std::sync::Arc;

use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::metrics;
use tracing::warn;

use super::App;
use crate::webhook::store::deliveries;

/// Measures until the process stops, when metrics are exported.
pub(crate) async fn run_measures(app: Arc<App>, db: Database, life: Lifecycle) {
    if !metrics::is_enabled() {
        return;
    }
    let measure = async || {
        db.measure();
        if let Err(error) = queues(&app, &db).await {
            warn!(cause = error.chain(), "queues could not be measured");
        }
    };
    life.run_at_intervals(metrics::GAUGE_INTERVAL, measure).await;
}

async fn queues(app: &App, db: &Database) -> Result<()> {
    let now = app.clock.now();
    onethread_outbox::measure(db, now).await.map_err(Error::from)?;
    let (waiting, lag) = deliveries::measure(&mut db.reader("webhook.measure").await?, now).await?;
    metrics::WEBHOOKS.set(waiting, &[]);
    metrics::WEBHOOK_LAG.set(lag.as_secs_f64(), &[]);
    Ok(())
}
