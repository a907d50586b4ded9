//! What happened in a conversation, as webhooks are told of it.

use onethread_core::{AgentId, ContactId, Timestamp};
use uuid::Uuid;

use crate::domain::webhook::Event;

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    /// Its id, which the deliveries have as well; of a message the message's own.
    pub(crate) id: Uuid,
    /// Whose conversation.
    pub(crate) contact: ContactId,
    pub(crate) at: Timestamp,
    pub(crate) what: What,
}

/// What it was.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A text was stored.
    Message {
        seq: i64,
        /// The text before it.
        prev_seq: i64,
        /// Agent or API key; absent when the contact wrote it.
        agent: Option<Uuid>,
        client_message_id: Uuid,
        text: String,
    },
    /// The conversation was closed.
    Closed { last_seq: i64, assignee: Option<AgentId>, by: Uuid },
}

impl Fact {
    /// What webhooks call it.
    pub(crate) fn event(&self) -> Event {
        match self.what {
            What::Message { .. } => Event::MessageCreated,
            What::Closed { .. } => Event::ConversationClosed,
        }
    }

    /// The agent, or API key, who did it.
    pub(crate) fn agent(&self) -> Option<Uuid> {
        match self.what {
            What::Message { agent, .. } => agent,
            What::Closed { by, .. } => Some(by),
        }
    }
}
