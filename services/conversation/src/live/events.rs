//! The commands and events of a stream.

use std::sync::Arc;

use onethread_core::{ConversationId, OrganizationId};

use crate::domain::{Message, Side, Summary};

/// Opens or closes a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Open(OpenCommand),
    /// Closes the subscription with this id.
    Close(u64),
    /// Can't be executed: ends the subscription with this id. The text says what is wrong.
    Invalid(u64, String),
}

/// Opens a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCommand {
    /// Chosen by the reader, from 1, and used once on a stream.
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
    /// The trace of its delivery. Empty for events that aren't traced, such as typing.
    pub(crate) trace: Arc<str>,
}

impl Event {
    /// An event outside a trace.
    pub(super) fn untraced(subscription: u64, kind: EventKind) -> Self {
        Self { subscription, kind, trace: Arc::default() }
    }

    /// An event in a trace.
    pub(super) fn new(subscription: u64, kind: EventKind, trace: &Arc<str>) -> Self {
        Self { subscription, kind, trace: trace.clone() }
    }
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
    /// The subscription has ended.
    Ended(EndReason),
    /// Nothing happened for a while. It belongs to no subscription, which is 0.
    Heartbeat,
}

/// Why a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The reader closed it.
    Closed,
    /// The reader has a number that doesn't exist here.
    UnknownPosition,
    /// More has changed than can be delivered.
    FellBehind,
    /// Its conversation, or one of all of them, was merged or erased.
    ConversationEnded,
    /// The stream has too many subscriptions.
    TooMany,
    /// The command was invalid. The text says what is wrong.
    Invalid(String),
}
