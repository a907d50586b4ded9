//! A message that is sent, and its result.

use std::sync::Arc;

use onethread_core::{ConversationId, MessageId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::{Author, AuthorKind, ConversationKey, Message, MessageKind, Text};

/// A message to store.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub(crate) id: MessageId,
    pub(crate) organization: OrganizationId,
    pub(crate) conversation: ConversationId,
    pub(crate) author: Author,
    pub(crate) client_message_id: Uuid,
    pub(crate) kind: MessageKind,
    pub(crate) text: Text,
    pub(crate) now: Timestamp,
    /// Id of the delivery to identity, if this is the contact's first message.
    pub(crate) delivery_id: Uuid,
    /// Id of the event, if this reopens the conversation.
    pub(crate) reopened_event_id: MessageId,
    /// True when an agent may begin the conversation with it.
    pub(crate) may_begin: bool,
    /// The trace of the send, for deliveries and live readers.
    pub(crate) trace: Arc<str>,
}

impl NewMessage {
    /// The conversation that it names.
    pub(crate) fn key(&self) -> ConversationKey {
        (self.organization, self.conversation)
    }

    /// The message that is stored under a number.
    pub(crate) fn message(&self, seq: i64, prev_public_seq: i64) -> Message {
        Message {
            id: self.id,
            conversation: self.conversation,
            seq,
            prev_public_seq,
            author: self.author,
            client_message_id: Some(self.client_message_id),
            kind: self.kind,
            text: self.text.clone(),
            created_at: self.now,
        }
    }

    /// Redirects it to the conversation that its own one was merged into. A contact's message
    /// becomes the other contact's.
    pub(crate) fn redirect(&mut self, target: ConversationId) {
        self.conversation = target;
        if self.author.kind == AuthorKind::Contact {
            self.author.id = target.0;
        }
    }
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// The message is on disk.
    Stored {
        message: Message,
        /// True when a delivery was written with it.
        has_delivery: bool,
        /// The number of the event, where it reopened the conversation.
        reopened_seq: Option<i64>,
    },
    /// The same author sent the same before.
    Repeated(Message),
    /// The same author used this client id for another message.
    IdReused,
    /// There is no such conversation, and this author can't begin it.
    NoConversation,
    /// Another transaction holds the conversation, such as a long merge. Nothing was done.
    Locked,
}

impl SendOutcome {
    /// The message, if this send stored it.
    pub(crate) fn stored(&self) -> Option<&Message> {
        match self {
            Self::Stored { message, .. } => Some(message),
            _ => None,
        }
    }
}
