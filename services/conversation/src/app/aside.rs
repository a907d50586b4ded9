//! Sends into conversations that somebody else keeps for long, say because a large one is folded
//! into it. They wait here, so that all other sends need not: each conversation's in their order,
//! and whatever follows them into the same one waits behind them.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::Error;
use tokio::time::Instant;

use super::queue::{Waiting, Writer};

/// How long a send waits here, so that it is answered within its deadline.
const PATIENCE: Duration = Duration::from_secs(4);
/// Conversations that are waited for at the same time, each on a connection of its own.
const CONVERSATIONS: usize = 8;
/// Sends that wait for one conversation.
const WAITING: usize = 256;

type Key = (OrganizationId, ConversationId);

/// Those that wait, by the conversation that they name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Aside(Arc<Mutex<HashMap<Key, Vec<Waiting>>>>);

impl Aside {
    /// Keeps those of a batch that have to wait behind others; the rest may go on.
    pub(super) fn divert(&self, batch: &mut Vec<Waiting>) {
        let mut kept = self.lock();
        if kept.is_empty() {
            return;
        }
        for one in mem::take(batch) {
            match kept.get_mut(&key(&one)) {
                None => batch.push(one),
                Some(line) if line.len() < WAITING => line.push(one),
                Some(_) => turn_away(one),
            }
        }
    }

    /// Has sends wait for conversations that turned out to be kept, in their order.
    pub(super) fn hold(&self, writer: &Writer, batch: Vec<Waiting>) {
        let mut kept = self.lock();
        for one in batch {
            let key = key(&one);
            if let Some(line) = kept.get_mut(&key) {
                line.push(one);
            } else if kept.len() < CONVERSATIONS {
                kept.insert(key, vec![one]);
                tokio::spawn(self.clone().wait(writer.clone(), key));
            } else {
                turn_away(one);
            }
        }
    }

    /// Tries again until nobody waits for the conversation. Each try waits for it a while.
    async fn wait(self, writer: Writer, key: Key) {
        let mut first = Vec::new();
        loop {
            let now = Instant::now();
            let mut batch = mem::take(&mut first);
            {
                let mut kept = self.lock();
                batch.append(kept.entry(key).or_default());
                let patient = |one: &mut Waiting| now - one.since < PATIENCE;
                let gone: Vec<_> = batch.extract_if(.., |one| !patient(one)).collect();
                gone.into_iter().for_each(turn_away);
                batch.retain(|one| !one.answer.is_closed());
                if batch.is_empty() {
                    kept.remove(&key);
                    return;
                }
            }
            first = writer.store(batch).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(one: &Waiting) -> Key {
    (one.new.organization, one.new.conversation)
}

fn turn_away(one: Waiting) {
    let _ = one.answer.send(Err(Error::unavailable("the conversation is kept by somebody else")));
}
