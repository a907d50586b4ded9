//! Rows of a file that were not applied, with their reasons.

use onethread_core::{ImportId, OrganizationId};
use onethread_db::{Connection, Json, Result};

use super::{
    rows::{RejectedJson, RejectedRowRow, signed, unsigned},
    sql,
};
use crate::domain::{Lease, RejectedRow};

/// Inserts the rows that a batch rejected.
pub(crate) async fn insert(
    conn: &mut Connection,
    lease: Lease,
    rows: &[RejectedRow],
) -> Result<()> {
    let rows: Vec<_> = rows.iter().map(RejectedJson::from).collect();
    conn.query(sql::INSERT_REJECTED_ROWS)
        .bind(lease.organization.0)
        .bind(lease.import.0)
        .bind(Json(rows))
        .execute()
        .await?;
    Ok(())
}

/// Record numbers of the rows after the record `after`, at most `limit`, each with the bytes of
/// its cells as JSON.
pub(crate) async fn sizes(
    conn: &mut Connection,
    organization: OrganizationId,
    import: ImportId,
    after: u64,
    limit: i64,
) -> Result<Vec<(u64, usize)>> {
    let rows: Vec<(i64, i64)> = conn
        .query(sql::REJECTED_ROW_SIZES)
        .bind(organization.0)
        .bind(import.0)
        .bind(signed(after))
        .bind(limit)
        .all()
        .await?;
    let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    rows.into_iter().map(|(record, bytes)| Ok((unsigned(record)?, size(bytes)))).collect()
}

/// The rows after the record `after` up to the record `last`, in the order of the file.
pub(crate) async fn between(
    conn: &mut Connection,
    organization: OrganizationId,
    import: ImportId,
    after: u64,
    last: u64,
) -> Result<Vec<RejectedRow>> {
    let rows: Vec<RejectedRowRow> = conn
        .query(sql::REJECTED_ROWS)
        .bind(organization.0)
        .bind(import.0)
        .bind(signed(after))
        .bind(signed(last))
        .all()
        .await?;
    rows.into_iter().map(RejectedRow::try_from).collect()
}
