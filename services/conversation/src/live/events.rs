//! What a reader asks for and what it hears.

use onethread_core::{ConversationId, OrganizationId};

use crate::domain::{Message, Side, Summary};

/// Opens or closes a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Begin.
    Open(Open),
    /// End the one with this number.
    Close(u64),
}

/// Begins a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Chosen by the reader, never used twice on a stream.
    pub(crate) subscription: u64,
    pub(crate) organization: OrganizationId,
    /// Absent: all conversations, as agents see them.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) side: Side,
    /// With one conversation, where to go on; absent: from now.
    pub(crate) after: Option<i64>,
}

/// One event of one subscription.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The subscription it is for.
    pub(crate) subscription: u64,
    /// What happened.
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The subscription stands.
    Opened,
    /// A message was stored; the side is the reader's.
    Message(Box<Message>, Side),
    /// A side's read mark moved.
    Read { conversation: ConversationId, side: Side, seq: i64 },
    /// A side types, or no longer does.
    Typing { conversation: ConversationId, side: Side, typing: bool },
    /// A conversation changed, as agents see it.
    Conversation(Box<Summary>),
    /// The subscription is over; what was missed has to be fetched.
    Reload,
}
