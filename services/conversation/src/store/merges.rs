//! Moving the messages of a merged conversation.

use onethread_core::{ConversationId, OrganizationId};
use onethread_db::{Connection, Result};

use super::{conflict_if_exists, messages};
use crate::domain::{Conversation, MergePlan, SourceCounts};

/// True for a message `t` of the target ($3) with the same author and client id as `s`.
macro_rules! same_author_and_client_id {
    () => {
        "t.organization_id = s.organization_id AND t.conversation_id = $3
            AND t.author_kind = s.author_kind
            AND t.author_id = CASE WHEN s.author_kind = 1 THEN $3 ELSE s.author_id END
            AND t.client_message_id = s.client_message_id"
    };
}

/// Organization, source, target. A message that was sent again after the login, because the first
/// answer was lost, is in both conversations: it is one.
const DELETE_DUPLICATES: &str = concat!(
    "DELETE FROM messages AS s WHERE s.organization_id = $1 AND s.conversation_id = $2
        AND EXISTS (SELECT 1 FROM messages t WHERE ",
    same_author_and_client_id!(),
    " AND t.kind = s.kind AND t.body = s.body)"
);

/// Organization, source, target. Where the same id was used for another message, both messages
/// stay, and the id is the one's in the target.
const CLEAR_TAKEN_CLIENT_IDS: &str = concat!(
    "UPDATE messages AS s SET client_message_id = NULL
    WHERE s.organization_id = $1 AND s.conversation_id = $2
        AND EXISTS (SELECT 1 FROM messages t WHERE ",
    same_author_and_client_id!(),
    ")"
);

/// Organization, source, read mark of the contact, of the agents.
const COUNT: &str = "SELECT count(*) AS messages,
        count(*) FILTER (WHERE seq <= (SELECT MAX(seq) FROM messages
            WHERE organization_id = $1 AND conversation_id = $2 AND kind = 1)) AS up_to_last_public,
        count(*) FILTER (WHERE seq <= $3) AS read_by_contact,
        count(*) FILTER (WHERE seq <= $4) AS read_by_agents,
        count(*) FILTER (WHERE kind = 1 AND author_kind = 2) AS agent_texts,
        count(*) FILTER (WHERE kind = 1 AND author_kind = 2 AND seq > $3) AS agent_texts_unread,
        count(*) FILTER (WHERE kind = 1 AND author_kind = 1) AS contact_texts,
        count(*) FILTER (WHERE kind = 1 AND author_kind = 1 AND seq > $4) AS contact_texts_unread
    FROM messages WHERE organization_id = $1 AND conversation_id = $2";

/// Organization, source, target, the number before the first of them, the last number before it
/// that the contact sees. Copied rather than updated: that is one pass, whatever the planner does.
const COPY: &str = "INSERT INTO messages (organization_id, conversation_id, seq, id,
        client_message_id, author_kind, author_id, kind, body, prev_public_seq, created_at)
    SELECT organization_id, $3, seq, id, client_message_id, author_kind,
        CASE WHEN author_kind = 1 THEN $3 ELSE author_id END, kind, body,
        COALESCE(MAX(CASE WHEN kind = 1 THEN seq END)
            OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), $5),
        created_at
    FROM (
        SELECT s.organization_id, $4 + row_number() OVER (ORDER BY s.seq) AS seq, s.id,
            s.client_message_id, s.author_kind, s.author_id, s.kind, s.body, s.created_at
        FROM messages s WHERE s.organization_id = $1 AND s.conversation_id = $2
    ) AS numbered";

#[derive(Debug, onethread_db::FromRow)]
struct CountsRow {
    messages: i64,
    up_to_last_public: i64,
    read_by_contact: i64,
    read_by_agents: i64,
    agent_texts: i64,
    agent_texts_unread: i64,
    contact_texts: i64,
    contact_texts_unread: i64,
}

impl From<CountsRow> for SourceCounts {
    fn from(row: CountsRow) -> Self {
        Self {
            messages: row.messages,
            up_to_last_public: row.up_to_last_public,
            read_by_contact: row.read_by_contact,
            read_by_agents: row.read_by_agents,
            agent_texts: row.agent_texts,
            agent_texts_unread: row.agent_texts_unread,
            contact_texts: row.contact_texts,
            contact_texts_unread: row.contact_texts_unread,
        }
    }
}

/// Deletes those of the source's messages that the target has, and clears the client ids that it
/// has for others.
pub(crate) async fn delete_duplicates(
    conn: &mut Connection,
    organization: OrganizationId,
    source: ConversationId,
    target: ConversationId,
) -> Result<()> {
    for text in [DELETE_DUPLICATES, CLEAR_TAKEN_CLIENT_IDS] {
        let statement = conn.query(text).bind(organization.0).bind(source.0);
        statement.bind(target.0).execute().await?;
    }
    Ok(())
}

/// Counts the source's messages.
pub(crate) async fn count(
    conn: &mut Connection,
    organization: OrganizationId,
    source: &Conversation,
) -> Result<SourceCounts> {
    let count = conn.query(COUNT).bind(organization.0).bind(source.id.0);
    let count = count.bind(source.contact.read_seq).bind(source.agent.read_seq);
    Ok(count.one::<CountsRow>().await?.into())
}

/// Moves the source's messages to the target, after the event.
pub(crate) async fn move_messages(
    conn: &mut Connection,
    organization: OrganizationId,
    source: ConversationId,
    plan: &MergePlan,
) -> Result<()> {
    let copy = conn.query(COPY).bind(organization.0).bind(source.0).bind(plan.target.id.0);
    let copy = copy.bind(plan.event.seq).bind(plan.prev_public_seq());
    conflict_if_exists(copy.execute().await)?;
    messages::delete_all(conn, organization, source).await?;
    messages::insert(conn, organization, &plan.event).await
}
