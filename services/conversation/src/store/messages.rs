//! Rows of `messages`.

use onethread_core::{ConversationId, OrganizationId, PageSize};
use onethread_db::{Connection, Result, Time};

use super::{
    rows::{MessageRow, cut_page, kind_code},
    sql::{fitting, message_columns},
};
use crate::domain::{Conversation, Message, MessageKind, Side, Summary};

macro_rules! rows {
    ($beyond:literal, $order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq ",
            $beyond,
            " $3 AND m.kind BETWEEN $4 AND $5 ORDER BY m.seq ",
            $order,
            " LIMIT $6"
        )
    };
}

/// Rows of a page that is read whole. The start of a chat reads one, and a sum of its bytes costs
/// as much as the rows themselves.
const MAX_WHOLE_PAGE_ROWS: usize = 50;

/// Organization, conversation, number, first and last code of the kinds, limit.
const ROWS_AFTER: &str = rows!(">", "ASC");
const ROWS_BEFORE: &str = rows!("<", "DESC");
/// The same, without the rows that don't fit into the page's bytes.
const FITTING_ROWS_AFTER: &str = fitting!("r.seq ASC", rows!(">", "ASC"));
const FITTING_ROWS_BEFORE: &str = fitting!("r.seq DESC", rows!("<", "DESC"));

/// Organization, conversation, number.
const BY_SEQ: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq = $3"
);

/// Organization, conversation, number before, last number, kind of the author, kind. A message is
/// counted once for each side, because read marks only move forward.
const COUNT: &str = "SELECT count(*) FROM messages m
    WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq > $3 AND m.seq <= $4
        AND m.author_kind = $5 AND m.kind = $6";

const INSERT: &str =
    "INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
        author_kind, author_id, kind, body, prev_public_seq, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Organization, conversation.
const DELETE_ALL: &str = "DELETE FROM messages WHERE organization_id = $1 AND conversation_id = $2";

/// Where a page of messages is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PagePosition {
    /// Right after this number.
    After(i64),
    /// Right before this number.
    Before(i64),
    /// At the end.
    Newest,
}

/// Messages in ascending order.
#[derive(Debug)]
pub(crate) struct MessagePage {
    pub(crate) messages: Vec<Message>,
    /// True when more may follow beyond them.
    pub(crate) has_more: bool,
}

/// The messages nearest to the position that a side sees. Long ones make the page shorter.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    position: PagePosition,
    size: PageSize,
) -> Result<MessagePage> {
    let (is_ascending, seq) = match position {
        PagePosition::After(seq) => (true, seq),
        PagePosition::Before(seq) => (false, seq),
        PagePosition::Newest => (false, i64::MAX),
    };
    let text = match (size.rows() <= MAX_WHOLE_PAGE_ROWS, is_ascending) {
        (true, true) => ROWS_AFTER,
        (true, false) => ROWS_BEFORE,
        (false, true) => FITTING_ROWS_AFTER,
        (false, false) => FITTING_ROWS_BEFORE,
    };
    let last_kind = match side {
        Side::Contact => MessageKind::Text,
        Side::Agent => MessageKind::Event,
    };
    let query = conn.query(text).bind(organization.0).bind(id.0).bind(seq);
    let query = query.bind(kind_code(MessageKind::Text)).bind(kind_code(last_kind));
    let mut rows: Vec<MessageRow> = query.bind(size.limit_plus_one() - 1).all().await?;
    let is_cut = cut_page(&mut rows, |row| row);
    if !is_ascending {
        rows.reverse();
    }
    let has_more = is_cut || rows.len() == size.rows();
    let messages = rows.into_iter().map(Message::try_from).collect::<Result<_>>()?;
    Ok(MessagePage { messages, has_more })
}

/// A conversation with the last message that a side sees.
pub(crate) async fn with_last(
    conn: &mut Connection,
    organization: OrganizationId,
    conversation: Conversation,
    side: Side,
) -> Result<Summary> {
    let query = conn.query(BY_SEQ).bind(organization.0).bind(conversation.id.0);
    let last: Option<MessageRow> = query.bind(conversation.last_seq(side)).optional().await?;
    let last_message = last.map(Message::try_from).transpose()?;
    Ok(Summary { conversation, last_message })
}

/// Counts the texts that are unread for a side after one number, up to another.
pub(crate) async fn count_texts(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    after: i64,
    up_to: i64,
) -> Result<i64> {
    let count = conn.query(COUNT).bind(organization.0).bind(id.0).bind(after).bind(up_to);
    let count = count.bind(side.other_author().code()).bind(kind_code(MessageKind::Text));
    count.scalar().await
}

/// Inserts a message under a number that was taken for it.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    message: &Message,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(organization.0).bind(message.conversation.0);
    let insert = insert.bind(message.seq).bind(message.id.0).bind(message.client_message_id);
    let insert = insert.bind(message.author.kind.code()).bind(message.author.id);
    let insert = insert.bind(kind_code(message.kind)).bind(message.text.as_str());
    insert.bind(message.prev_public_seq).bind(Time(message.created_at)).execute().await?;
    Ok(())
}

/// Deletes all messages of a conversation.
pub(crate) async fn delete_all(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<()> {
    conn.query(DELETE_ALL).bind(organization.0).bind(id.0).execute().await?;
    Ok(())
}
