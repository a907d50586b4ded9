//! Many sends at once, in two ways. Those that are `plain` are stored by one statement. For all
//! others there is one transaction: what they touch is read and locked at once, each gets its
//! place by the rules of `domain`, one after the other as if it were alone, and what came of them
//! is written at once. The statements stand in `postgres` and `sqlite`.

mod plain;
mod plan;
mod postgres;
mod sqlite;
#[cfg(test)]
pub(super) mod tests;

use std::{borrow::Cow, collections::BTreeMap};

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result};
use onethread_outbox::push_all;
use plain::Plain;
use plan::Plan;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::{
    NewMessage, Sent,
    rows::{ConversationRow, ENDED, MessageRow},
};
use crate::domain::{Conversation, Message};

/// Whose conversation, in the order in which rows are locked everywhere.
type Key = (OrganizationId, ConversationId);

/// What a batch meets.
#[derive(Default)]
struct Met {
    /// In the order of the sends.
    sends: Vec<MetSend>,
    /// The conversations that they go to, where one was ever begun.
    threads: BTreeMap<Key, Found>,
}

/// What a send meets.
struct MetSend {
    /// The conversation that it goes to: the one it names, or the one that one was folded into.
    target: ConversationId,
    /// What the sender stored there under the client's id before.
    before: Option<Message>,
    /// Identity wants to know of its text.
    told: bool,
    /// There is such a conversation, even if it was not looked at.
    begun: bool,
}

/// What stands under a conversation's id.
enum Found {
    Here(Conversation),
    /// The mark of one that is forgotten.
    Erased,
}

/// Stores the plain ones of the sends. Answers for each of these, with its place among the sends.
/// Not in a transaction: what this writes is one.
pub(super) async fn send_plain(
    conn: &mut Conn<'_>,
    sends: &[NewMessage],
) -> Result<Vec<(usize, Sent)>> {
    let plain = Plain::of(sends);
    if plain.threads.is_empty() {
        return Ok(Vec::new());
    }
    let stored = match conn {
        Conn::Sqlite(conn) => sqlite::append_plain(conn, &plain).await?,
        Conn::Postgres(conn) => postgres::append_plain(conn, &plain).await?,
    };
    Ok(plain.answers(&stored))
}

/// What to do where somebody else keeps a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Wait, and fail when that takes long.
    Wait,
    /// Leave its sends alone.
    Leave,
}

/// Stores what can be stored. The answers stand in the order of the sends.
pub(super) async fn send_all(
    conn: &mut Conn<'_>,
    sends: &[NewMessage],
    kept: Kept,
) -> Result<Vec<Sent>> {
    let met = match conn {
        Conn::Sqlite(conn) => sqlite::meet(conn, sends).await?,
        Conn::Postgres(conn) => postgres::meet(conn, sends, kept).await?,
    };
    let mut sends = Cow::Borrowed(sends);
    for (at, met) in met.sends.iter().enumerate() {
        if met.target != sends[at].conversation {
            sends.to_mut()[at].follow(met.target);
        }
    }
    let plan = Plan::of(&sends, met);
    if plan.stored(&sends).next().is_some() {
        match conn {
            Conn::Sqlite(conn) => sqlite::write(conn, &sends, &plan).await?,
            Conn::Postgres(conn) => postgres::write(conn, &sends, &plan).await?,
        }
    }
    if !plan.deliveries.is_empty() {
        let due = sends.iter().map(|new| new.now).max().unwrap_or(Timestamp::from_micros(0));
        push_all(conn, &plan.deliveries, due).await?;
    }
    Ok(plan.answers)
}

/// What the rows of `MEET_…` say; on both databases they have the same columns.
fn met<'r, R: Row>(rows: &'r [R]) -> Result<Met>
where
    ConversationRow: FromRow<'r, R>,
    MessageRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut met = Met::default();
    let mut sends = Vec::with_capacity(rows.len());
    for row in rows {
        let target = ConversationId(row.try_get("conversation_id")?);
        let Some(at) = row.try_get::<Option<i64>, _>("at")? else {
            let key = (OrganizationId(row.try_get("organization_id")?), target);
            met.threads.insert(key, found(row)?);
            continue;
        };
        let seq: Option<i64> = row.try_get("seq")?;
        let before = seq.map(|_| MessageRow::from_row(row)?.try_into()).transpose()?;
        sends.push((
            at,
            MetSend { target, before, told: row.try_get("told")?, begun: row.try_get("begun")? },
        ));
    }
    sends.sort_unstable_by_key(|(at, _)| *at);
    met.sends = sends.into_iter().map(|(_, send)| send).collect();
    Ok(met)
}

fn found<'r, R: Row>(row: &'r R) -> Result<Found>
where
    ConversationRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
{
    let folded_into: Option<Uuid> = row.try_get("folded_into")?;
    match (row.try_get("status")?, folded_into) {
        (ENDED, None) => Ok(Found::Erased),
        // It was folded since the statement began; the next look goes on to where it is.
        (ENDED, Some(_)) => Err(Error::Conflict),
        _ => Ok(Found::Here(ConversationRow::from_row(row)?.try_into()?)),
    }
}
