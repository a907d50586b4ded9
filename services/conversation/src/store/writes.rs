//! What writing transactions do, on one connection.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use onethread_outbox::Entry;
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    FIRST_MESSAGE, FirstMessage, Marked, NewMessage, Sent,
    events::{self, NewEvent},
    reads::{Place, one, place},
    rows::{MessageRow, author_code, kind_code, status_code},
    sql,
};
use crate::domain::{Appended, AuthorKind, Conversation, Happening, Kind, Message, Side, Status};

pub(super) async fn send(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    mut new: NewMessage,
) -> Result<Sent> {
    let Some(mut conversation) = lock_or_begin(conn, organization, &mut new).await? else {
        return Ok(Sent::NoConversation);
    };
    let appended = conversation.append(new.author.kind, new.kind, new.now);
    if !insert(conn, organization, &new, appended).await? {
        let stored = sent_before(conn, organization, &new).await?;
        let same = stored.kind == new.kind && stored.text == new.text;
        return Ok(if same { Sent::Repeated(stored) } else { Sent::IdReused });
    }
    if let Some(seq) = appended.reopened {
        let event = NewEvent {
            id: new.reopening,
            seq,
            prev_public_seq: appended.prev_public_seq,
            happening: Happening::Reopened,
            cause: Uuid::nil(),
            now: new.now,
        };
        events::insert(conn, organization, conversation.id, event).await?;
    }
    on!(&mut *conn, |c| query(sql::APPENDED)
        .bind(organization.0)
        .bind(conversation.id.0)
        .bind(status_code(conversation.status))
        .bind(conversation.last_seq)
        .bind(conversation.last_public_seq)
        .bind(conversation.contact.unread)
        .bind(conversation.agent.unread)
        .bind(conversation.contact_wrote)
        .bind(Time(conversation.updated_at))
        .execute(&mut **c)
        .await
        .map(drop))?;
    if appended.first_of_contact {
        let told = FirstMessage { contact_id: new.conversation.0 };
        let entry = Entry {
            organization_id: organization,
            id: new.delivery,
            topic: FIRST_MESSAGE.to_owned(),
            payload: serde_json::to_string(&told).expect("an id is JSON"),
        };
        onethread_outbox::push(conn, entry, new.now).await?;
    }
    let message = Message {
        id: new.id,
        conversation: new.conversation,
        seq: appended.seq,
        prev_public_seq: appended.prev_public_seq,
        author: new.author,
        client_message_id: Some(new.client_message_id),
        kind: new.kind,
        text: new.text,
        created_at: new.now,
    };
    let Appended { first_of_contact, reopened, .. } = appended;
    Ok(Sent::Stored { message, first_of_contact, reopened })
}

/// Looks a send takes at a conversation that other processes change.
const LOOKS: usize = 4;

/// The conversation, kept from other writers; begun where there is none by its contact, or by an
/// agent who may. A send to one that was folded goes on to where its messages are.
async fn lock_or_begin(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &mut NewMessage,
) -> Result<Option<Conversation>> {
    for _ in 0..LOOKS {
        let found = lock(conn, organization, new.conversation).await?;
        if found.is_some() {
            return Ok(found);
        }
        let may_begin = new.begins || new.author.kind == AuthorKind::Contact;
        match place(conn, organization, new.conversation).await? {
            Place::Folded(into) => new.follow(into),
            Place::Erased => return Ok(None),
            // Begun or folded between the two looks.
            Place::Live => {}
            Place::Nowhere if !may_begin => return Ok(None),
            Place::Nowhere => begin(conn, organization, new.conversation, new.now).await?,
        }
    }
    Err(Error::Conflict)
}

/// Makes the row of a conversation, unless there is one.
pub(super) async fn begin(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> Result<()> {
    on!(&mut *conn, |c| query(sql::BEGIN)
        .bind(organization.0)
        .bind(id.0)
        .bind(status_code(Status::Open))
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

pub(super) async fn lock(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let text = conn.pick(sql::LOCK_SQLITE, sql::LOCK_POSTGRES);
    one(conn, text, organization, id).await
}

/// False when the author used the client's id before.
async fn insert(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &NewMessage,
    appended: Appended,
) -> Result<bool> {
    let rows = on!(&mut *conn, |c| query(sql::INSERT)
        .bind(organization.0)
        .bind(new.conversation.0)
        .bind(appended.seq)
        .bind(new.id.0)
        .bind(new.client_message_id)
        .bind(author_code(new.author.kind))
        .bind(new.author.id)
        .bind(kind_code(new.kind))
        .bind(new.text.as_str())
        .bind(appended.prev_public_seq)
        .bind(Time(new.now))
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

async fn sent_before(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &NewMessage,
) -> Result<Message> {
    let row: MessageRow = on!(&mut *conn, |c| query_as(sql::SENT_BEFORE)
        .bind(organization.0)
        .bind(new.conversation.0)
        .bind(author_code(new.author.kind))
        .bind(new.author.id)
        .bind(new.client_message_id)
        .fetch_one(&mut **c)
        .await)?;
    row.try_into()
}

pub(super) async fn mark_read(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    seq: i64,
) -> Result<Option<Marked>> {
    let Some(mut conversation) = lock(conn, organization, id).await? else { return Ok(None) };
    let before = conversation.reader(side).read_seq;
    let Some(seq) = conversation.next_mark(side, seq) else {
        return Ok(Some(Marked { seq: before, moved: false }));
    };
    let others = match side {
        Side::Contact => AuthorKind::Agent,
        Side::Agent => AuthorKind::Contact,
    };
    let passed = texts(conn, organization, id, others, before, seq).await?;
    conversation.read_to(side, seq, passed);
    on!(&mut *conn, |c| query(sql::MARKED)
        .bind(organization.0)
        .bind(id.0)
        .bind(conversation.contact.read_seq)
        .bind(conversation.contact.unread)
        .bind(conversation.agent.read_seq)
        .bind(conversation.agent.unread)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(Some(Marked { seq, moved: true }))
}

/// How many texts somebody wrote behind one number, up to another.
pub(super) async fn texts(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    author: AuthorKind,
    behind: i64,
    up_to: i64,
) -> Result<i64> {
    Ok(on!(&mut *conn, |c| query_scalar(sql::PASSED)
        .bind(organization.0)
        .bind(id.0)
        .bind(behind)
        .bind(up_to)
        .bind(author_code(author))
        .bind(kind_code(Kind::Text))
        .fetch_one(&mut **c)
        .await)?)
}
