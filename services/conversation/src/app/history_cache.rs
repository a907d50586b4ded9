//! The newest messages of conversations that were read lately, so that a page that is opened again
//! costs one row and not fifty. Messages never change and no number is used twice, so a cached
//! history is current exactly while the conversation's row, which is read every time, has the same
//! last number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use onethread_core::{ConversationId, OrganizationId};

use crate::domain::{Message, Side};

/// Bytes of messages in the cache.
const CAPACITY_BYTES: usize = 8 << 20;
/// Bytes of a history that is too large for the cache: it would evict many others.
const MAX_ENTRY_BYTES: usize = CAPACITY_BYTES / 64;

/// Which newest messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HistoryKey {
    pub(super) organization: OrganizationId,
    pub(super) conversation: ConversationId,
    pub(super) side: Side,
    /// Messages at most.
    pub(super) limit: usize,
}

/// The newest messages of a conversation.
#[derive(Debug, Clone)]
pub(super) struct CachedHistory {
    /// The last number that the side sees.
    pub(super) last_seq: i64,
    pub(super) messages: Arc<[Message]>,
}

/// A bounded cache. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct HistoryCache(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<HistoryKey, CacheEntry>,
    bytes: usize,
    /// Counts uses, to find the entries that were not used for long.
    uses: u64,
}

#[derive(Debug)]
struct CacheEntry {
    history: CachedHistory,
    bytes: usize,
    last_use: u64,
}

impl HistoryCache {
    /// The cached messages. The caller checks whether they are current.
    pub(super) fn get(&self, key: &HistoryKey) -> Option<CachedHistory> {
        let mut entries = self.lock();
        entries.uses += 1;
        let last_use = entries.uses;
        let entry = entries.by_key.get_mut(key)?;
        entry.last_use = last_use;
        Some(entry.history.clone())
    }

    /// Adds or replaces an entry.
    pub(super) fn insert(&self, key: HistoryKey, history: CachedHistory) {
        let bytes = history.messages.iter().map(message_bytes).sum();
        if bytes > MAX_ENTRY_BYTES {
            return;
        }
        let mut entries = self.lock();
        entries.uses += 1;
        entries.bytes += bytes;
        let entry = CacheEntry { history, bytes, last_use: entries.uses };
        if let Some(before) = entries.by_key.insert(key, entry) {
            entries.bytes -= before.bytes;
        }
        if entries.bytes > CAPACITY_BYTES {
            entries.evict_half();
        }
    }

    /// Removes the entries of a conversation.
    pub(super) fn remove(&self, organization: OrganizationId, conversation: ConversationId) {
        let removed = (organization, conversation);
        self.lock().retain(|key, _| (key.organization, key.conversation) != removed);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Evicts the half that was not used for longest.
    fn evict_half(&mut self) {
        let mut uses: Vec<_> = self.by_key.values().map(|entry| entry.last_use).collect();
        let middle = uses.len() / 2;
        let (_, oldest, _) = uses.select_nth_unstable(middle);
        let oldest = *oldest;
        self.retain(|_, entry| entry.last_use >= oldest);
    }

    fn retain(&mut self, stays: impl Fn(&HistoryKey, &CacheEntry) -> bool) {
        self.by_key.retain(|key, entry| stays(key, entry));
        self.bytes = self.by_key.values().map(|entry| entry.bytes).sum();
    }
}

fn message_bytes(message: &Message) -> usize {
    size_of::<Message>() + message.text.as_str().len()
}

#[cfg(test)]
mod tests {
    use onethread_core::{MessageId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Author, AuthorKind, MessageKind, Text};

    fn key(n: u128) -> HistoryKey {
        HistoryKey {
            organization: OrganizationId(Uuid::nil()),
            conversation: ConversationId(Uuid::from_u128(n)),
            side: Side::Contact,
            limit: 50,
        }
    }

    fn history(bytes: usize) -> CachedHistory {
        let message = Message {
            id: MessageId(Uuid::nil()),
            conversation: ConversationId(Uuid::nil()),
            seq: 1,
            prev_public_seq: 0,
            author: Author { kind: AuthorKind::Contact, id: Uuid::nil() },
            client_message_id: None,
            kind: MessageKind::Text,
            text: Text::stored("x".repeat(bytes)),
            created_at: Timestamp::from_micros(0),
        };
        CachedHistory { last_seq: 1, messages: [message].into() }
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = HistoryCache::default();
        for n in 0..200 {
            cache.insert(key(n), history(MAX_ENTRY_BYTES - 1000));
            assert!(cache.get(&key(0)).is_some());
            assert!(cache.lock().bytes <= CAPACITY_BYTES);
        }
        assert!(cache.get(&key(199)).is_some());
        assert!(cache.get(&key(1)).is_none());
        cache.insert(key(1000), history(MAX_ENTRY_BYTES));
        assert!(cache.get(&key(1000)).is_none());
    }

    #[test]
    fn a_replaced_entry_counts_once() {
        let cache = HistoryCache::default();
        for _ in 0..1000 {
            cache.insert(key(0), history(MAX_ENTRY_BYTES - 1000));
        }
        assert!(cache.lock().bytes < MAX_ENTRY_BYTES);
        cache.remove(key(0).organization, key(0).conversation);
        assert_eq!(cache.lock().bytes, 0);
        assert!(cache.get(&key(0)).is_none());
    }
}
