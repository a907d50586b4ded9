//! Forgetting what has had its time.

use std::{sync::Arc, time::Duration};

use onethread_core::Clock;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use tokio::time::sleep;
use tracing::warn;

use crate::{domain::events, store::Store};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);
/// How long an ended session stands in the feed; gateways hear of it within a second.
const REVOCATIONS: Duration = Duration::from_secs(600);
/// How long the answer to a batch of an import is kept; the file itself goes 30 days after its end.
const BATCHES: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long counts of refusals are kept.
const REFUSALS: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long what was delivered to webhooks is kept.
const DELIVERIES: Duration = Duration::from_secs(30 * 24 * 3600);

/// Forgets until the process stops.
pub(crate) async fn run_clean_up(store: Store, clock: Arc<dyn Clock>, life: Lifecycle) {
    loop {
        tokio::select! {
            () = life.stopping() => return,
            () = sleep(EVERY) => {}
        }
        let now = clock.now();
        let old = (now.minus(REVOCATIONS), now.minus(BATCHES), now.minus(REFUSALS));
        let forgotten = store.forget(old.0, old.1, old.2, now).await;
        let events = store.forget_events(now.minus(events::AGE)).await;
        let deliveries = store.forget_deliveries(now.minus(DELIVERIES)).await;
        for error in [forgotten, events, deliveries].into_iter().filter_map(Result::err) {
            warn!(cause = Error::from(error).chain(), "what has had its time stays");
        }
    }
}
