//! A message: who wrote it, who may see it.

use onethread_core::{ConversationId, MessageId, Timestamp};
use strum::FromRepr;
use uuid::Uuid;

use super::Text;

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The contact, who sees texts and public events.
    Contact,
    /// The agents, who see everything.
    Agent,
}

/// Kinds of authors. The numbers are those in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromRepr)]
#[repr(i64)]
pub(crate) enum AuthorKind {
    /// The contact of the conversation.
    Contact = 1,
    /// An agent, or an organization's server that writes as an agent.
    Agent = 2,
    /// Onethread itself, the author of events.
    System = 3,
}

impl AuthorKind {
    /// The side it writes from; the system sees what agents see.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Contact => Side::Contact,
            Self::Agent | Self::System => Side::Agent,
        }
    }

    /// The number in storage.
    pub(crate) fn code(self) -> i64 {
        self as i64
    }
}

impl Side {
    /// The authors whose texts are unread for this side.
    pub(crate) fn other_author(self) -> AuthorKind {
        match self {
            Self::Contact => AuthorKind::Agent,
            Self::Agent => AuthorKind::Contact,
        }
    }
}

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Author {
    /// Contact, agent or system.
    pub(crate) kind: AuthorKind,
    /// Contact, agent or API key. For an event, the id of what caused it, or nil.
    pub(crate) id: Uuid,
}

impl Author {
    /// The author of an event; `cause` is nil where no agent or key caused it.
    pub(crate) fn system(cause: Uuid) -> Self {
        Self { kind: AuthorKind::System, id: cause }
    }
}

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MessageKind {
    /// A text for both sides.
    Text,
    /// A text that only agents see.
    Note,
    /// Something that happened to the conversation; only agents see it.
    Event,
    /// An event that both sides see: a merge.
    PublicEvent,
}

impl MessageKind {
    /// True when that side sees such messages.
    pub(crate) fn visible_to(self, side: Side) -> bool {
        matches!(self, Self::Text | Self::PublicEvent) || side == Side::Agent
    }
}

/// A stored message. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) conversation: ConversationId,
    /// Sequence number in the conversation, from 1 without a gap.
    pub(crate) seq: i64,
    /// Number of the message before it that a contact sees; 0 when there is none.
    pub(crate) prev_public_seq: i64,
    pub(crate) author: Author,
    pub(crate) client_message_id: Option<Uuid>,
    pub(crate) kind: MessageKind,
    pub(crate) text: Text,
    pub(crate) created_at: Timestamp,
}

impl Message {
    /// Number of the message before it that this side sees; 0 when there is none.
    pub(crate) fn prev_seq(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.prev_public_seq,
            Side::Agent => self.seq - 1,
        }
    }
}
