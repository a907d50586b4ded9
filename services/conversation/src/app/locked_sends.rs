//! Sends to conversations that another transaction holds for long, such as a long merge. They
//! wait here so that all other sends need not: those of a conversation in their order, and later
//! ones to the same conversation after them.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    send_message::conversation_is_locked,
    send_queue::{BatchWriter, QueuedSend},
};
use crate::domain::ConversationKey;

/// How long a send waits, so that it is answered within its deadline.
const SEND_TIMEOUT: Duration = Duration::from_secs(4);
/// Conversations that are waited for at the same time, each on its own connection.
const MAX_CONVERSATIONS: usize = 8;
/// Sends that wait for one conversation.
const MAX_SENDS: usize = 256;

/// The sends that wait, by the conversation that they name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct LockedSends(Arc<Mutex<HashMap<ConversationKey, Vec<QueuedSend>>>>);

impl LockedSends {
    /// Takes those out of a batch that have to wait behind others.
    pub(super) fn divert(&self, batch: &mut Vec<QueuedSend>) {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for queued in mem::take(batch) {
            match waiting.get_mut(&queued.new.key()) {
                None => batch.push(queued),
                Some(sends) if sends.len() < MAX_SENDS => sends.push(queued),
                Some(_) => reject(queued),
            }
        }
    }

    /// Lets sends wait for conversations that turned out to be locked, in their order.
    pub(super) fn wait_for(&self, writer: &BatchWriter, sends: Vec<QueuedSend>) {
        let mut waiting = self.lock();
        for queued in sends {
            let key = queued.new.key();
            if let Some(sends) = waiting.get_mut(&key) {
                sends.push(queued);
            } else if waiting.len() < MAX_CONVERSATIONS {
                waiting.insert(key, vec![queued]);
                tokio::spawn(self.clone().retry(writer.clone(), key));
            } else {
                reject(queued);
            }
        }
    }

    /// Retries until no send waits for the conversation. Each attempt waits for its lock a while.
    async fn retry(self, writer: BatchWriter, key: ConversationKey) {
        let mut locked = Vec::new();
        loop {
            let now = Instant::now();
            let mut batch = mem::take(&mut locked);
            {
                let mut waiting = self.lock();
                batch.append(waiting.entry(key).or_default());
                let is_late = |queued: &mut QueuedSend| now - queued.queued_at >= SEND_TIMEOUT;
                let late: Vec<_> = batch.extract_if(.., is_late).collect();
                late.into_iter().for_each(reject);
                batch.retain(|queued| !queued.answer.is_closed());
                if batch.is_empty() {
                    waiting.remove(&key);
                    return;
                }
            }
            locked = writer.store(batch).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationKey, Vec<QueuedSend>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reject(queued: QueuedSend) {
    queued.answer_with(Err(conversation_is_locked()));
}
