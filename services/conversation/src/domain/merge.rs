//! Merging a conversation into another one: its messages follow the target's, after an event.

use onethread_core::{ConversationId, MessageId, Timestamp};
use uuid::Uuid;

use super::{
    Author, Conversation, ConversationEvent, Effects, HintKind, Message, MessageKind, ReadState,
    Side, Status,
};

/// A merge to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merge {
    /// The conversation that is removed.
    pub(crate) source: ConversationId,
    /// The conversation that gets its messages.
    pub(crate) target: ConversationId,
    /// Id of the merge, which is the event's.
    pub(crate) id: Uuid,
    pub(crate) now: Timestamp,
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeOutcome {
    /// The conversation that has the messages now; `None` when that was erased.
    pub(crate) target: Option<ConversationId>,
    /// True when this call removed the source.
    pub(crate) is_source_removed: bool,
    /// The last number in the target, where this call added messages.
    pub(crate) last_seq: Option<i64>,
}

/// The source's messages that are not in the target yet, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SourceCounts {
    pub(crate) messages: i64,
    /// Messages up to and including the last one that the contact sees.
    pub(crate) up_to_last_public: i64,
    /// Messages up to the contact's read mark.
    pub(crate) read_by_contact: i64,
    /// Messages up to the agents' read mark.
    pub(crate) read_by_agents: i64,
    /// Texts of agents, and those after the contact's read mark.
    pub(crate) agent_texts: i64,
    pub(crate) agent_texts_unread: i64,
    /// Texts of the contact, and those after the agents' read mark.
    pub(crate) contact_texts: i64,
    pub(crate) contact_texts_unread: i64,
}

/// What a merge writes into the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergePlan {
    /// The event before the messages.
    pub(crate) event: Message,
    /// The target afterwards.
    pub(crate) target: Conversation,
}

impl MergePlan {
    /// The number that the first message follows that the contact sees.
    pub(crate) fn prev_public_seq(&self) -> i64 {
        let event = &self.event;
        if event.kind.visible_to(Side::Contact) { event.seq } else { event.prev_public_seq }
    }
}

impl MergeOutcome {
    /// Nothing changed.
    pub(crate) fn unchanged(target: Option<ConversationId>) -> Self {
        Self { target, is_source_removed: false, last_seq: None }
    }

    /// The hints for those who read the two conversations.
    pub(crate) fn effects(&self, source: ConversationId) -> Effects {
        let mut effects = Effects::default();
        if self.is_source_removed {
            let was_listed = self.last_seq.is_some();
            effects.hint(source, HintKind::ConversationRemoved { was_listed });
        }
        if let Some((target, seq)) = self.target.zip(self.last_seq) {
            effects.hint(target, HintKind::MessageStored { seq });
        }
        effects
    }
}

/// Plans a merge. `None` when the source has nothing that the target doesn't have.
pub(crate) fn plan_merge(
    source: &Conversation,
    target: Conversation,
    counts: &SourceCounts,
    merge: &Merge,
) -> Option<MergePlan> {
    if counts.messages == 0 {
        return None;
    }
    // Where the contact sees none of the messages, it sees no event either.
    let is_public = source.last_public_seq > 0;
    let event = Message {
        id: MessageId(merge.id),
        conversation: target.id,
        seq: target.last_seq + 1,
        prev_public_seq: target.last_public_seq,
        author: Author::system(source.id.0),
        client_message_id: None,
        kind: if is_public { MessageKind::PublicEvent } else { MessageKind::Event },
        text: ConversationEvent::Merged(source.id).text(),
        created_at: merge.now,
    };
    let contact = [counts.read_by_contact, counts.agent_texts, counts.agent_texts_unread];
    let agents = [counts.read_by_agents, counts.contact_texts, counts.contact_texts_unread];
    let last_public_seq = match counts.up_to_last_public {
        0 if is_public => event.seq,
        0 => target.last_public_seq,
        count => event.seq + count,
    };
    let is_open = target.status == Status::Open || source.status == Status::Open;
    let target = Conversation {
        status: if is_open { Status::Open } else { Status::Closed },
        assignee: target.assignee.or(source.assignee),
        last_seq: event.seq + counts.messages,
        last_public_seq,
        contact: merged_read_state(target.contact, event.seq, contact),
        agent: merged_read_state(target.agent, event.seq, agents),
        contact_wrote: target.contact_wrote || source.contact_wrote,
        updated_at: merge.now,
        id: target.id,
    };
    Some(MergePlan { event, target })
}

/// A side that has read all of the target keeps what it has read of the source. For any other
/// side the mark stays, since it can't skip unread texts, and the source's texts are unread.
fn merged_read_state(
    target: ReadState,
    event_seq: i64,
    [read, texts, texts_unread]: [i64; 3],
) -> ReadState {
    if target.unread == 0 && read > 0 {
        ReadState { read_seq: event_seq + read, unread: texts_unread }
    } else {
        ReadState { read_seq: target.read_seq, unread: target.unread + texts }
    }
}

#[cfg(test)]
mod tests;
