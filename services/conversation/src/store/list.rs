//! The agents' list of conversations.

use onethread_core::{AgentId, ConversationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use super::{
    rows::{ConversationRow, MessageRow, NO_STATUS, cut_page},
    sql::{conversation_columns, fitting},
};
use crate::domain::{Status, Summary};

/// Later than any time that a row has.
const MAX_TIME: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

macro_rules! range {
    ($status:literal, $assigned:literal, $name:literal) => {
        concat!(
            "SELECT * FROM (SELECT o.*, o.updated_at AS listed_at FROM conversations o
                WHERE o.organization_id = $1 AND o.status = ",
            $status,
            $assigned,
            " AND (o.updated_at, o.id) < ($2, $3)
                ORDER BY o.updated_at DESC, o.id DESC LIMIT $4) AS ",
            $name
        )
    };
}

macro_rules! list {
    ($assigned:literal) => {
        fitting!(
            "r.listed_at DESC, r.conversation_id DESC",
            "SELECT ",
            conversation_columns!(),
            ", c.listed_at, m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind,
                m.body, m.prev_public_seq, m.created_at
            FROM (",
            range!("$5", $assigned, "open"),
            " UNION ALL ",
            range!("$6", $assigned, "closed"),
            " UNION ALL
            SELECT * FROM (SELECT o.*, (SELECT p.created_at FROM messages p
                    WHERE p.organization_id = o.organization_id AND p.conversation_id = o.id
                        AND p.created_at <= $7
                    ORDER BY p.seq DESC LIMIT 1) AS listed_at
                FROM conversations o
                WHERE o.organization_id = $1 AND o.status IN ($5, $6)",
            $assigned,
            " AND o.updated_at > $7) AS moved
            WHERE (listed_at, id) < ($2, $3)
            ) AS c
            JOIN messages m ON m.organization_id = c.organization_id
                AND m.conversation_id = c.id AND m.seq = c.last_seq
            ORDER BY c.listed_at DESC, c.id DESC LIMIT $4"
        )
    };
}

/// Organization, the key before the page (time, id), limit, status, another status, the time of
/// the first page. Each status is a range of one index, and the first rows of both are merged.
/// Conversations with activity since the first page keep their place.
const LIST: &str = list!("");

/// The same for those without an assignee.
const LIST_UNASSIGNED: &str = list!(" AND o.assignee_id IS NULL");

/// The same for those that are assigned to an agent.
const LIST_ASSIGNED: &str = list!(" AND o.assignee_id = $8");

/// The key of a row of the list.
pub(crate) type ListKey = (Timestamp, ConversationId);

/// Conversations by their assignee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssigneeFilter {
    /// All, assigned or not.
    Any,
    Unassigned,
    AssignedTo(AgentId),
}

/// Which conversations a page of the list contains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListQuery {
    /// Only those with this status.
    pub(crate) status: Option<Status>,
    pub(crate) assignee: AssigneeFilter,
    /// The key before the page. Absent for the first page.
    pub(crate) after: Option<ListKey>,
    /// The time of the first page: conversations with activity since then keep their place.
    /// Absent on the first page, and when it was long ago.
    pub(crate) since: Option<Timestamp>,
    pub(crate) size: PageSize,
}

/// A page of the list.
#[derive(Debug)]
pub(crate) struct ListPage {
    pub(crate) summaries: Vec<Summary>,
    /// The key of the last row, when more follow.
    pub(crate) next: Option<ListKey>,
}

#[derive(Debug, onethread_db::FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    conversation: ConversationRow,
    #[sqlx(flatten)]
    message: MessageRow,
    /// Its last activity until the first page.
    listed_at: Time,
}

/// Conversations as agents see them, latest activity first. Long messages make the page shorter.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    query: ListQuery,
) -> Result<ListPage> {
    let (time, id) = query.after.map_or((MAX_TIME, Uuid::max()), |(at, id)| (at, id.0));
    let statuses = match query.status {
        Some(status) => (status.code(), NO_STATUS),
        None => (Status::Open.code(), Status::Closed.code()),
    };
    let since = query.since.unwrap_or(MAX_TIME);
    let (text, agent) = match query.assignee {
        AssigneeFilter::Any => (LIST, None),
        AssigneeFilter::Unassigned => (LIST_UNASSIGNED, None),
        AssigneeFilter::AssignedTo(agent) => (LIST_ASSIGNED, Some(agent.0)),
    };
    let select = conn.query(text).bind(organization.0).bind(Time(time)).bind(id);
    let select = select.bind(query.size.limit_plus_one()).bind(statuses.0).bind(statuses.1);
    let select = select.bind(Time(since));
    let select = match agent {
        Some(agent) => select.bind(agent),
        None => select,
    };
    let mut rows: Vec<SummaryRow> = select.all().await?;
    let is_cut = cut_page(&mut rows, |row| &row.message);
    let has_more = is_cut || rows.len() > query.size.rows();
    rows.truncate(query.size.rows());
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|last| (last.listed_at.0, last.conversation.id()));
    let summaries = rows.into_iter().map(|row| row.conversation.summary(Some(row.message)));
    Ok(ListPage { summaries: summaries.collect::<Result<_>>()?, next })
}
