//! What follows from a change. Functions of the domain return [`Effects`]; `store/effects.rs`
//! writes their outbox rows in the change's transaction, `app/effects.rs` publishes their hints
//! after its commit.

use onethread_core::{AgentId, ConversationId, MessageId, Timestamp};
use uuid::Uuid;

use super::{Message, Side, WebhookEvent};

/// What follows from a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Outbox rows for identity.
    pub(crate) deliveries: Vec<Delivery>,
    /// Hints for live readers.
    pub(crate) hints: Vec<(ConversationId, HintKind)>,
}

/// An outbox row for identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A contact wrote for the first time.
    FirstMessage { id: Uuid, contact: ConversationId },
    /// A text was stored. Its id is the delivery's.
    MessageCreated(Message),
    /// A conversation was closed. The id of the event message is the delivery's.
    ConversationClosed {
        event_id: MessageId,
        conversation: ConversationId,
        last_seq: i64,
        assignee: Option<AgentId>,
        closed_by: Uuid,
        closed_at: Timestamp,
    },
}

impl Delivery {
    /// The webhook event that it reports. It is written only where identity wants that event.
    pub(crate) fn webhook_event(&self) -> Option<WebhookEvent> {
        match self {
            Self::FirstMessage { .. } => None,
            Self::MessageCreated(_) => Some(WebhookEvent::MessageCreated),
            Self::ConversationClosed { .. } => Some(WebhookEvent::ConversationClosed),
        }
    }
}

/// What live readers look up in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HintKind {
    /// A message was stored under this number.
    MessageStored { seq: i64 },
    /// A side's read mark moved to this number.
    ReadMarkMoved { side: Side, seq: i64 },
    /// A side started or stopped typing.
    Typing { side: Side, is_typing: bool },
    /// The conversation was merged or erased; `was_listed` where agents had it in their list.
    ConversationRemoved { was_listed: bool },
}

impl Effects {
    /// Adds an outbox row.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.deliveries.push(delivery);
    }

    /// Adds a hint.
    pub(crate) fn hint(&mut self, conversation: ConversationId, kind: HintKind) {
        self.hints.push((conversation, kind));
    }
}
