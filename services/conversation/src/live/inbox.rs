//! What was delivered to the readers of all conversations of an organization. It finds what of a
//! hint is new to them, and finds in the recent conversations what hints missed. Nothing here
//! awaits.

use std::collections::{HashMap, HashSet};

use onethread_core::{ConversationId, Timestamp};

use super::EndReason;
use crate::{
    domain::Side,
    store::{Head, RecentConversation},
};

/// Conversations that are remembered, even if they are no longer recent.
const MAX_CONVERSATIONS: usize = 2000;

/// How far the clocks of two replicas may differ. A conversation that is younger than the last
/// check, less this, has begun since.
const MAX_CLOCK_SKEW_MICROS: i64 = 60_000_000;

/// The readers of one organization's conversations.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Their subscriptions.
    pub(super) subscriptions: Vec<u64>,
    delivered: HashMap<ConversationId, DeliveryState>,
    /// The recent ones at the last check.
    recent: Vec<ConversationId>,
    /// The latest activity at the last check.
    latest_activity: Option<Timestamp>,
}

/// What was delivered of a conversation.
#[derive(Debug, Clone, Copy)]
struct DeliveryState {
    /// Number of the first message.
    first_seq: i64,
    /// Number of the last message.
    last_seq: i64,
    contact_read_seq: i64,
    agent_read_seq: i64,
}

/// What has to be delivered of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingDelivery {
    pub(super) messages: Option<MessageRange>,
    /// Read marks that moved.
    pub(super) read_marks: Vec<(Side, i64)>,
}

/// Messages to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageRange {
    /// All after this number.
    After(i64),
    /// Only this one: its hint was late.
    Only(i64),
}

/// The result of a check of the recent conversations.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckResult {
    Pending(Vec<(ConversationId, PendingDelivery)>),
    /// The readers have to read the conversations again.
    Ended(EndReason),
}

impl DeliveryState {
    /// Nothing was delivered.
    const NONE: Self = Self { first_seq: 0, last_seq: 0, contact_read_seq: 0, agent_read_seq: 0 };

    /// Moves a read mark. Returns it if it moved forward.
    fn move_mark(&mut self, side: Side, seq: i64) -> Option<(Side, i64)> {
        let mark = match side {
            Side::Contact => &mut self.contact_read_seq,
            Side::Agent => &mut self.agent_read_seq,
        };
        let is_new = *mark < seq;
        *mark = seq.max(*mark);
        is_new.then_some((side, seq))
    }

    fn move_marks(&mut self, head: &Head) -> Vec<(Side, i64)> {
        let sides = [Side::Contact, Side::Agent].into_iter();
        sides.filter_map(|side| self.move_mark(side, head.read_seq(side))).collect()
    }
}

impl From<&Head> for DeliveryState {
    fn from(head: &Head) -> Self {
        Self {
            first_seq: 0,
            last_seq: head.last_seq,
            contact_read_seq: head.contact_read_seq,
            agent_read_seq: head.agent_read_seq,
        }
    }
}

impl Inbox {
    /// Readers start with the conversations as they are.
    pub(super) fn new(recent: &[RecentConversation]) -> Self {
        let mut inbox = Self::default();
        for one in recent {
            inbox.delivered.insert(one.head.conversation, DeliveryState::from(&one.head));
        }
        inbox.set_recent(recent);
        inbox
    }

    /// A message was stored under this number.
    pub(super) fn message_stored(&self, id: ConversationId, seq: i64) -> Option<PendingDelivery> {
        let messages = match self.delivered.get(&id) {
            Some(delivered) if seq < delivered.first_seq => MessageRange::Only(seq),
            Some(delivered) if seq <= delivered.last_seq => return None,
            Some(delivered) => MessageRange::After(delivered.last_seq),
            // It had no activity for long, so the readers have the messages before.
            None => MessageRange::After(seq - 1),
        };
        Some(PendingDelivery { messages: Some(messages), read_marks: Vec::new() })
    }

    /// A read mark moved to this number.
    pub(super) fn read_mark_moved(
        &mut self,
        id: ConversationId,
        side: Side,
        seq: i64,
    ) -> Option<PendingDelivery> {
        let mark = match self.delivered.get_mut(&id) {
            Some(delivered) => delivered.move_mark(side, seq)?,
            None => (side, seq),
        };
        Some(PendingDelivery { messages: None, read_marks: vec![mark] })
    }

    /// Messages of this range were delivered, up to this number.
    pub(super) fn set_delivered(&mut self, id: ConversationId, range: MessageRange, last_seq: i64) {
        let first_seq = match range {
            MessageRange::After(seq) => seq + 1,
            MessageRange::Only(seq) => seq,
        };
        let new = DeliveryState { first_seq, last_seq, ..DeliveryState::NONE };
        let delivered = self.delivered.entry(id).or_insert(new);
        delivered.first_seq = delivered.first_seq.min(first_seq);
        delivered.last_seq = delivered.last_seq.max(last_seq);
        if self.delivered.len() > MAX_CONVERSATIONS {
            let recent: HashSet<_> = self.recent.iter().copied().collect();
            self.delivered.retain(|other, _| recent.contains(other) || *other == id);
        }
    }

    /// Those that were recent at the last check and no longer are.
    pub(super) fn no_longer_recent(&self, recent: &[RecentConversation]) -> Vec<ConversationId> {
        let now: HashSet<_> = recent.iter().map(|one| one.head.conversation).collect();
        self.recent.iter().copied().filter(|id| !now.contains(id)).collect()
    }

    /// Checks the recent conversations, `is_full` when there may be more of them, and those that
    /// are no longer recent.
    pub(super) fn check(
        &mut self,
        recent: &[RecentConversation],
        is_full: bool,
        no_longer_recent: &[Head],
    ) -> CheckResult {
        // Removed ones are gone from the agents' list, which they have to fetch again.
        if no_longer_recent.iter().any(|head| head.is_removed) {
            return CheckResult::Ended(EndReason::ConversationEnded);
        }
        let new_since =
            self.latest_activity.map_or(i64::MIN, |at| at.micros() - MAX_CLOCK_SKEW_MICROS);
        let mut undelivered = Vec::new();
        let mut unchanged = 0;
        for (head, created_at) in recent
            .iter()
            .map(|one| (&one.head, Some(one.created_at)))
            .chain(no_longer_recent.iter().map(|head| (head, None)))
        {
            let id = head.conversation;
            let delivered = match self.delivered.get_mut(&id) {
                Some(delivered) => delivered,
                None if created_at.is_some_and(|at| at.micros() > new_since) => {
                    self.delivered.entry(id).or_insert(DeliveryState::NONE)
                }
                // What its readers have isn't known any more.
                None => return CheckResult::Ended(EndReason::FellBehind),
            };
            let read_marks = delivered.move_marks(head);
            let messages = (delivered.last_seq < head.last_seq)
                .then_some(MessageRange::After(delivered.last_seq));
            if messages.is_none() {
                unchanged += 1;
            }
            if messages.is_some() || !read_marks.is_empty() {
                undelivered.push((id, PendingDelivery { messages, read_marks }));
            }
        }
        if is_full && unchanged == 0 {
            // Older ones may have changed as well.
            return CheckResult::Ended(EndReason::FellBehind);
        }
        self.set_recent(recent);
        // In the order in which it happened.
        undelivered.reverse();
        CheckResult::Pending(undelivered)
    }

    fn set_recent(&mut self, recent: &[RecentConversation]) {
        self.recent = recent.iter().map(|one| one.head.conversation).collect();
        let latest = recent.iter().map(|one| one.updated_at).max();
        // In an organization without a conversation, each one is new.
        self.latest_activity = latest.max(self.latest_activity);
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
        Head {
            conversation: id(n),
            last_seq,
            contact_read_seq,
            agent_read_seq: 0,
            is_removed: false,
        }
    }

    /// Created and last active in these minutes.
    fn recent(head: Head, created: i64, updated: i64) -> RecentConversation {
        RecentConversation { head, created_at: at(created), updated_at: at(updated) }
    }

    fn after(seq: i64) -> Option<PendingDelivery> {
        Some(PendingDelivery { messages: Some(MessageRange::After(seq)), read_marks: Vec::new() })
    }

    #[test]
    fn a_hint_is_delivered_once_with_what_came_before_it() {
        let mut inbox = Inbox::new(&[recent(head(1, 5, 0), 0, 9)]);
        assert_eq!(inbox.message_stored(id(1), 5), None);
        // The hint of 6 was lost or is late.
        assert_eq!(inbox.message_stored(id(1), 7), after(5));
        inbox.set_delivered(id(1), MessageRange::After(5), 7);
        assert_eq!(inbox.message_stored(id(1), 6), None);
        assert_eq!(inbox.message_stored(id(1), 8), after(7));
        let read = PendingDelivery { messages: None, read_marks: vec![(Side::Agent, 3)] };
        assert_eq!(inbox.read_mark_moved(id(1), Side::Agent, 3), Some(read));
        assert_eq!(inbox.read_mark_moved(id(1), Side::Agent, 3), None);
        assert_eq!(inbox.read_mark_moved(id(1), Side::Agent, 2), None);
    }

    #[test]
    fn hints_of_a_conversation_that_is_not_recent_may_come_in_any_order() {
        let mut inbox = Inbox::new(&[]);
        assert_eq!(inbox.message_stored(id(1), 8), after(7));
        inbox.set_delivered(id(1), MessageRange::After(7), 8);
        let late =
            PendingDelivery { messages: Some(MessageRange::Only(7)), read_marks: Vec::new() };
        assert_eq!(inbox.message_stored(id(1), 7), Some(late));
        inbox.set_delivered(id(1), MessageRange::Only(7), 7);
        assert_eq!(inbox.message_stored(id(1), 7), None);
        assert_eq!(inbox.message_stored(id(1), 8), None);
        assert_eq!(inbox.message_stored(id(1), 9), after(8));
    }

    #[test]
    fn a_check_finds_what_hints_missed() {
        let mut inbox = Inbox::new(&[recent(head(2, 4, 1), 0, 20), recent(head(1, 5, 0), 0, 10)]);
        let now = [
            recent(head(3, 2, 0), 21, 22),
            recent(head(1, 7, 2), 0, 21),
            recent(head(2, 4, 1), 0, 20),
        ];
        let messages = |seq| Some(MessageRange::After(seq));
        let expected = vec![
            (
                id(1),
                PendingDelivery { messages: messages(5), read_marks: vec![(Side::Contact, 2)] },
            ),
            (id(3), PendingDelivery { messages: messages(0), read_marks: Vec::new() }),
        ];
        assert_eq!(inbox.check(&now, false, &[]), CheckResult::Pending(expected));
        inbox.set_delivered(id(1), MessageRange::After(5), 7);
        inbox.set_delivered(id(3), MessageRange::After(0), 2);
        assert_eq!(inbox.check(&now, false, &[]), CheckResult::Pending(Vec::new()));
    }

    #[test]
    fn readers_reload_what_cannot_be_delivered() {
        let inbox = || Inbox::new(&[recent(head(2, 4, 0), 0, 20), recent(head(1, 5, 0), 0, 10)]);
        // An old one that was not recent.
        let old = [recent(head(3, 9, 0), 2, 21), recent(head(2, 4, 0), 0, 20)];
        let behind = CheckResult::Ended(EndReason::FellBehind);
        assert_eq!(inbox().check(&old, false, &[]), behind);
        // One that is gone.
        let rest = [recent(head(2, 4, 0), 0, 20)];
        assert_eq!(inbox().no_longer_recent(&rest), [id(1)]);
        let ended = Head { is_removed: true, ..head(1, 5, 0) };
        let reason = EndReason::ConversationEnded;
        assert_eq!(inbox().check(&rest, false, &[ended]), CheckResult::Ended(reason));
        // All of them changed, and there are more.
        let all = [recent(head(2, 5, 0), 0, 22), recent(head(1, 6, 0), 0, 21)];
        assert_eq!(inbox().check(&all, true, &[]), behind);
        assert!(
            matches!(inbox().check(&all, false, &[]), CheckResult::Pending(all) if all.len() == 2)
        );
    }
}
