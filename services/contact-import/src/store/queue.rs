//! The work queue. Who holds a [`Lease`] works on an import; what it writes after it lost the lease
//! comes to nothing.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};

use super::{
    Store,
    rows::{JobRow, RejectedJson, ScannedColumns, mapping_json, position},
    sql, update,
};
use crate::domain::{Advance, ImportState, Job, Lease, Mapping, Scanned};

impl Store {
    /// How many imports wait for a worker or are worked on, by state.
    pub(crate) async fn under_way(&self) -> Result<Vec<(String, i64)>> {
        self.db
            .read("import.measure", |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::UNDER_WAY).fetch_all(&mut **c).await)?)
                })
            })
            .await
    }

    /// Takes up an import until `until`: the one that has waited longest of the organization whose
    /// turn lies back longest.
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
                Box::pin(async move { claim(&mut conn, now, until).await })
            })
            .await?;
        row.map(Job::try_from).transpose()
    }

    /// True when another organization has an import that is due.
    pub(crate) async fn others_wait(&self, but: OrganizationId, now: Timestamp) -> Result<bool> {
        let due: Option<i32> = self
            .db
            .read("import.others_due", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::OTHERS_DUE)
                        .bind(but.0)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(due.is_some())
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

    /// Gives an import back to the queue, due at `due`, with what it waits for.
    pub(crate) async fn give_back(
        &self,
        lease: Lease,
        due: Timestamp,
        attempts: i64,
        waits_for: Option<&'static str>,
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
            waits_for,
        )
        .await
        .map(drop)
    }

    /// Notes that nothing of a stopped import is under way any more. Does nothing when the lease is
    /// lost.
    pub(crate) async fn settled(&self, lease: Lease) -> Result<()> {
        update!(
            self,
            "import.settled",
            sql::SETTLED,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
        )
        .await
        .map(drop)
    }

    /// Keeps what the scan found; where rows are to be applied the lease stays. False when the lease is lost or the import was stopped.
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

async fn claim(conn: &mut Conn<'_>, now: Timestamp, until: Timestamp) -> Result<Option<JobRow>> {
    if let Conn::Postgres(c) = &mut *conn {
        query(sql::LOCK_TURNS).execute(&mut **c).await?;
    }
    let row: Option<JobRow> = on!(&mut *conn, |c| query_as(sql::CLAIM)
        .bind(Time(now))
        .bind(Time(until))
        .fetch_optional(&mut **c)
        .await)?;
    if let Some(row) = &row {
        on!(&mut *conn, |c| query(sql::TAKE_TURN)
            .bind(row.organization_id)
            .execute(&mut **c)
            .await
            .map(drop))?;
    }
    Ok(row)
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
