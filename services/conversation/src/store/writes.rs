//! What writing transactions do, on one connection. Sends: see `batch`.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_scalar};

use super::{
    Marked,
    reads::one,
    rows::{author_code, kind_code, status_code},
    sql,
};
use crate::domain::{AuthorKind, Conversation, Kind, Side, Status};

/// Makes the row of a conversation that had none. One that another process made meanwhile is a
/// conflict: it has to be looked at, and locked in its turn.
pub(super) async fn begin(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> Result<Conversation> {
    let begun = on!(&mut *conn, |c| query(sql::BEGIN)
        .bind(organization.0)
        .bind(id.0)
        .bind(status_code(Status::Open))
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    if begun == 1 { Ok(Conversation::begin(id, now)) } else { Err(Error::Conflict) }
}

pub(super) async fn lock(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let text = conn.pick(sql::LOCK_SQLITE, sql::LOCK_POSTGRES);
    one(conn, text, organization, id).await
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
