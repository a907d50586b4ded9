//! Many sends in one transaction: what they touch is read and locked at once, each gets its place
//! by the rules of `domain`, one after the other as if it were alone, and what came of them is
//! written at once. The statements stand in `postgres` and `sqlite`.

mod plan;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use onethread_core::{ConversationId, Timestamp};
use onethread_db::{Conn, Error, Result};
use onethread_outbox::push_all;
use plan::Plan;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::{
    NewMessage, Sent,
    rows::{ConversationRow, ENDED, MessageRow},
};
use crate::domain::{Conversation, Message};

/// What a send meets.
struct Met {
    /// Place of the send in the batch.
    at: usize,
    /// The conversation that it goes to: the one it names, or the one that one was folded into.
    target: ConversationId,
    /// What stands there; nothing where none was begun.
    conversation: Option<Conversation>,
    /// What the sender stored there under the client's id before.
    before: Option<Message>,
    /// A mark stands there of one that is forgotten.
    erased: bool,
    /// Identity wants to know of its text.
    told: bool,
}

/// Stores what can be stored. The answers stand in the order of the sends.
pub(super) async fn send_all(conn: &mut Conn<'_>, sends: &[NewMessage]) -> Result<Vec<Sent>> {
    let met = match conn {
        Conn::Sqlite(conn) => sqlite::meet(conn, sends).await?,
        Conn::Postgres(conn) => postgres::meet(conn, sends).await?,
    };
    let mut sends = Cow::Borrowed(sends);
    for met in &met {
        if met.target != sends[met.at].conversation {
            sends.to_mut()[met.at].follow(met.target);
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

/// What a row of `MEET_…` says; on both databases it has the same columns.
fn met<'r, R: Row>(row: &'r R) -> Result<Met>
where
    ConversationRow: FromRow<'r, R>,
    MessageRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    let at: i64 = row.try_get("at")?;
    let at = usize::try_from(at - 1).map_err(|_| Error::Corrupt("place in a batch"))?;
    let target = ConversationId(row.try_get("target")?);
    let status: Option<i64> = row.try_get("status")?;
    let folded_into: Option<Uuid> = row.try_get("folded_into")?;
    let told = row.try_get("told")?;
    let mut met = Met { at, target, conversation: None, before: None, erased: false, told };
    match (status, folded_into) {
        (None, _) => {}
        (Some(ENDED), None) => met.erased = true,
        // It was folded since the statement began; the next look goes on to where it is.
        (Some(ENDED), Some(_)) => return Err(Error::Conflict),
        (Some(_), _) => {
            met.conversation = Some(ConversationRow::from_row(row)?.try_into()?);
            let seq: Option<i64> = row.try_get("seq")?;
            met.before = seq.map(|_| MessageRow::from_row(row)?.try_into()).transpose()?;
        }
    }
    Ok(met)
}
