//! The attempts that run, and how many may run for each webhook.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
};

use onethread_core::WebhookId;
use tokio::task::{Id, JoinSet};

use crate::webhook::domain::{
    delivery::{Attempt, LeasedDelivery},
    webhook::Webhook,
};

/// Attempts of one webhook that run at once: at first and after a failure.
const MIN_PER_WEBHOOK: usize = 4;
/// Attempts of one webhook that run at once, after as many successes.
const MAX_PER_WEBHOOK: usize = 32;
/// Attempts that run at once.
pub(super) const MAX_CONCURRENT: usize = 256;

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) webhook: Arc<Webhook>,
    pub(super) delivery: LeasedDelivery,
    pub(super) attempt: Attempt,
}

/// The attempts that run. A webhook that fails has few of them, so that it delays no others; one
/// that succeeds has more with every success.
#[derive(Default)]
pub(super) struct Running {
    tasks: JoinSet<Ended>,
    webhooks: HashMap<Id, WebhookId>,
    /// How many attempts may run for a webhook, where it is more than the minimum.
    limits: HashMap<WebhookId, usize>,
    /// Webhooks whose due deliveries all wait for an earlier one of their contact.
    held_back: HashSet<WebhookId>,
}

impl Running {
    pub(super) fn spawn(
        &mut self,
        webhook: WebhookId,
        attempt: impl Future<Output = Ended> + Send + 'static,
    ) {
        let task = self.tasks.spawn(attempt);
        self.webhooks.insert(task.id(), webhook);
    }

    /// Notes that nothing due of this webhook can be attempted: until one of its attempts ends, or
    /// the next poll, it isn't read again.
    pub(super) fn hold_back(&mut self, webhook: WebhookId) {
        self.held_back.insert(webhook);
    }

    /// How many more attempts of this webhook may run.
    pub(super) fn capacity(&self, webhook: WebhookId) -> usize {
        if self.held_back.contains(&webhook) {
            return 0;
        }
        let running = self.webhooks.values().filter(|one| **one == webhook).count();
        let limit = self.limits.get(&webhook).copied().unwrap_or(MIN_PER_WEBHOOK);
        limit.saturating_sub(running).min(MAX_CONCURRENT.saturating_sub(self.tasks.len()))
    }

    /// Waits until an attempt ends. For ever when none runs.
    pub(super) async fn ended(&mut self) -> Vec<Ended> {
        let Some(first) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let mut tasks = vec![first];
        while let Some(next) = self.tasks.try_join_next_with_id() {
            tasks.push(next);
        }
        let mut ended = Vec::with_capacity(tasks.len());
        for task in tasks {
            match task {
                Ok((id, one)) => {
                    self.webhooks.remove(&id);
                    self.adapt(one.webhook.id, one.attempt.failure.is_none());
                    ended.push(one);
                }
                // Its lease expires, and it is attempted again.
                Err(failed) => drop(self.webhooks.remove(&failed.id())),
            }
        }
        ended
    }

    fn adapt(&mut self, webhook: WebhookId, has_succeeded: bool) {
        self.held_back.remove(&webhook);
        if !has_succeeded {
            self.limits.remove(&webhook);
            return;
        }
        let limit = self.limits.entry(webhook).or_insert(MIN_PER_WEBHOOK);
        *limit = MAX_PER_WEBHOOK.min(*limit + 1);
    }

    /// Removes limits of webhooks without attempts, and lets those that were held back be read again.
    pub(super) fn poll(&mut self) {
        self.held_back.clear();
        if self.tasks.is_empty() {
            self.limits.clear();
        }
    }
}
