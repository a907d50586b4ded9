//! What those who read all conversations of an organization were told of each. It says what of a
//! hint is news, and finds in the newest conversations what hints did not tell. Nothing here
//! waits.

use std::collections::{HashMap, HashSet};

use onethread_core::{ConversationId, Timestamp};

use crate::{
    domain::Side,
    store::{Head, Recent},
};

/// Conversations that are remembered though they no longer are among the newest.
const REMEMBERED: usize = 2000;

/// A conversation that is younger than the last look, allowing for clocks that differ, was begun
/// since.
const SKEW: i64 = 60_000_000;

/// The readers of one organization's conversations.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Their subscriptions.
    pub(super) readers: Vec<u64>,
    told: HashMap<ConversationId, Told>,
    /// The newest ones at the last look.
    window: Vec<ConversationId>,
    /// The last activity that was seen.
    newest_at: Option<Timestamp>,
}

/// What was told of a conversation.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// Messages from this number on.
    first: i64,
    /// Messages up to this number.
    last: i64,
    contact_read: i64,
    agent_read: i64,
}

/// What is to be told of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) messages: Option<Stretch>,
    /// Read marks that moved.
    pub(super) marks: Vec<(Side, i64)>,
}

/// Messages that are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// All after this number.
    After(i64),
    /// This one alone: it came late.
    Only(i64),
}

/// What a look at the newest conversations found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This is to be told.
    News(Vec<(ConversationId, News)>),
    /// More than can be told.
    TooMuch,
}

impl Told {
    fn mark(&mut self, side: Side) -> &mut i64 {
        match side {
            Side::Contact => &mut self.contact_read,
            Side::Agent => &mut self.agent_read,
        }
    }

    /// Takes a mark over; it is news when it moved forward.
    fn read(&mut self, side: Side, seq: i64) -> Option<(Side, i64)> {
        let mark = self.mark(side);
        let news = *mark < seq;
        *mark = seq.max(*mark);
        news.then_some((side, seq))
    }

    fn read_both(&mut self, head: &Head) -> Vec<(Side, i64)> {
        let sides = [Side::Contact, Side::Agent].into_iter();
        sides.filter_map(|side| self.read(side, head.mark(side))).collect()
    }
}

impl From<&Head> for Told {
    fn from(head: &Head) -> Self {
        Self {
            first: 0,
            last: head.last_seq,
            contact_read: head.contact_read_seq,
            agent_read: head.agent_read_seq,
        }
    }
}

impl Inbox {
    /// Readers begin with the conversations as they stand.
    pub(super) fn new(recent: &[Recent]) -> Self {
        let mut inbox = Self::default();
        for one in recent {
            inbox.told.insert(one.head.conversation, Told::from(&one.head));
        }
        inbox.seen(recent);
        inbox
    }

    /// A message was stored under this number.
    pub(super) fn stored(&self, id: ConversationId, seq: i64) -> Option<News> {
        let messages = match self.told.get(&id) {
            Some(told) if seq < told.first => Stretch::Only(seq),
            Some(told) if seq <= told.last => return None,
            Some(told) => Stretch::After(told.last),
            // It was quiet for long: the readers have what came before.
            None => Stretch::After(seq - 1),
        };
        Some(News { messages: Some(messages), marks: Vec::new() })
    }

    /// A read mark moved to this number.
    pub(super) fn read(&mut self, id: ConversationId, side: Side, seq: i64) -> Option<News> {
        let mark = match self.told.get_mut(&id) {
            Some(told) => told.read(side, seq)?,
            None => (side, seq),
        };
        Some(News { messages: None, marks: vec![mark] })
    }

    /// Messages of this stretch were told, up to this number.
    pub(super) fn tell(&mut self, id: ConversationId, stretch: Stretch, last: i64) {
        let first = match stretch {
            Stretch::After(seq) => seq + 1,
            Stretch::Only(seq) => seq,
        };
        let told = self.told.entry(id);
        let told = told.or_insert(Told { first, last, contact_read: 0, agent_read: 0 });
        told.first = told.first.min(first);
        told.last = told.last.max(last);
        if self.told.len() > REMEMBERED {
            let window: HashSet<_> = self.window.iter().copied().collect();
            self.told.retain(|other, _| window.contains(other) || *other == id);
        }
    }

    /// Those of the last look that are not among the newest any more.
    pub(super) fn left(&self, recent: &[Recent]) -> Vec<ConversationId> {
        let now: HashSet<_> = recent.iter().map(|one| one.head.conversation).collect();
        self.window.iter().copied().filter(|id| !now.contains(id)).collect()
    }

    /// Looks at the newest conversations, `full` when there may be more of them, and at those
    /// that have left them.
    pub(super) fn look(&mut self, recent: &[Recent], full: bool, left: &[Head]) -> Found {
        // One that ended is gone from the agents' list, which they fetch anew.
        if left.iter().any(|head| head.ended) {
            return Found::TooMuch;
        }
        let begun_since = self.newest_at.map_or(i64::MIN, |at| at.micros() - SKEW);
        let mut news = Vec::new();
        let mut unchanged = 0;
        for (head, created_at) in recent
            .iter()
            .map(|one| (&one.head, Some(one.created_at)))
            .chain(left.iter().map(|head| (head, None)))
        {
            let id = head.conversation;
            let told = match self.told.get_mut(&id) {
                Some(told) => told,
                None if created_at.is_some_and(|at| at.micros() > begun_since) => {
                    let nothing = Told { first: 0, last: 0, contact_read: 0, agent_read: 0 };
                    self.told.entry(id).or_insert(nothing)
                }
                // What its readers have can't be said any more.
                None => return Found::TooMuch,
            };
            let marks = told.read_both(head);
            let messages = (told.last < head.last_seq).then_some(Stretch::After(told.last));
            if messages.is_none() {
                unchanged += 1;
            }
            if messages.is_some() || !marks.is_empty() {
                news.push((id, News { messages, marks }));
            }
        }
        if full && unchanged == 0 {
            // Older ones may have changed as well.
            return Found::TooMuch;
        }
        self.seen(recent);
        // In the order in which it happened.
        news.reverse();
        Found::News(news)
    }

    fn seen(&mut self, recent: &[Recent]) {
        self.window = recent.iter().map(|one| one.head.conversation).collect();
        let newest_at = recent.iter().map(|one| one.updated_at).max();
        // Of an organization without a conversation every one is new.
        self.newest_at = newest_at.max(self.newest_at);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ConversationId {
        ConversationId(Uuid::from_u128(n))
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    fn head(n: u128, last_seq: i64, contact_read_seq: i64) -> Head {
        Head { conversation: id(n), last_seq, contact_read_seq, agent_read_seq: 0, ended: false }
    }

    /// Begun and last active in these minutes.
    fn recent(head: Head, created: i64, updated: i64) -> Recent {
        Recent { head, created_at: at(created), updated_at: at(updated) }
    }

    fn after(seq: i64) -> Option<News> {
        Some(News { messages: Some(Stretch::After(seq)), marks: Vec::new() })
    }

    #[test]
    fn a_hint_is_told_once_and_brings_what_came_before_it() {
        let mut inbox = Inbox::new(&[recent(head(1, 5, 0), 0, 9)]);
        assert_eq!(inbox.stored(id(1), 5), None);
        // The hint of 6 was lost or is late.
        assert_eq!(inbox.stored(id(1), 7), after(5));
        inbox.tell(id(1), Stretch::After(5), 7);
        assert_eq!(inbox.stored(id(1), 6), None);
        assert_eq!(inbox.stored(id(1), 8), after(7));
        let read = News { messages: None, marks: vec![(Side::Agent, 3)] };
        assert_eq!(inbox.read(id(1), Side::Agent, 3), Some(read));
        assert_eq!(inbox.read(id(1), Side::Agent, 3), None);
        assert_eq!(inbox.read(id(1), Side::Agent, 2), None);
    }

    #[test]
    fn hints_of_a_quiet_conversation_may_come_in_any_order() {
        let mut inbox = Inbox::new(&[]);
        assert_eq!(inbox.stored(id(1), 8), after(7));
        inbox.tell(id(1), Stretch::After(7), 8);
        let late = News { messages: Some(Stretch::Only(7)), marks: Vec::new() };
        assert_eq!(inbox.stored(id(1), 7), Some(late));
        inbox.tell(id(1), Stretch::Only(7), 7);
        assert_eq!(inbox.stored(id(1), 7), None);
        assert_eq!(inbox.stored(id(1), 8), None);
        assert_eq!(inbox.stored(id(1), 9), after(8));
    }

    #[test]
    fn a_look_finds_what_no_hint_told() {
        let mut inbox = Inbox::new(&[recent(head(2, 4, 1), 0, 20), recent(head(1, 5, 0), 0, 10)]);
        let now = [
            recent(head(3, 2, 0), 21, 22),
            recent(head(1, 7, 2), 0, 21),
            recent(head(2, 4, 1), 0, 20),
        ];
        let messages = |seq| Some(Stretch::After(seq));
        let expected = vec![
            (id(1), News { messages: messages(5), marks: vec![(Side::Contact, 2)] }),
            (id(3), News { messages: messages(0), marks: Vec::new() }),
        ];
        assert_eq!(inbox.look(&now, false, &[]), Found::News(expected));
        inbox.tell(id(1), Stretch::After(5), 7);
        inbox.tell(id(3), Stretch::After(0), 2);
        assert_eq!(inbox.look(&now, false, &[]), Found::News(Vec::new()));
    }

    #[test]
    fn what_cannot_be_told_is_fetched_anew() {
        let begin = || Inbox::new(&[recent(head(2, 4, 0), 0, 20), recent(head(1, 5, 0), 0, 10)]);
        // An old one that was not among the newest.
        let old = [recent(head(3, 9, 0), 2, 21), recent(head(2, 4, 0), 0, 20)];
        assert_eq!(begin().look(&old, false, &[]), Found::TooMuch);
        // One that is gone.
        let rest = [recent(head(2, 4, 0), 0, 20)];
        assert_eq!(begin().left(&rest), [id(1)]);
        let ended = Head { ended: true, ..head(1, 5, 0) };
        assert_eq!(begin().look(&rest, false, &[ended]), Found::TooMuch);
        // All of them changed, and there are more.
        let all = [recent(head(2, 5, 0), 0, 22), recent(head(1, 6, 0), 0, 21)];
        assert_eq!(begin().look(&all, true, &[]), Found::TooMuch);
        assert!(matches!(begin().look(&all, false, &[]), Found::News(news) if news.len() == 2));
    }
}
