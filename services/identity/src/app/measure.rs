//! What is looked at now and then to be measured.

use std::sync::Arc;

use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::metrics;
use tracing::warn;

use super::App;

/// Measures until the process stops, where anybody asked for metrics.
pub(crate) async fn run_measures(app: Arc<App>, db: Database, life: Lifecycle) {
    if !metrics::asked() {
        return;
    }
    let look = async || {
        db.measure("identity");
        if let Err(error) = queues(&app, &db).await {
            warn!(cause = error.chain(), "queues are not measured");
        }
    };
    life.repeat(metrics::LOOK, look).await;
}

async fn queues(app: &App, db: &Database) -> Result<()> {
    let now = app.clock.now();
    onethread_outbox::measure(db, "identity", now).await.map_err(Error::from)?;
    let (waiting, lag) = app.store.webhook_queue(now).await?;
    metrics::WEBHOOKS.set(waiting, &[]);
    metrics::WEBHOOK_LAG.set(lag.as_secs_f64(), &[]);
    Ok(())
}
