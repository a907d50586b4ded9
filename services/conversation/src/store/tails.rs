//! The newest messages of threads that were read lately, so that who opens a page again costs one
//! row and not fifty. A message never changes and no number is given twice: what is kept is right
//! exactly while the conversation's row, which is read every time, names the same last number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use onethread_core::{ConversationId, OrganizationId};

use crate::domain::{Message, Side};

/// Bytes of messages kept at most.
const ROOM: usize = 8 << 20;
/// Bytes beyond which a thread's end is not kept: it would drive out many others.
const LARGE: usize = ROOM / 64;

/// Whose eyes which thread was read with, and how many rows were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) organization: OrganizationId,
    pub(super) conversation: ConversationId,
    pub(super) side: Side,
    pub(super) rows: usize,
}

/// The end of a thread.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    /// The last number that the side can see.
    pub(super) last_seq: i64,
    pub(super) messages: Arc<[Message]>,
}

/// Ends of threads, bounded. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Tails(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    tails: HashMap<Key, Held>,
    bytes: usize,
    /// Counts uses, so that those not used for long are known.
    uses: u64,
}

#[derive(Debug)]
struct Held {
    tail: Tail,
    bytes: usize,
    used: u64,
}

impl Tails {
    /// What was kept; right only where the conversation still ends so.
    pub(super) fn get(&self, key: &Key) -> Option<Tail> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let used = kept.uses;
        let held = kept.tails.get_mut(key)?;
        held.used = used;
        Some(held.tail.clone())
    }

    /// Keeps the end of a thread.
    pub(super) fn keep(&self, key: Key, tail: Tail) {
        let bytes = tail.messages.iter().map(weight).sum();
        if bytes > LARGE {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let used = kept.uses;
        kept.bytes += bytes;
        if let Some(before) = kept.tails.insert(key, Held { tail, bytes, used }) {
            kept.bytes -= before.bytes;
        }
        if kept.bytes > ROOM {
            kept.make_room();
        }
    }

    /// Forgets what is kept of a thread.
    pub(super) fn forget(&self, organization: OrganizationId, conversation: ConversationId) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|key, _| (key.organization, key.conversation) != (organization, conversation));
    }
}

impl Kept {
    /// Lets go of the half that was not used for longest.
    fn make_room(&mut self) {
        let mut uses: Vec<_> = self.tails.values().map(|held| held.used).collect();
        let middle = uses.len() / 2;
        let (_, oldest, _) = uses.select_nth_unstable(middle);
        let oldest = *oldest;
        self.retain(|_, held| held.used >= oldest);
    }

    fn retain(&mut self, stays: impl Fn(&Key, &Held) -> bool) {
        self.tails.retain(|key, held| stays(key, held));
        self.bytes = self.tails.values().map(|held| held.bytes).sum();
    }
}

fn weight(message: &Message) -> usize {
    size_of::<Message>() + message.text.as_str().len()
}

#[cfg(test)]
mod tests {
    use onethread_core::{MessageId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Author, AuthorKind, Kind, Text};

    fn key(n: u128) -> Key {
        Key {
            organization: OrganizationId(Uuid::nil()),
            conversation: ConversationId(Uuid::from_u128(n)),
            side: Side::Contact,
            rows: 50,
        }
    }

    fn tail(bytes: usize) -> Tail {
        let message = Message {
            id: MessageId(Uuid::nil()),
            conversation: ConversationId(Uuid::nil()),
            seq: 1,
            prev_public_seq: 0,
            author: Author { kind: AuthorKind::Contact, id: Uuid::nil() },
            client_message_id: None,
            kind: Kind::Text,
            text: Text::stored("x".repeat(bytes)),
            created_at: Timestamp::from_micros(0),
        };
        Tail { last_seq: 1, messages: [message].into() }
    }

    #[test]
    fn room_is_bounded_and_what_is_used_stays() {
        let tails = Tails::default();
        for n in 0..200 {
            tails.keep(key(n), tail(LARGE - 1000));
            assert!(tails.get(&key(0)).is_some());
            assert!(tails.0.lock().unwrap().bytes <= ROOM);
        }
        assert!(tails.get(&key(199)).is_some());
        assert!(tails.get(&key(1)).is_none());
        tails.keep(key(1000), tail(LARGE));
        assert!(tails.get(&key(1000)).is_none());
    }

    #[test]
    fn what_is_kept_anew_counts_once() {
        let tails = Tails::default();
        for _ in 0..1000 {
            tails.keep(key(0), tail(LARGE - 1000));
        }
        assert!(tails.0.lock().unwrap().bytes < LARGE);
        tails.forget(key(0).organization, key(0).conversation);
        assert_eq!(tails.0.lock().unwrap().bytes, 0);
        assert!(tails.get(&key(0)).is_none());
    }
}
