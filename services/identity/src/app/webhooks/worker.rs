//! The worker that delivers to webhooks. Each webhook has few deliveries under way, so that a
//! slow receiver keeps nobody else waiting; and it is no part of what conversation is told.

use std::{collections::HashMap, sync::Arc, time::Duration};

use onethread_core::{Clock, Entropy, WebhookId};
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::sleep,
};
use tracing::{debug, warn};

use super::{Poster, post::Failure};
use crate::{
    domain::{
        keys::ServerKeys,
        webhook::{MOST_WAITING, PAUSES, TRIED_FOR, Webhook, signature},
    },
    store::{Store, Taken, Tried},
};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// Deliveries of one webhook under way at once.
const OF_ONE: usize = 4;
/// Deliveries under way at once.
const AT_ONCE: usize = 256;
/// Looks between two at whether too many wait: ten seconds.
const LOOKS: u32 = 20;
/// How long a delivery taken up is kept from other workers; a try takes 10 s at most.
const LEASE: Duration = Duration::from_secs(60);

/// Delivers to webhooks.
pub(crate) struct Sender {
    pub(crate) store: Store,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) poster: Poster,
}

/// What is under way, and to whom.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    whose: HashMap<Id, WebhookId>,
}

impl Running {
    fn of(&self, webhook: WebhookId) -> usize {
        self.whose.values().filter(|one| **one == webhook).count()
    }

    fn ended(&mut self, task: Result<(Id, ()), JoinError>) {
        let id = match task {
            Ok((id, ())) => id,
            Err(failed) => failed.id(),
        };
        self.whose.remove(&id);
    }
}

impl Sender {
    /// Delivers until the process stops; what is under way then comes again.
    pub(crate) async fn run(self, life: Lifecycle) {
        let this = Arc::new(self);
        let mut running = Running::default();
        for looks in 0_u32.. {
            if let Err(error) = this.clone().round(&mut running).await {
                warn!(cause = error.chain(), "webhooks can't be read");
            }
            if looks % LOOKS == 0
                && let Err(error) = this.give_up(MOST_WAITING).await
            {
                warn!(cause = error.chain(), "too many deliveries may wait");
            }
            let pause = sleep(LOOK);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = life.stopping() => return,
                    () = &mut pause => break,
                    Some(ended) = running.tasks.join_next_with_id() => running.ended(ended),
                }
            }
        }
    }

    /// Bounds what waits for a receiver that is dead.
    async fn give_up(&self, most: i64) -> Result<()> {
        for (_, webhook, deliveries) in self.store.give_up_oldest(most).await? {
            warn!(%webhook, deliveries, "too many deliveries wait, the oldest are given up");
        }
        Ok(())
    }

    async fn round(self: Arc<Self>, running: &mut Running) -> Result<()> {
        let now = self.clock.now();
        self.store.expand_facts(now).await?;
        let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        for webhook in self.store.ready_webhooks(now, most).await? {
            let room = OF_ONE.saturating_sub(running.of(webhook.id));
            let room = room.min(AT_ONCE.saturating_sub(running.tasks.len()));
            if room == 0 {
                continue;
            }
            let (of, id) = (webhook.organization_id, webhook.id);
            let most = i64::try_from(room).unwrap_or(1);
            let webhook = Arc::new(webhook);
            for taken in self.store.take_deliveries(of, id, now, now.plus(LEASE), most).await? {
                let one = self.clone().deliver(webhook.clone(), taken);
                let task = running.tasks.spawn(one);
                running.whose.insert(task.id(), id);
            }
        }
        Ok(())
    }

    async fn deliver(self: Arc<Self>, webhook: Arc<Webhook>, taken: Taken) {
        let (of, id) = (webhook.organization_id, webhook.id);
        let secret = self.keys.open(&Webhook::place(of, id), &webhook.secret);
        let (status, failure) = match secret {
            // The server key that sealed it is gone.
            None => (None, Some("secret")),
            Some(secret) => {
                let signature = signature(&secret, self.clock.now(), &taken.body);
                match self.poster.post(&webhook.url, &signature, taken.body.clone()).await {
                    Ok(status @ 200..=299) => (Some(status), None),
                    Ok(status) => (Some(status), Some("status")),
                    Err(failure) => (None, Some(Failure::name(failure))),
                }
            }
        };
        let now = self.clock.now();
        let failures = u32::try_from(taken.attempts).unwrap_or(u32::MAX);
        let again = failure.map(|_| now.plus(PAUSES.pause(failures, &*self.entropy)));
        let due = again.filter(|due| due.since(taken.created_at()) < TRIED_FOR);
        debug!(webhook = %id, delivery = %taken.id, status, failure, "tried");
        let tried = Tried { status, failure, at: now, due };
        if let Err(error) = self.store.settle_delivery(of, id, &taken, tried).await {
            // The lease runs out by itself and the delivery comes again.
            warn!(cause = Error::from(error).chain(), "a delivery's outcome was not stored");
        }
    }
}
