//! The commands and events of a stream.

use onethread_core::{ConversationId, OrganizationId};

use crate::domain::{Message, Side, Summary};

/// Opens or closes a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Open(OpenCommand),
    /// Closes the subscription with this id.
    Close(u64),
}

/// Opens a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCommand {
    /// Chosen by the reader, and used once on a stream.
    pub(crate) subscription: u64,
    pub(crate) organization: OrganizationId,
    /// Absent for all conversations, as agents see them.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) side: Side,
    /// For one conversation, the number to continue after; absent for new messages only.
    pub(crate) after: Option<i64>,
}

/// An event of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) subscription: u64,
    pub(crate) kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    /// The subscription is open.
    Opened,
    /// A message was stored; the side is the reader's.
    Message(Box<Message>, Side),
    /// A side's read mark moved.
    ReadMarkMoved { conversation: ConversationId, side: Side, seq: i64 },
    /// A side started or stopped typing.
    Typing { conversation: ConversationId, side: Side, is_typing: bool },
    /// A conversation changed, as agents see it.
    Conversation(Box<Summary>),
    /// The subscription is closed; the reader has to fetch what it missed.
    Reload,
}
