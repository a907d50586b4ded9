//! The work queue. Who holds a [`Lease`] works on an import; what it writes after it lost the lease
//! comes to nothing.

use onethread_core::Timestamp;
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};

use super::{
    Store,
    rows::{JobRow, RejectedJson, ScannedColumns, mapping_json, position},
    sql, update,
};
use crate::domain::{Advance, ImportState, Job, Lease, Mapping, Scanned};

impl Store {
    /// Takes up the import that has waited longest, of whatever organization, until `until`.
    pub(crate) async fn claim(&self, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
        // A look that finds nothing must not cost a write transaction.
        let due: Option<i32> = self
            .db
            .read("import.due", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::DUE)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        if due.is_none() {
            return Ok(None);
        }
        let row: Option<JobRow> = self
            .db
            .write("import.claim", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::CLAIM_SQLITE, sql::CLAIM_POSTGRES);
                    Ok(on!(&mut conn, |c| query_as(text)
                        .bind(Time(now))
                        .bind(Time(until))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        row.map(Job::try_from).transpose()
    }

    /// Prolongs a lease. False when it is lost or there is nothing left to do.
    pub(crate) async fn keep(&self, lease: Lease, until: Timestamp) -> Result<bool> {
        update!(
            self,
            "import.keep",
            sql::KEEP,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            Time(until),
        )
        .await
    }

    /// Ends every lease there is, for a process that starts as the only one on its database: who
    /// held them is dead.
    pub(crate) async fn free_all(&self, now: Timestamp) -> Result<()> {
        update!(self, "import.free_all", sql::FREE_ALL, Time(now)).await.map(drop)
    }

    /// Gives an import back to the queue, due at `due`.
    pub(crate) async fn give_back(
        &self,
        lease: Lease,
        due: Timestamp,
        attempts: i64,
    ) -> Result<()> {
        update!(
            self,
            "import.give_back",
            sql::GIVE_BACK,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            Time(due),
            attempts,
        )
        .await
        .map(drop)
    }

    /// Keeps what the scan found. False when the lease is lost or the import was stopped.
    pub(crate) async fn scanned(
        &self,
        lease: Lease,
        scanned: Scanned,
        mapping: Mapping,
        next: ImportState,
        now: Timestamp,
    ) -> Result<bool> {
        let found = ScannedColumns::from(scanned);
        let mapping = Json(mapping_json(mapping));
        let started = (next == ImportState::Running).then_some(Time(now));
        update!(
            self,
            "import.scanned",
            sql::SCANNED,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            next.name(),
            &found.header,
            &mapping,
            &found.preview,
            found.rows,
            found.first[0],
            found.first[1],
            found.first[2],
            started,
            Time(now),
            found.encoding,
            &found.delimiter,
        )
        .await
    }

    /// Ends an import that can't go on. Does nothing when the lease is lost or it was stopped.
    pub(crate) async fn fail(&self, lease: Lease, reason: String, now: Timestamp) -> Result<()> {
        update!(
            self,
            "import.fail",
            sql::FAIL,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            &reason,
            Time(now),
        )
        .await
        .map(drop)
    }

    /// Keeps what a batch brought, all of it or nothing, and answers where the import stands then.
    /// `None` when the lease is lost. A batch that was under way when the import was stopped
    /// counts: its contacts are there.
    pub(crate) async fn advance(
        &self,
        lease: Lease,
        advance: Advance,
        now: Timestamp,
    ) -> Result<Option<ImportState>> {
        let state: Option<String> = self
            .db
            .write("import.advance", move |mut conn| {
                Box::pin(async move { take_step(&mut conn, lease, advance, now).await })
            })
            .await?;
        state
            .map(|name| name.parse().map_err(|_| onethread_db::Error::Corrupt("state")))
            .transpose()
    }
}

async fn take_step(
    conn: &mut Conn<'_>,
    lease: Lease,
    step: Advance,
    now: Timestamp,
) -> Result<Option<String>> {
    let (of, id) = (lease.organization_id.0, lease.import_id.0);
    let counts = step.counts;
    let state: Option<String> = match step.next {
        Some(next) => {
            let [offset, line, record] = position(next);
            on!(&mut *conn, |c| query_scalar(sql::ADVANCE)
                .bind(of)
                .bind(id)
                .bind(lease.number)
                .bind(step.batch)
                .bind(offset)
                .bind(line)
                .bind(record)
                .bind(counts.created)
                .bind(counts.updated)
                .bind(counts.unchanged)
                .bind(counts.rejected)
                .fetch_optional(&mut **c)
                .await)?
        }
        None => on!(&mut *conn, |c| query_scalar(sql::FINISH)
            .bind(of)
            .bind(id)
            .bind(lease.number)
            .bind(step.batch)
            .bind(counts.created)
            .bind(counts.updated)
            .bind(counts.unchanged)
            .bind(counts.rejected)
            .bind(Time(now))
            .fetch_optional(&mut **c)
            .await)?,
    };
    if state.is_some() && !step.rejected.is_empty() {
        let rows: Vec<RejectedJson> = step.rejected.into_iter().map(Into::into).collect();
        let text = conn.pick(sql::REJECT_SQLITE, sql::REJECT_POSTGRES);
        on!(&mut *conn, |c| query(text)
            .bind(of)
            .bind(id)
            .bind(Json(&rows))
            .execute(&mut **c)
            .await
            .map(drop))?;
    }
    Ok(state)
}
