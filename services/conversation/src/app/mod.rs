//! The use cases, one file each. A use case opens its transaction, reads through the store, asks
//! the domain, saves, records what follows, and publishes hints after the commit.

mod clients;
mod conversation_locks;
mod effects;
mod erase_conversation;
mod get_conversation;
mod history_cache;
mod list_conversations;
mod list_messages;
mod locked_sends;
mod mark_read;
mod merge_conversations;
mod metrics;
mod send_batch;
mod send_message;
mod send_queue;
mod set_interest;
mod set_typing;
mod subscribe;
#[cfg(test)]
pub(crate) mod tests;
mod update_conversation;

use std::sync::Arc;

use onethread_core::{Clock, Entropy};
use onethread_db::Database;
use onethread_outbox::Wake;

use crate::live::{Live, Typing};

pub(crate) use clients::IdentityClient;
pub(crate) use list_conversations::{ListInput, ListOutput};
pub(crate) use list_messages::History;
pub(crate) use send_message::{MessageInput, SentMessage};
pub(crate) use update_conversation::UpdateInput;

/// What the use cases work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Takes hints to live readers.
    pub(crate) live: Live,
    /// Wakes the relay.
    pub(crate) wake: Wake,
    locks: conversation_locks::ConversationLocks,
    typing: Typing,
    sends: send_queue::SendQueue,
    histories: history_cache::HistoryCache,
}

impl App {
    /// Starts the writer of sends, so it has to be called on a runtime.
    pub(crate) fn new(
        db: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        live: Live,
    ) -> Self {
        let wake = Wake::default();
        Self {
            locks: conversation_locks::ConversationLocks::default(),
            typing: Typing::new(live.clone()),
            sends: send_queue::SendQueue::start(&db, live.clone(), wake.clone()),
            histories: history_cache::HistoryCache::default(),
            db,
            clock,
            entropy,
            live,
            wake,
        }
    }
}
