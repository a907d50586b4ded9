//! Gauges of the work queue.

use onethread_lifecycle::Lifecycle;
use onethread_telemetry::{attributes, metrics};
use tracing::warn;

use crate::{app::jobs::Jobs, domain::ImportState};

/// Measures periodically until the process stops, if metrics are exported.
pub(crate) async fn report_metrics(jobs: Jobs, life: Lifecycle) {
    if !metrics::is_enabled() {
        return;
    }
    let measure = async || {
        jobs.db.measure();
        match jobs.count_by_state().await {
            Ok(counts) => {
                for state in [ImportState::Scanning, ImportState::Running].map(ImportState::name) {
                    let count =
                        counts.iter().find(|(name, _)| name == state).map_or(0, |(_, n)| *n);
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                    metrics::IMPORTS.set(count as f64, &[(attributes::IMPORT_STATE, state)]);
                }
            }
            Err(error) => warn!(cause = error.chain(), "failed to measure imports"),
        }
    };
    life.run_at_intervals(metrics::GAUGE_INTERVAL, measure).await;
}
