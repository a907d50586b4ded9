//! What is looked at now and then to be measured.

use onethread_db::Database;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::metrics;
use tracing::warn;

use super::App;

impl App {
    /// Measures until the process stops, where anybody asked for metrics.
    pub(crate) async fn measure(self, db: Database, life: Lifecycle) {
        if !metrics::asked() {
            return;
        }
        let look = async || {
            db.measure("conversation");
            let outbox = onethread_outbox::measure(&db, "conversation", self.clock.now()).await;
            if let Err(error) = outbox {
                warn!(cause = Error::from(error).chain(), "the outbox is not measured");
            }
        };
        life.repeat(metrics::LOOK, look).await;
    }
}
