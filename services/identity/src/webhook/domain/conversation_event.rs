//! Events of conversations, as the conversation service reports them.

use onethread_core::{AgentId, ContactId, Timestamp};
use uuid::Uuid;

use super::event::Event;

/// An event of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct ConversationEvent {
    /// Its id, which the deliveries have as well. For a message the message's id.
    pub(crate) id: Uuid,
    /// The contact of the conversation.
    pub(crate) contact: ContactId,
    pub(crate) at: Timestamp,
    pub(crate) kind: ConversationEventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum ConversationEventKind {
    /// A message was stored.
    Message {
        seq: i64,
        /// Sequence number of the message before it.
        prev_seq: i64,
        /// The agent or API key; `None` when the contact wrote it.
        agent: Option<Uuid>,
        client_message_id: Uuid,
        text: String,
    },
    /// The conversation was closed.
    Closed { last_seq: i64, assignee: Option<AgentId>, by: Uuid },
}

impl ConversationEvent {
    /// Which event of webhooks it is.
    pub(crate) fn event(&self) -> Event {
        match self.kind {
            ConversationEventKind::Message { .. } => Event::MessageCreated,
            ConversationEventKind::Closed { .. } => Event::ConversationClosed,
        }
    }

    /// The agent or API key that caused it.
    pub(crate) fn agent(&self) -> Option<Uuid> {
        match self.kind {
            ConversationEventKind::Message { agent, .. } => agent,
            ConversationEventKind::Closed { by, .. } => Some(by),
        }
    }
}
