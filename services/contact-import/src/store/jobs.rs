//! The work queue. The holder of a [`Lease`] works on an import; with a lost lease its statements
//! change nothing.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Json, Result, Time};

use super::{
    rows::{JobRow, ScanColumns, mapping_json, position},
    sql,
};
use crate::domain::{BatchResult, ImportState, Job, Lease, Mapping, Progress, ScanResult};

/// How many imports wait for a worker or are worked on, by state.
pub(crate) async fn count_by_state(conn: &mut Connection) -> Result<Vec<(String, i64)>> {
    conn.query(sql::COUNT_BY_STATE).all().await
}

/// True when an import is due.
pub(crate) async fn is_due(conn: &mut Connection, now: Timestamp) -> Result<bool> {
    conn.query(sql::IS_DUE).bind(Time(now)).exists().await
}

/// True when an import of another organization is due.
pub(crate) async fn is_due_for_others(
    conn: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<bool> {
    conn.query(sql::IS_DUE_FOR_OTHERS).bind(organization.0).bind(Time(now)).exists().await
}

/// Makes transactions that claim imports wait for each other.
pub(crate) async fn lock_turns(conn: &mut Connection) -> Result<()> {
    // On SQLite a transaction is the only writer anyway.
    if conn.is_postgres() {
        conn.query(sql::LOCK_TURNS).execute().await?;
    }
    Ok(())
}

/// Claims an import until `until`: the one that has waited longest of the organization whose last
/// turn was longest ago.
pub(crate) async fn claim(
    conn: &mut Connection,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Job>> {
    let row: Option<JobRow> =
        conn.query(sql::CLAIM).bind(Time(now)).bind(Time(until)).optional().await?;
    row.map(Job::try_from).transpose()
}

/// Moves an organization to the end of the turns.
pub(crate) async fn take_turn(conn: &mut Connection, organization: OrganizationId) -> Result<()> {
    conn.query(sql::TAKE_TURN).bind(organization.0).execute().await?;
    Ok(())
}

/// Renews a lease. False when it is lost or no work is left.
pub(crate) async fn renew(conn: &mut Connection, lease: Lease, until: Timestamp) -> Result<bool> {
    let rows = conn
        .query(sql::RENEW_LEASE)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .bind(Time(until))
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends all leases.
pub(crate) async fn release_all(conn: &mut Connection, now: Timestamp) -> Result<()> {
    conn.query(sql::RELEASE_ALL).bind(Time(now)).execute().await?;
    Ok(())
}

/// Ends a lease; the import is due again at `due`. `waits_for` is shown meanwhile.
pub(crate) async fn release(
    conn: &mut Connection,
    lease: Lease,
    due: Timestamp,
    attempts: i64,
    waits_for: Option<&str>,
) -> Result<()> {
    conn.query(sql::RELEASE_LEASE)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .bind(Time(due))
        .bind(attempts)
        .bind(waits_for)
        .execute()
        .await?;
    Ok(())
}

/// Records that no batch of a canceled import is in flight any more.
pub(crate) async fn settle(conn: &mut Connection, lease: Lease) -> Result<()> {
    conn.query(sql::SETTLE)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .execute()
        .await?;
    Ok(())
}

/// Stores what a scan found and the state after it. The lease ends at `release_at`, if that is
/// given. False when the lease is lost or the import was canceled.
pub(crate) async fn save_scan(
    conn: &mut Connection,
    lease: Lease,
    scan: ScanResult,
    mapping: Mapping,
    next: ImportState,
    now: Timestamp,
    release_at: Option<Timestamp>,
) -> Result<bool> {
    let columns = ScanColumns::from(scan);
    let [offset, line, record] = columns.first;
    let rows = conn
        .query(sql::SAVE_SCAN)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .bind(next.name())
        .bind(columns.header)
        .bind(Json(mapping_json(mapping)))
        .bind(columns.preview)
        .bind(columns.rows)
        .bind(offset)
        .bind(line)
        .bind(record)
        .bind((next == ImportState::Running).then_some(Time(now)))
        .bind(release_at.map(Time))
        .bind(columns.encoding)
        .bind(columns.delimiter)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends an import that can't continue. Does nothing when it was canceled.
pub(crate) async fn fail(
    conn: &mut Connection,
    lease: Lease,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    conn.query(sql::FAIL)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .bind(reason)
        .bind(Time(now))
        .execute()
        .await?;
    Ok(())
}

/// How far applying has come, locked until the transaction ends. `None` when the lease is lost.
pub(crate) async fn locked_progress(
    conn: &mut Connection,
    lease: Lease,
) -> Result<Option<Progress>> {
    let row: Option<(String, i64)> = conn
        .query(sql::LOCKED_PROGRESS)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(lease.number)
        .optional()
        .await?;
    let progress = |(state, batch): (String, i64)| {
        Ok(Progress { state: state.parse().map_err(|_| Error::Corrupt("state"))?, batch })
    };
    row.map(progress).transpose()
}

/// Stores the counts and the position after a batch, and the state that it leads to.
pub(crate) async fn save_batch(
    conn: &mut Connection,
    lease: Lease,
    result: &BatchResult,
    next: ImportState,
    finished_at: Option<Timestamp>,
) -> Result<()> {
    let [offset, line, record] = match result.next {
        Some(next) => position(next).map(Some),
        None => [None; 3],
    };
    let counts = result.counts;
    conn.query(sql::SAVE_BATCH)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(result.batch)
        .bind(offset)
        .bind(line)
        .bind(record)
        .bind(counts.created)
        .bind(counts.updated)
        .bind(counts.unchanged)
        .bind(counts.rejected)
        .bind(next.name())
        .bind(finished_at.map(Time))
        .execute()
        .await?;
    Ok(())
}
