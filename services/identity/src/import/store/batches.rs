//! The results of batches, each stored once.

use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Json, Result, Time};

use super::answers::{Run, from_runs, to_runs};
use crate::import::domain::row::RowResult;

const WAIT_FOR_ROWS: &str = "SET LOCAL lock_timeout = 0";
const RESULTS: &str = "SELECT results FROM import_batches
     WHERE organization_id = $1 AND import_id = $2 AND number = $3";
const INSERT: &str =
    "INSERT INTO import_batches (organization_id, import_id, number, results, created_at)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

/// Identifies a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchKey {
    pub(crate) organization: OrganizationId,
    pub(crate) import: ImportId,
    pub(crate) number: i64,
}

/// Lets the transaction wait for locked rows without a limit: another import may hold them for a
/// whole batch, and only this import waits.
pub(crate) async fn wait_for_rows(conn: &mut Connection) -> Result<()> {
    if conn.is_postgres() {
        conn.query(WAIT_FOR_ROWS).execute().await?;
    }
    Ok(())
}

/// The results of a batch, if it was committed, which are `None` if it was closed.
pub(crate) async fn results(
    conn: &mut Connection,
    batch: BatchKey,
) -> Result<Option<Option<Vec<RowResult>>>> {
    let select = conn.query(RESULTS).bind(batch.organization.0);
    let select = select.bind(batch.import.0).bind(batch.number);
    let stored: Option<Json<Option<Vec<Run>>>> = select.optional_scalar().await?;
    Ok(stored.map(|Json(runs)| runs.map(from_runs)))
}

/// Stores the results of a batch, or that it is closed.
///
/// # Errors
///
/// `Conflict` when another process was first.
pub(crate) async fn insert(
    conn: &mut Connection,
    batch: BatchKey,
    results: Option<&[RowResult]>,
    now: Timestamp,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(batch.organization.0);
    let insert = insert.bind(batch.import.0).bind(batch.number);
    let inserted = insert.bind(Json(results.map(to_runs))).bind(Time(now)).execute().await?;
    if inserted == 1 { Ok(()) } else { Err(Error::Conflict) }
}
