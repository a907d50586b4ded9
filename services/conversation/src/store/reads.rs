//! Reading on one connection, in a transaction or outside.

use futures::{Stream, StreamExt, TryStreamExt};
use onethread_core::{ConversationId, OrganizationId, PageSize};
use onethread_db::{Conn, Result, on};
use sqlx::query_as;
use uuid::Uuid;

use super::{
    Position,
    rows::{ConversationRow, ENDED, MessageRow, kind_code},
    sql, sql_ends,
};
use crate::domain::{Conversation, Kind, Message, Side};

/// Bytes after which a page ends, so that it stays far below what one gRPC message may hold.
const PAGE_BYTES: usize = 1 << 20;

pub(super) async fn get(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    one(conn, sql::GET, organization, id).await
}

pub(super) async fn one(
    conn: &mut Conn<'_>,
    text: &'static str,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let row: Option<ConversationRow> = on!(&mut *conn, |c| query_as(text)
        .bind(organization.0)
        .bind(id.0)
        .fetch_optional(&mut **c)
        .await)?;
    row.map(Conversation::try_from).transpose()
}

/// What stands under a conversation's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// No row.
    Nowhere,
    /// A conversation.
    Live,
    /// The mark of one whose messages stand in another.
    Folded(ConversationId),
    /// The mark of one that is forgotten.
    Erased,
}

pub(super) async fn place(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Place> {
    let row: Option<(i64, Option<Uuid>)> = on!(&mut *conn, |c| query_as(sql_ends::PLACE)
        .bind(organization.0)
        .bind(id.0)
        .fetch_optional(&mut **c)
        .await)?;
    Ok(match row {
        None => Place::Nowhere,
        Some((ENDED, Some(into))) => Place::Folded(ConversationId(into)),
        Some((ENDED, None)) => Place::Erased,
        Some(_) => Place::Live,
    })
}

/// The conversation that a side reads under an id: agents read on where one was folded into. To
/// the contact it has ended; whoever has its token is not known to be the other one's.
pub(super) async fn read_as(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
) -> Result<Option<Conversation>> {
    let found = get(conn, organization, id).await?;
    if found.is_some() || side != Side::Agent {
        return Ok(found);
    }
    match place(conn, organization, id).await? {
        Place::Folded(into) => get(conn, organization, into).await,
        _ => Ok(None),
    }
}

/// A run of messages, ascending; those nearest to the position where not all fit. True when more
/// may lie beyond them.
pub(super) async fn page(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    position: Position,
    size: PageSize,
) -> Result<(Vec<Message>, bool)> {
    let (text, seq) = match position {
        Position::After(seq) => (sql::AFTER, seq),
        Position::Before(seq) => (sql::BEFORE, seq),
        Position::Newest => (sql::BEFORE, i64::MAX),
    };
    let (first, last) = match side {
        Side::Contact => (kind_code(Kind::Text), kind_code(Kind::Text)),
        Side::Agent => (kind_code(Kind::Text), kind_code(Kind::Event)),
    };
    let (mut rows, cut) = on!(&mut *conn, |c| {
        let rows = query_as(text)
            .bind(organization.0)
            .bind(id.0)
            .bind(seq)
            .bind(first)
            .bind(last)
            .bind(size.limit_and_one() - 1)
            .fetch(&mut **c);
        fill(rows, MessageRow::weight).await
    })?;
    if text == sql::BEFORE {
        rows.reverse();
    }
    let more = cut || rows.len() == size.rows();
    Ok((rows.into_iter().map(Message::try_from).collect::<Result<_>>()?, more))
}

/// Takes rows until the page is full, at least one. True when rows were left.
pub(super) async fn fill<R>(
    rows: impl Stream<Item = sqlx::Result<R>> + Send,
    weight: impl Fn(&R) -> usize,
) -> Result<(Vec<R>, bool)> {
    let mut rows = std::pin::pin!(rows.fuse());
    let mut page = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        bytes += weight(&row);
        if bytes > PAGE_BYTES && !page.is_empty() {
            return Ok((page, true));
        }
        page.push(row);
    }
    Ok((page, false))
}
