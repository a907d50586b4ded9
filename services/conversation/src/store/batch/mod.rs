//! Many sends at once. Nearly all are plain: one statement stores them without reading first
//! ([`append_plain`], the measured exception to use cases that read, decide and write). For the
//! others a transaction reads and locks everything at once ([`snapshot`]), the domain plans, and
//! a statement or two write the plan ([`write`]).

mod plain;
mod postgres;
mod sql;
mod sqlite;

use onethread_core::{ConversationId, OrganizationId};
use onethread_db::{Connection, Error, Result};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

pub(crate) use plain::PlainBatch;

use super::{
    conflict_if_exists,
    rows::{ConversationRow, MessageRow, StateRow},
};
use crate::domain::{
    BatchSnapshot, ConversationState, NewMessage, SendOutcome, SendPlan, SendSnapshot,
};

/// What to do with conversations that another transaction holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Wait for them, and fail after 100 ms.
    Wait,
    /// Leave them out.
    SkipLocked,
}

/// Stores the plain ones of the sends, which is a transaction by itself. Returns the outcomes of
/// those that turned out to be plain, each with its index in the batch.
pub(crate) async fn append_plain(
    conn: &mut Connection,
    batch: &PlainBatch<'_>,
) -> Result<Vec<(usize, SendOutcome)>> {
    let appended = if conn.is_postgres() {
        postgres::append_plain(conn, batch).await?
    } else {
        sqlite::append_plain(conn, batch).await?
    };
    Ok(batch.outcomes(&appended))
}

/// Reads what the sends need, and locks their conversations until the transaction ends.
///
/// # Errors
///
/// A conflict when a conversation was merged since the statement began.
pub(crate) async fn snapshot(
    conn: &mut Connection,
    sends: &[NewMessage],
    mode: LockMode,
) -> Result<BatchSnapshot> {
    let rows = if conn.is_postgres() {
        postgres::snapshot(conn, sends, mode).await?
    } else {
        sqlite::snapshot(conn, sends).await?
    };
    let mut snapshot = BatchSnapshot::default();
    let mut sends = Vec::with_capacity(sends.len());
    for row in rows {
        match row {
            SnapshotRow::Send { position, target, previous, is_wanted, conversation_exists } => {
                let previous = previous.map(TryInto::try_into).transpose()?;
                let send = SendSnapshot { target, previous, is_wanted, conversation_exists };
                sends.push((position, send));
            }
            SnapshotRow::Conversation { organization, row, state } => {
                let key = (organization, row.id());
                let conversation = match state.into() {
                    ConversationState::Erased => None,
                    // The next attempt goes to the target.
                    ConversationState::MergedInto(_) => return Err(Error::Conflict),
                    ConversationState::Active | ConversationState::Missing => Some(row.try_into()?),
                };
                snapshot.conversations.insert(key, conversation);
            }
        }
    }
    sends.sort_unstable_by_key(|(position, _)| *position);
    snapshot.sends = sends.into_iter().map(|(_, send)| send).collect();
    Ok(snapshot)
}

/// Writes conversations and messages.
///
/// # Errors
///
/// A conflict when another process has stored one of them since the snapshot.
pub(crate) async fn write(
    conn: &mut Connection,
    sends: &[NewMessage],
    plan: &SendPlan,
) -> Result<()> {
    if plan.messages(sends).next().is_none() {
        return Ok(());
    }
    conflict_if_exists(if conn.is_postgres() {
        postgres::write(conn, sends, plan).await
    } else {
        sqlite::write(conn, sends, plan).await
    })
}

/// A row of `sql::SNAPSHOT_…`, which have the same columns on both databases.
enum SnapshotRow {
    Send {
        position: i64,
        target: ConversationId,
        previous: Option<MessageRow>,
        is_wanted: bool,
        conversation_exists: bool,
    },
    Conversation {
        organization: OrganizationId,
        row: ConversationRow,
        state: StateRow,
    },
}

impl<'r, R: Row> FromRow<'r, R> for SnapshotRow
where
    ConversationRow: FromRow<'r, R>,
    MessageRow: FromRow<'r, R>,
    StateRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let Some(position) = row.try_get::<Option<i64>, _>("position")? else {
            return Ok(Self::Conversation {
                organization: OrganizationId(row.try_get("organization_id")?),
                row: ConversationRow::from_row(row)?,
                state: StateRow::from_row(row)?,
            });
        };
        let previous_seq: Option<i64> = row.try_get("seq")?;
        Ok(Self::Send {
            position,
            target: ConversationId(row.try_get("conversation_id")?),
            previous: previous_seq.map(|_| MessageRow::from_row(row)).transpose()?,
            is_wanted: row.try_get("is_wanted")?,
            conversation_exists: row.try_get("conversation_exists")?,
        })
    }
}
