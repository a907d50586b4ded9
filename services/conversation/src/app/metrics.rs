//! Gauges of the database and the outbox.

use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::metrics;
use tracing::warn;

use super::App;

impl App {
    /// Measures until the process stops, if metrics are exported.
    pub(crate) async fn measure(self, life: Lifecycle) {
        if !metrics::is_enabled() {
            return;
        }
        let measure = async || {
            self.db.measure();
            let outbox = onethread_outbox::measure(&self.db, self.clock.now());
            if let Err(error) = outbox.await {
                warn!(cause = Error::from(error).chain(), "could not measure the outbox");
            }
        };
        life.run_at_intervals(metrics::GAUGE_INTERVAL, measure).await;
    }
}
