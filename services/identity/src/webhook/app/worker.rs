//! The worker that delivers to webhooks. Each webhook has few deliveries running at once, so that a
//! slow receiver doesn't delay the others.

use std::{collections::HashMap, sync::Arc, time::Duration};

use onethread_core::{Clock, Entropy, WebhookId};
use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_lifecycle::{Lifecycle, shielded};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::sleep,
};
use tracing::{debug, warn};

use super::{
    client::{Failure, WebhookClient},
    expand::expand_events,
};
use crate::{
    domain::keys::ServerKeys,
    webhook::{
        domain::{
            delivery::{Attempt, LeasedDelivery, MAX_WAITING_DELIVERIES, signature},
            webhook::Webhook,
        },
        store::{deliveries, webhooks},
    },
};

const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Deliveries of one webhook that run at once.
const MAX_PER_WEBHOOK: usize = 4;
/// Deliveries that run at once.
const MAX_CONCURRENT: usize = 256;
/// Polls between two checks for backlogs: ten seconds.
const POLLS_PER_BACKLOG_CHECK: u32 = 20;
/// Time for which a delivery is leased to one worker. An attempt lasts 10 s at most.
const LEASE: Duration = Duration::from_secs(60);

/// Delivers to webhooks.
pub(crate) struct DeliveryWorker {
    pub(crate) db: Database,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) client: WebhookClient,
}

/// The deliveries that run, and to which webhooks.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    webhooks: HashMap<Id, WebhookId>,
}

impl Running {
    fn count(&self, webhook: WebhookId) -> usize {
        self.webhooks.values().filter(|one| **one == webhook).count()
    }

    /// How many more deliveries of this webhook may run.
    fn capacity(&self, webhook: WebhookId) -> usize {
        let of_webhook = MAX_PER_WEBHOOK.saturating_sub(self.count(webhook));
        of_webhook.min(MAX_CONCURRENT.saturating_sub(self.tasks.len()))
    }

    fn ended(&mut self, task: Result<(Id, ()), JoinError>) {
        let id = match task {
            Ok((id, ())) => id,
            Err(failed) => failed.id(),
        };
        self.webhooks.remove(&id);
    }
}

impl DeliveryWorker {
    /// Delivers until the process stops. Deliveries that run then are attempted again after their
    /// lease.
    pub(crate) async fn run(self, life: Lifecycle) {
        let this = Arc::new(self);
        let mut running = Running::default();
        for polls in 0_u32.. {
            if let Err(error) = this.clone().poll(&mut running).await {
                warn!(cause = error.chain(), "due deliveries could not be read");
            }
            if polls % POLLS_PER_BACKLOG_CHECK == 0
                && let Err(error) = give_up_backlogs(&this.db, MAX_WAITING_DELIVERIES).await
            {
                warn!(cause = error.chain(), "backlogs of deliveries could not be checked");
            }
            let interval = sleep(POLL_INTERVAL);
            tokio::pin!(interval);
            loop {
                tokio::select! {
                    () = life.stopping() => return,
                    () = &mut interval => break,
                    Some(ended) = running.tasks.join_next_with_id() => running.ended(ended),
                }
            }
        }
    }

    /// Starts the deliveries that are due.
    async fn poll(self: Arc<Self>, running: &mut Running) -> Result<()> {
        let now = self.clock.now();
        expand_events(&self.db, &*self.entropy, now).await?;
        let limit = i64::try_from(MAX_CONCURRENT).unwrap_or(i64::MAX);
        let mut conn = self.db.reader("webhook.ready").await?;
        let due = webhooks::due(&mut conn, now, limit).await?;
        drop(conn);
        for webhook in due {
            let capacity = running.capacity(webhook.id);
            if capacity == 0 {
                continue;
            }
            let (organization, id) = (webhook.organization_id, webhook.id);
            let limit = i64::try_from(capacity).unwrap_or(1);
            let lease = (now, now.plus(LEASE));
            let mut conn = self.db.writer("webhook.take").await?;
            let leased = deliveries::lease(&mut conn, organization, id, lease, limit).await?;
            drop(conn);
            let webhook = Arc::new(webhook);
            for delivery in leased {
                let task = running.tasks.spawn(self.clone().deliver(webhook.clone(), delivery));
                running.webhooks.insert(task.id(), id);
            }
        }
        Ok(())
    }

    async fn deliver(self: Arc<Self>, webhook: Arc<Webhook>, delivery: LeasedDelivery) {
        let (status, failure) = self.attempt(&webhook, &delivery).await;
        let attempt = delivery.attempted(status, failure, self.clock.now(), &*self.entropy);
        debug!(webhook = %webhook.id, delivery = %delivery.id, status, failure, "attempted");
        // The result of an attempt must be stored even while the process stops.
        let recorded =
            shielded(async move { self.record(&webhook, &delivery, attempt).await }).await;
        if let Err(error) = recorded {
            // The lease expires, and the delivery is attempted again.
            warn!(cause = Error::from(error).chain(), "an attempt's outcome was not stored");
        }
    }

    async fn attempt(
        &self,
        webhook: &Webhook,
        delivery: &LeasedDelivery,
    ) -> (Option<u16>, Option<&'static str>) {
        let context = Webhook::sealing_context(webhook.organization_id, webhook.id);
        let Some(secret) = self.keys.open(&context, &webhook.secret) else {
            // The server key that sealed it is gone.
            return (None, Some("secret"));
        };
        let signature = signature(&secret, self.clock.now(), &delivery.body);
        match self.client.post(&webhook.url, &signature, delivery.body.clone()).await {
            Ok(status @ 200..=299) => (Some(status), None),
            Ok(status) => (Some(status), Some("status")),
            Err(failure) => (None, Some(Failure::name(failure))),
        }
    }

    async fn record(
        &self,
        webhook: &Webhook,
        delivery: &LeasedDelivery,
        attempt: Attempt,
    ) -> onethread_db::Result<()> {
        let mut conn = self.db.writer("webhook.settle").await?;
        let (organization, id) = (webhook.organization_id, webhook.id);
        deliveries::record_attempt(&mut conn, organization, id, delivery, attempt).await
    }
}

/// Gives up the oldest deliveries of each webhook for which more than `limit` wait, and returns how
/// many of which webhook.
pub(crate) async fn give_up_backlogs(db: &Database, limit: i64) -> Result<Vec<(WebhookId, i64)>> {
    let mut conn = db.reader("webhook.overfull").await?;
    let backlogs = deliveries::backlogs(&mut conn, limit).await?;
    drop(conn);
    let mut given_up = Vec::with_capacity(backlogs.len());
    for (organization, webhook, waiting) in backlogs {
        let count = waiting - limit;
        let mut conn = db.writer("webhook.give_up").await?;
        deliveries::give_up_oldest(&mut conn, organization, webhook, count).await?;
        warn!(%webhook, count, "too many deliveries waited, the oldest were given up");
        given_up.push((webhook, count));
    }
    Ok(given_up)
}
