//! Storing a message and telling those who read along.

use onethread_core::{ConversationId, MessageId, OrganizationId, new_uuid};
use onethread_errors::{Error, Reason, Result};
use tracing::Instrument;
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Author, AuthorKind, Kind, Message, Text},
    live::{Change, Hint},
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
        let turn = self.turns.wait(draft.conversation).await?;
        let app = self.clone();
        let send = async move {
            let sent = app.store_and_tell(organization, draft).await;
            drop(turn);
            sent
        };
        // A caller who goes away must not keep a stored message from being told.
        tokio::spawn(send.in_current_span()).await.map_err(Error::internal)?
    }

    async fn store_and_tell(&self, organization: OrganizationId, draft: Draft) -> Result<Accepted> {
        let now = self.clock.now();
        let new = NewMessage {
            id: MessageId(new_uuid(now, &*self.entropy)),
            conversation: draft.conversation,
            author: draft.author,
            client_message_id: draft.client_message_id,
            kind: draft.kind,
            text: draft.text,
            now,
            delivery: new_uuid(now, &*self.entropy),
            reopening: MessageId(new_uuid(now, &*self.entropy)),
            begins: draft.begins,
        };
        match self.store.send(organization, new).await? {
            Sent::Stored { message, first_of_contact, reopened } => {
                if first_of_contact {
                    self.wake.wake();
                }
                for seq in reopened.into_iter().chain([message.seq]) {
                    let change = Change::Stored { seq };
                    self.live.tell(Hint::new(organization, message.conversation, change));
                }
                Ok(Accepted { message, repeated: false })
            }
            Sent::Repeated(message) => Ok(Accepted { message, repeated: true }),
            Sent::IdReused => Err(Error::new(Reason::MessageIdReused)),
            Sent::NoConversation => Err(Error::not_found()),
        }
    }
}
