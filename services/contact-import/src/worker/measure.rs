//! What is looked at now and then to be measured.

use onethread_db::Database;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::metrics;
use tracing::warn;

use crate::store::Store;

/// Measures until the process stops, where anybody asked for metrics.
pub(crate) async fn run_measures(db: Database, life: Lifecycle) {
    if !metrics::asked() {
        return;
    }
    let store = Store::new(db.clone());
    let look = async || {
        db.measure("contact_import");
        match store.under_way().await {
            Ok(counts) => {
                for state in ["scanning", "running"] {
                    let count = counts.iter().find(|(of, _)| of == state).map_or(0, |(_, n)| *n);
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    metrics::IMPORTS.set(count as f64, &[("onethread.import.state", state)]);
                }
            }
            Err(error) => warn!(cause = Error::from(error).chain(), "imports are not measured"),
        }
    };
    life.repeat(metrics::LOOK, look).await;
}
