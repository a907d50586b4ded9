//! Sending a message.

use onethread_core::{ConversationId, MessageId, OrganizationId, new_uuid};
use onethread_errors::{Error, Reason, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Author, AuthorKind, Kind, Message, Text},
    store::{NewMessage, Sent},
};

/// A message as its sender gives it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) conversation: ConversationId,
    pub(crate) author: Author,
    pub(crate) client_message_id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) text: Text,
    /// True when an agent writes first.
    pub(crate) begins: bool,
}

/// A message that is on disk.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) message: Message,
    /// True when an earlier call stored it.
    pub(crate) repeated: bool,
}

impl Draft {
    fn check(&self) -> Result<()> {
        if self.author.kind == AuthorKind::Contact {
            // A contact's conversation has the contact's id; any other is none of theirs.
            if self.author.id != self.conversation.0 {
                return Err(Error::not_found());
            }
            if self.kind == Kind::Note {
                return Err(Error::new(Reason::Forbidden).because("Only agents write notes."));
            }
        }
        Ok(())
    }
}

impl App {
    /// Stores a message once and tells the readers of it.
    pub(crate) async fn send_message(
        &self,
        organization: OrganizationId,
        draft: Draft,
    ) -> Result<Accepted> {
        draft.check()?;
        let now = self.clock.now();
        let new = NewMessage {
            id: MessageId(new_uuid(now, &*self.entropy)),
            organization,
            conversation: draft.conversation,
            author: draft.author,
            client_message_id: draft.client_message_id,
            kind: draft.kind,
            text: draft.text,
            now,
            delivery: new_uuid(now, &*self.entropy),
            reopening: MessageId(new_uuid(now, &*self.entropy)),
            begins: draft.begins,
            trace: onethread_telemetry::text().into(),
        };
        match self.queue.send(new).await? {
            Sent::Stored { message, .. } => Ok(Accepted { message, repeated: false }),
            Sent::Repeated(message) => Ok(Accepted { message, repeated: true }),
            Sent::IdReused => Err(Error::new(Reason::MessageIdReused)),
            Sent::NoConversation => Err(Error::not_found()),
            // The queue answers only what is settled.
            Sent::Kept => Err(Error::unavailable("the conversation is kept by somebody else")),
        }
    }
}
