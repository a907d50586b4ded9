//! A message: who wrote it, who may see it.

use onethread_core::{ConversationId, MessageId, Timestamp};
use uuid::Uuid;

use super::Text;

/// Whose eyes a thread is read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The contact, who sees texts, and marks of the thread.
    Contact,
    /// The agents, who see everything.
    Agent,
}

/// What an author is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AuthorKind {
    /// The contact of the conversation.
    Contact,
    /// An agent, or a company's server in an agent's place.
    Agent,
    /// Onethread itself, telling what happened.
    System,
}

impl AuthorKind {
    /// The side it writes from; the system sees what agents see.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Contact => Side::Contact,
            Self::Agent | Self::System => Side::Agent,
        }
    }
}

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Author {
    /// Contact, agent or system.
    pub(crate) kind: AuthorKind,
    /// Contact, agent or API key. Of an event whoever caused it, nil when nobody did.
    pub(crate) id: Uuid,
}

impl Author {
    /// Onethread itself, because of what somebody did; nil for nobody.
    pub(crate) fn system(cause: Uuid) -> Self {
        Self { kind: AuthorKind::System, id: cause }
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Words for both sides.
    Text,
    /// Words that agents alone see.
    Note,
    /// Something that happened; agents alone see it.
    Event,
    /// Something that happened to the thread itself; both sides see it.
    Mark,
}

impl Kind {
    /// True when that side sees such messages.
    pub(crate) fn visible_to(self, side: Side) -> bool {
        matches!(self, Self::Text | Self::Mark) || side == Side::Agent
    }
}

/// A stored message. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) conversation: ConversationId,
    /// Number in the conversation, from 1 without a gap.
    pub(crate) seq: i64,
    /// The message before it that a contact can see; 0 when there is none.
    pub(crate) prev_public_seq: i64,
    pub(crate) author: Author,
    pub(crate) client_message_id: Option<Uuid>,
    pub(crate) kind: Kind,
    pub(crate) text: Text,
    pub(crate) created_at: Timestamp,
}

impl Message {
    /// The message before it that this side can see; 0 when there is none.
    pub(crate) fn prev_seq(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.prev_public_seq,
            Side::Agent => self.seq - 1,
        }
    }
}
