//! Events: what happened to a conversation, stored as messages of the system.

use onethread_core::{ConversationId, MessageId, OrganizationId, Timestamp};
use onethread_db::{Conn, Result, Time, on};
use sqlx::query;
use uuid::Uuid;

use super::{
    NewChange, Told, What,
    interests::wanting,
    rows::{author_code, kind_code, status_code},
    sql,
    writes::lock,
};
use crate::domain::{Author, Conversation, Fact, Happening, Kind, Message, Text};

/// One event with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewEvent {
    pub(super) id: MessageId,
    pub(super) seq: i64,
    /// The last text before it, though contacts never see it.
    pub(super) prev_public_seq: i64,
    pub(super) happening: Happening,
    /// Who caused it; nil when nobody did.
    pub(super) cause: Uuid,
    pub(super) now: Timestamp,
}

impl NewEvent {
    /// The event as it is stored.
    pub(super) fn message(self, conversation: ConversationId) -> Message {
        Message {
            id: self.id,
            conversation,
            seq: self.seq,
            prev_public_seq: self.prev_public_seq,
            author: Author::system(self.cause),
            client_message_id: None,
            kind: Kind::Event,
            text: Text::stored(self.happening.text()),
            created_at: self.now,
        }
    }
}

/// Stores an event under a number that is taken for it.
async fn insert(conn: &mut Conn<'_>, organization: OrganizationId, event: Message) -> Result<()> {
    on!(&mut *conn, |c| query(sql::INSERT)
        .bind(organization.0)
        .bind(event.conversation.0)
        .bind(event.seq)
        .bind(event.id.0)
        .bind(event.client_message_id)
        .bind(author_code(event.author.kind))
        .bind(event.author.id)
        .bind(kind_code(event.kind))
        .bind(event.text.as_str())
        .bind(event.prev_public_seq)
        .bind(Time(event.created_at))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Writes the delivery that tells of a closed conversation, where it is wanted.
async fn tell_closed(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    conversation: &Conversation,
    event: MessageId,
    new: NewChange,
) -> Result<()> {
    if wanting(conn, [organization], Fact::ConversationClosed).await?.is_empty() {
        return Ok(());
    }
    let what = What::Closed {
        last_seq: conversation.last_seq,
        assignee_id: conversation.assignee.map(|agent| agent.0),
        closed_by: new.actor,
    };
    let told = Told { conversation_id: conversation.id.0, at: new.now.micros(), what };
    onethread_outbox::push(conn, told.entry(organization, event.0), new.now).await
}

/// Changes a conversation and stores an event for each thing that changed. Answers their numbers;
/// `None` for no such conversation.
pub(super) async fn change(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: NewChange,
) -> Result<Option<Vec<i64>>> {
    let Some(mut conversation) = lock(conn, organization, new.conversation).await? else {
        return Ok(None);
    };
    let happened = conversation.change(new.change, new.now);
    if happened.is_empty() {
        return Ok(Some(Vec::new()));
    }
    for (id, (seq, happening)) in new.events.into_iter().zip(&happened) {
        let event = NewEvent {
            id,
            seq: *seq,
            prev_public_seq: conversation.last_public_seq,
            happening: *happening,
            cause: new.actor,
            now: new.now,
        };
        insert(conn, organization, event.message(conversation.id)).await?;
    }
    on!(&mut *conn, |c| query(sql::CHANGED)
        .bind(organization.0)
        .bind(conversation.id.0)
        .bind(status_code(conversation.status))
        .bind(conversation.assignee.map(|agent| agent.0))
        .bind(conversation.last_seq)
        .bind(Time(conversation.updated_at))
        .execute(&mut **c)
        .await
        .map(drop))?;
    let closed = happened.iter().position(|(_, happening)| *happening == Happening::Closed);
    if let Some(at) = closed {
        tell_closed(conn, organization, &conversation, new.events[at], new).await?;
    }
    Ok(Some(happened.into_iter().map(|(seq, _)| seq).collect()))
}
