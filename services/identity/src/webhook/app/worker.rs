//! The worker that delivers to webhooks. Each webhook has a few attempts running at once, so that a
//! slow receiver doesn't delay the others. An attempt that ends makes room for the next one at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use onethread_core::{Clock, Entropy, OrganizationId, Timestamp, WebhookId};
use onethread_db::{Database, transaction};
use onethread_errors::{Reason, Result};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::{
    attributes,
    metrics::{WebhookAttempt, webhook_attempted},
    spans,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::{Instrument, Span, debug, warn};

use super::{
    backlog::give_up_backlogs,
    client::{Failure, WebhookClient},
    expand::expand_events,
    running::{Ended, MAX_CONCURRENT, Running},
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

/// Interval at which the worker looks for deliveries that another replica has stored, or whose next
/// attempt has become due.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Interval between two checks for backlogs.
const BACKLOG_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Time for which a delivery is leased to one worker. An attempt lasts 10 s at most. When the process
/// is killed, the later events of the contact wait for so long.
const LEASE: Duration = Duration::from_secs(15);

/// Delivers to webhooks.
pub(crate) struct DeliveryWorker {
    pub(crate) db: Database,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) client: WebhookClient,
    /// Notified after a delivery was stored.
    pub(crate) wake: Arc<Notify>,
}

impl DeliveryWorker {
    /// Delivers until the process stops. Deliveries that run then are attempted again after their
    /// lease.
    pub(crate) async fn run(self, life: Lifecycle) {
        let this = Arc::new(self);
        let mut running = Running::default();
        let mut next_check = Instant::now();
        while !life.is_stopping() {
            if let Err(error) = this.clone().start_due(&mut running).await {
                warn!(cause = error.chain(), "due deliveries could not be read");
            }
            if Instant::now() >= next_check {
                next_check = Instant::now() + BACKLOG_CHECK_INTERVAL;
                let checked = give_up_backlogs(&this.db, MAX_WAITING_DELIVERIES, this.clock.now());
                if let Err(error) = checked.await {
                    warn!(cause = error.chain(), "backlogs of deliveries could not be checked");
                }
            }
            let next_poll = Instant::now() + POLL_INTERVAL;
            tokio::select! {
                () = life.stopping() => {}
                () = sleep_until(next_poll) => running.poll(),
                () = this.wake.notified() => {}
                ended = running.ended() => {
                    if let Err(error) = this.record(ended).await {
                        // The leases expire, and the deliveries are attempted again.
                        warn!(cause = error.chain(), "outcomes of attempts were not stored");
                    }
                }
            }
        }
    }

    /// Starts the attempts that are due and have room.
    async fn start_due(self: Arc<Self>, running: &mut Running) -> Result<()> {
        let now = self.clock.now();
        expand_events(&self.db, &*self.entropy, now).await?;
        let limit = i64::try_from(MAX_CONCURRENT).unwrap_or(i64::MAX);
        let mut conn = self.db.reader("webhook.ready").await?;
        let due = webhooks::due(&mut conn, now, limit).await?;
        drop(conn);
        for webhook in due {
            let webhook = Arc::new(webhook);
            let capacity = running.capacity(webhook.id);
            let leased = self.lease(&webhook, capacity, now).await?;
            if capacity > 0 && leased.is_empty() {
                running.hold_back(webhook.id);
            }
            for delivery in leased {
                running.spawn(webhook.id, self.clone().deliver(webhook.clone(), delivery));
            }
        }
        Ok(())
    }

    /// Leases due deliveries of a webhook: those of imports where the others leave room.
    async fn lease(
        &self,
        webhook: &Webhook,
        capacity: usize,
        now: Timestamp,
    ) -> Result<Vec<LeasedDelivery>> {
        let (organization, id) = (webhook.organization_id, webhook.id);
        let lease = (now, now.plus(LEASE));
        let mut leased = Vec::new();
        for bulk in [false, true] {
            let room = i64::try_from(capacity - leased.len()).unwrap_or(0);
            if room > 0 {
                let mut conn = self.db.writer("webhook.take").await?;
                let more =
                    deliveries::lease(&mut conn, organization, id, lease, bulk, room).await?;
                leased.extend(more);
            }
        }
        Ok(leased)
    }

    async fn deliver(self: Arc<Self>, webhook: Arc<Webhook>, delivery: LeasedDelivery) -> Ended {
        let (started, span) = (Instant::now(), span(&webhook, &delivery));
        let (status, failure) = self.attempt(&webhook, &delivery).instrument(span.clone()).await;
        let attempt = delivery.attempted(status, failure, self.clock.now(), &*self.entropy);
        trace_attempt(&span, attempt, started.elapsed());
        debug!(webhook = %webhook.id, delivery = %delivery.id, status, failure, "attempted");
        Ended { webhook, delivery, attempt }
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
        let (body, number) = (delivery.body.clone(), delivery.attempts);
        match self.client.post(&webhook.url, &signature, body, number).await {
            Ok(status @ 200..=299) => (Some(status), None),
            Ok(status) => (Some(status), Some("status")),
            Err(failure) => (None, Some(Failure::name(failure))),
        }
    }

    /// Stores the results of attempts, in one transaction.
    async fn record(&self, ended: Vec<Ended>) -> Result<()> {
        let now = self.clock.now();
        let mut succeeded: HashMap<(OrganizationId, WebhookId), bool> = HashMap::new();
        for Ended { webhook, attempt, .. } in &ended {
            let key = (webhook.organization_id, webhook.id);
            *succeeded.entry(key).or_default() |= attempt.failure.is_none();
        }
        transaction!(self.db, "webhook.settle", |tx| {
            for Ended { webhook, delivery, attempt } in &ended {
                let (organization, id) = (webhook.organization_id, webhook.id);
                deliveries::record_attempt(tx, organization, id, delivery, *attempt).await?;
            }
            for (&webhook, &has_succeeded) in &succeeded {
                webhooks::record_health(tx, webhook, has_succeeded, now).await?;
            }
            Ok(())
        })
    }
}

/// The span of an attempt, in the trace of its cause. Deliveries of an import are traces of their own,
/// which link to the import: there may be a million of them.
fn span(webhook: &Webhook, delivery: &LeasedDelivery) -> Span {
    let span = spans::consumer("webhook", "deliver", "webhook");
    if delivery.bulk {
        onethread_telemetry::link_traceparent(&span, &delivery.traceparent);
    } else {
        onethread_telemetry::set_parent_from_traceparent(&span, &delivery.traceparent);
    }
    spans::show_trace_id(&span);
    spans::set(&span, attributes::MESSAGING_MESSAGE_ID, delivery.id.to_string());
    spans::set(&span, attributes::DELIVERY_ATTEMPT, delivery.attempts);
    spans::set(&span, attributes::WEBHOOK_ID, webhook.id.to_string());
    spans::set_organization(&span, webhook.organization_id);
    span
}

fn trace_attempt(span: &Span, attempt: Attempt, duration: Duration) {
    let outcome = match (attempt.failure, attempt.due_at) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "retried",
        (Some(_), None) => "given_up",
    };
    if let Some(failure) = attempt.failure {
        spans::fail(span, failure, Reason::Unavailable.error_info_reason());
    }
    webhook_attempted(WebhookAttempt { outcome, failure: attempt.failure, duration });
}
