//! Closing, reopening and assigning a conversation, and the events that record it.

use onethread_core::{AgentId, MessageId, Timestamp};
use uuid::Uuid;

use super::{Conversation, ConversationEvent, Delivery, Effects, HintKind, Message, Status};

/// What an agent wants changed. Absent fields stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ConversationUpdate {
    pub(crate) status: Option<Status>,
    /// The new assignee; `Some(None)` unassigns.
    pub(crate) assignee: Option<Option<AgentId>>,
}

/// Ids for the events of one update, which are at most two.
pub(crate) type EventIds = [MessageId; 2];

impl Conversation {
    /// Applies an update. Returns a message for each thing that really changed, and what follows.
    pub(crate) fn update(
        &mut self,
        update: ConversationUpdate,
        actor: Uuid,
        ids: EventIds,
        now: Timestamp,
    ) -> (Vec<Message>, Effects) {
        let events = self.apply(update);
        if events.is_empty() {
            return (Vec::new(), Effects::default());
        }
        self.updated_at = now;
        let mut messages = Vec::with_capacity(events.len());
        let mut effects = Effects::default();
        for (id, event) in ids.into_iter().zip(&events) {
            self.last_seq += 1;
            let seqs = (self.last_seq, self.last_public_seq);
            messages.push(event.message(self.id, id, seqs, actor, now));
            effects.hint(self.id, HintKind::MessageStored { seq: self.last_seq });
        }
        let closed = messages.iter().zip(&events).find(|(_, e)| **e == ConversationEvent::Closed);
        if let Some((message, _)) = closed {
            effects.deliver(Delivery::ConversationClosed {
                event_id: message.id,
                conversation: self.id,
                last_seq: self.last_seq,
                assignee: self.assignee,
                closed_by: actor,
                closed_at: now,
            });
        }
        (messages, effects)
    }

    fn apply(&mut self, update: ConversationUpdate) -> Vec<ConversationEvent> {
        let mut events = Vec::new();
        if let Some(assignee) = update.assignee.filter(|wanted| *wanted != self.assignee) {
            self.assignee = assignee;
            events
                .push(assignee.map_or(ConversationEvent::Unassigned, ConversationEvent::Assigned));
        }
        if let Some(status) = update.status.filter(|wanted| *wanted != self.status) {
            self.status = status;
            events.push(match status {
                Status::Open => ConversationEvent::Reopened,
                Status::Closed => ConversationEvent::Closed,
            });
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::ConversationId;

    use super::*;
    use crate::domain::{AuthorKind, MessageKind};

    #[test]
    fn only_real_changes_become_events() {
        let id = ConversationId(Uuid::nil());
        let mut conversation = Conversation::new(id, Timestamp::from_micros(0));
        conversation.append(AuthorKind::Contact, MessageKind::Text, Timestamp::from_micros(1));
        let ann = AgentId(Uuid::from_u128(1));
        let (actor, ids) = (Uuid::from_u128(2), [3, 4].map(|n| MessageId(Uuid::from_u128(n))));
        let update = ConversationUpdate { status: Some(Status::Closed), assignee: Some(Some(ann)) };
        let later = Timestamp::from_micros(2);
        let (messages, effects) = conversation.update(update, actor, ids, later);
        let texts: Vec<_> = messages.iter().map(|one| (one.seq, one.text.as_str())).collect();
        assert_eq!(texts, [(2, &*format!("assigned to {ann}")), (3, "closed")]);
        assert!(messages.iter().all(|one| one.prev_public_seq == 1));
        assert_eq!(
            (conversation.last_seq, conversation.last_public_seq, conversation.updated_at),
            (3, 1, later)
        );
        assert_eq!(effects.hints.len(), 2);
        assert!(matches!(
            effects.deliveries[..],
            [Delivery::ConversationClosed { event_id, last_seq: 3, .. }] if event_id == ids[1]
        ));
        let (messages, effects) =
            conversation.update(update, actor, ids, Timestamp::from_micros(3));
        assert!(messages.is_empty());
        assert_eq!(effects, Effects::default());
        assert_eq!((conversation.updated_at, conversation.agent.unread), (later, 1));
    }
}
