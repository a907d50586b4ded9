//! Sending a message.

use onethread_core::{ConversationId, MessageId, OrganizationId, new_uuid};
use onethread_errors::{Error, Reason, Result};
use uuid::Uuid;

use super::App;
use crate::domain::{Author, AuthorKind, Message, MessageKind, NewMessage, SendOutcome, Text};

/// A message as its author sends it.
#[derive(Debug, Clone)]
pub(crate) struct MessageInput {
    pub(crate) conversation: ConversationId,
    pub(crate) author: Author,
    pub(crate) client_message_id: Uuid,
    pub(crate) kind: MessageKind,
    pub(crate) text: Text,
    /// True when an agent may begin the conversation with it.
    pub(crate) may_begin: bool,
}

/// A message that is on disk.
#[derive(Debug)]
pub(crate) struct SentMessage {
    pub(crate) message: Message,
    /// True when an earlier call stored it.
    pub(crate) is_repeated: bool,
}

impl MessageInput {
    fn check(&self) -> Result<()> {
        if self.author.kind == AuthorKind::Contact {
            // A contact's conversation has the contact's id.
            if self.author.id != self.conversation.0 {
                return Err(Error::not_found());
            }
            if self.kind == MessageKind::Note {
                return Err(Error::new(Reason::Forbidden).with_detail("Only agents write notes."));
            }
        }
        Ok(())
    }
}

impl App {
    /// Stores a message once and notifies the readers.
    pub(crate) async fn send_message(
        &self,
        organization: OrganizationId,
        input: MessageInput,
    ) -> Result<SentMessage> {
        input.check()?;
        let now = self.clock.now();
        let new = NewMessage {
            id: MessageId(new_uuid(now, &*self.entropy)),
            organization,
            conversation: input.conversation,
            author: input.author,
            client_message_id: input.client_message_id,
            kind: input.kind,
            text: input.text,
            now,
            delivery_id: new_uuid(now, &*self.entropy),
            reopened_event_id: MessageId(new_uuid(now, &*self.entropy)),
            may_begin: input.may_begin,
            trace: onethread_telemetry::current_traceparent().into(),
        };
        match self.sends.send(new).await? {
            SendOutcome::Stored { message, .. } => Ok(SentMessage { message, is_repeated: false }),
            SendOutcome::Repeated(message) => Ok(SentMessage { message, is_repeated: true }),
            SendOutcome::IdReused => Err(Error::new(Reason::MessageIdReused)),
            SendOutcome::NoConversation => Err(Error::not_found()),
            // The queue retries these itself.
            SendOutcome::Locked => Err(conversation_is_locked()),
        }
    }
}

/// The answer to a send whose conversation stays locked for too long.
pub(super) fn conversation_is_locked() -> Error {
    Error::unavailable("another transaction holds the conversation")
}
