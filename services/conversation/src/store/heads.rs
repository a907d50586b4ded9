//! The numbers of conversations, by which live readers find what hints missed.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Sql, Time};
use uuid::Uuid;

use super::rows::REMOVED;
use crate::domain::{Side, Status};

/// Conversations that [`recent`] returns at most.
pub(crate) const RECENT_LIMIT: usize = 200;

/// Organization, a JSON array of ids in hex.
const HEADS: Sql = Sql::dialects(
    "SELECT id, last_seq, contact_read_seq, agent_read_seq, status
    FROM conversations
    WHERE organization_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT id, last_seq, contact_read_seq, agent_read_seq, status
    FROM conversations
    WHERE organization_id = $1
        AND id IN (SELECT value::uuid FROM json_array_elements_text($2::json))",
);

macro_rules! newest {
    ($status:literal, $name:literal) => {
        concat!(
            "SELECT * FROM (SELECT id, last_seq, contact_read_seq, agent_read_seq, status,
                created_at, updated_at
            FROM conversations WHERE organization_id = $1 AND status = ",
            $status,
            " ORDER BY updated_at DESC, id DESC LIMIT $4) AS ",
            $name
        )
    };
}

/// Organization, both statuses, limit. Each status is a range of one index.
const RECENT: &str = concat!(
    newest!("$2", "open"),
    " UNION ALL ",
    newest!("$3", "closed"),
    " ORDER BY updated_at DESC, id DESC LIMIT $4"
);

/// The numbers of a conversation, enough to see whether a reader missed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) conversation: ConversationId,
    pub(crate) last_seq: i64,
    pub(crate) contact_read_seq: i64,
    pub(crate) agent_read_seq: i64,
    /// True when it was merged or erased.
    pub(crate) is_removed: bool,
}

impl Head {
    /// The numbers of a conversation without a message.
    pub(crate) fn empty(conversation: ConversationId) -> Self {
        Self {
            conversation,
            last_seq: 0,
            contact_read_seq: 0,
            agent_read_seq: 0,
            is_removed: false,
        }
    }

    /// The read mark of a side.
    pub(crate) fn read_seq(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.contact_read_seq,
            Side::Agent => self.agent_read_seq,
        }
    }
}

/// A conversation and when it was begun and last active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecentConversation {
    pub(crate) head: Head,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug, onethread_db::FromRow)]
struct HeadRow {
    id: Uuid,
    last_seq: i64,
    contact_read_seq: i64,
    agent_read_seq: i64,
    status: i64,
}

#[derive(Debug, onethread_db::FromRow)]
struct RecentRow {
    #[sqlx(flatten)]
    head: HeadRow,
    created_at: Time,
    updated_at: Time,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            conversation: ConversationId(row.id),
            last_seq: row.last_seq,
            contact_read_seq: row.contact_read_seq,
            agent_read_seq: row.agent_read_seq,
            is_removed: row.status == REMOVED,
        }
    }
}

/// The heads of those of the conversations that exist.
pub(crate) async fn by_ids(
    conn: &mut Connection,
    organization: OrganizationId,
    ids: &[ConversationId],
) -> Result<Vec<Head>> {
    let ids: Vec<String> = ids.iter().map(|id| id.0.simple().to_string()).collect();
    let ids = serde_json::to_string(&ids).expect("texts are JSON");
    let rows: Vec<HeadRow> = conn.query(HEADS).bind(organization.0).bind(ids).all().await?;
    Ok(rows.into_iter().map(Head::from).collect())
}

/// The conversations with the latest activity, latest first, at most [`RECENT_LIMIT`].
pub(crate) async fn recent(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<RecentConversation>> {
    let query = conn.query(RECENT).bind(organization.0);
    let query = query.bind(Status::Open.code()).bind(Status::Closed.code());
    let limit = i64::try_from(RECENT_LIMIT).unwrap_or(i64::MAX);
    let rows: Vec<RecentRow> = query.bind(limit).all().await?;
    let recent = rows.into_iter().map(|row| RecentConversation {
        head: row.head.into(),
        created_at: row.created_at.0,
        updated_at: row.updated_at.0,
    });
    Ok(recent.collect())
}
