//! Batches of imported rows.

use std::sync::Arc;

use onethread_core::{ContactId, ImportId, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Json, Result, Time, on};
use sqlx::{query, query_scalar};
use tracing::warn;

use super::{
    ROUNDS, Store, audit,
    batch::Held,
    batch_answers::{Run, results, runs},
    known::{self, Known},
    revocations, sql,
};
use crate::domain::{
    audit::Actor,
    import::{LookedAt, RowOutcome, RowResult},
    keys::ServerKeys,
};

/// One batch to commit.
#[derive(Debug, Clone)]
pub(crate) struct BatchJob {
    pub(crate) import_id: ImportId,
    pub(crate) number: i64,
    /// The rows; `None` closes a batch that was not committed before.
    pub(crate) rows: Option<Arc<Vec<LookedAt>>>,
    pub(crate) now: Timestamp,
}

/// Has the transaction wait for rows as long as others may keep them: what it waits for may be a
/// whole batch of another import, and nobody is held up by it but its own import.
pub(super) async fn patiently(conn: &mut Conn<'_>) -> Result<()> {
    if let Conn::Postgres(conn) = conn {
        query(sql::WAIT_FOR_ROWS).execute(&mut **conn).await?;
    }
    Ok(())
}

/// What is told of a row that the database won't have.
const POISONED: &str = "can't be stored";

impl Store {
    /// Commits a batch, once: a number that was committed before gets its first answer again. `None`
    /// for one that is closed.
    pub(crate) async fn import_batch(
        &self,
        of: OrganizationId,
        batch: BatchJob,
        keys: Arc<ServerKeys>,
    ) -> Result<Option<Vec<RowResult>>> {
        let mut aside = Arc::new(Vec::new());
        for _ in 0..ROUNDS {
            let (store, job, with) = (self.clone(), batch.clone(), keys.clone());
            let without = aside.clone();
            let done = self.db.write_batch("contact.import", move |mut conn| {
                Box::pin(async move { store.commit(&mut conn, of, &job, &without, &with).await })
            });
            match (done.await, &batch.rows) {
                (Err(Error::Conflict), _) => {}
                (Err(error), Some(rows)) if error.is_of_the_data() && aside.is_empty() => {
                    let poisoned = self.poisoned(of, &batch, rows, &keys).await?;
                    if poisoned.is_empty() {
                        return Err(error);
                    }
                    // What the database says of them may hold their values.
                    warn!(
                        rows = poisoned.len(),
                        "imported rows that can't be stored are set aside"
                    );
                    aside = Arc::new(poisoned);
                }
                (settled, _) => return settled,
            }
        }
        Err(Error::Conflict)
    }

    async fn commit(
        &self,
        conn: &mut Conn<'_>,
        of: OrganizationId,
        batch: &BatchJob,
        aside: &[usize],
        keys: &ServerKeys,
    ) -> Result<Option<Vec<RowResult>>> {
        patiently(conn).await?;
        // A closed batch has null for its results.
        let answered: Option<Json<Option<Vec<Run>>>> =
            on!(&mut *conn, |c| query_scalar(sql::IMPORT_BATCH)
                .bind(of.0)
                .bind(batch.import_id.0)
                .bind(batch.number)
                .fetch_optional(&mut **c)
                .await)?;
        if let Some(Json(answered)) = answered {
            return Ok(answered.map(results));
        }
        let Some(rows) = batch.rows.as_deref() else {
            self.keep_answer(conn, of, batch, None).await?;
            return Ok(None);
        };
        let outcomes = self.write_rows(conn, of, batch, rows, aside, keys).await?;
        let rows = rows.iter().zip(outcomes);
        let results: Vec<_> =
            rows.map(|(row, outcome)| RowResult { line: row.line, outcome }).collect();
        self.keep_answer(conn, of, batch, Some(&results)).await?;
        Ok(Some(results))
    }

    /// Writes rows of a batch, but for those set aside: one look at whom the database knows, one at
    /// those that the rows may change, each row's change in memory, and one write of what came of
    /// all of them. The same as row by row, with a few statements a batch.
    pub(super) async fn write_rows(
        &self,
        conn: &mut Conn<'_>,
        of: OrganizationId,
        batch: &BatchJob,
        rows: &[LookedAt],
        aside: &[usize],
        keys: &ServerKeys,
    ) -> Result<Vec<RowOutcome>> {
        let now = batch.now;
        let rows = rows.iter().enumerate().map(|(at, looked_at)| match &looked_at.row {
            _ if aside.contains(&at) => Err(RowOutcome::rejected("", POISONED)),
            row => row.as_ref().map_err(RowOutcome::clone),
        });
        let rows: Vec<_> = rows.collect();
        let known = known::of(conn, of, &rows).await?;
        let open = || {
            let rows = rows.iter().zip(&known);
            let open = rows.filter(|(_, known)| known.is_open());
            open.filter_map(|(row, _)| row.as_ref().ok().copied())
        };
        let take = |held: &mut Held| {
            let outcomes = rows.iter().zip(&known).map(|(row, known)| match row {
                Ok(_) if *known == Known::Same => RowOutcome::Unchanged,
                Ok(row) => held.take(row, ContactId(new_uuid(now, &*self.entropy)), keys, now),
                Err(rejected) => rejected.clone(),
            });
            outcomes.collect::<Vec<_>>()
        };
        let mut held = Held::load(conn, of, open(), false).await?;
        let mut outcomes = take(&mut held);
        if held.changes() {
            // Only those who are to change are worth a lock, which writes to each row.
            held = Held::load(conn, of, open(), true).await?;
            outcomes = take(&mut held);
        }
        held.store(conn, now).await?;
        let (claimed, entropy) = (held.claimed(), &*self.entropy);
        revocations::insert(conn, of, &claimed.known, now, entropy).await?;
        let claims = (Actor::Import(batch.import_id.0), "claim.set");
        audit::record_each(conn, of, claims, &claimed.all, now, entropy).await?;
        Ok(outcomes)
    }

    /// A conflict when another process answered first.
    async fn keep_answer(
        &self,
        conn: &mut Conn<'_>,
        of: OrganizationId,
        batch: &BatchJob,
        results: Option<&Vec<RowResult>>,
    ) -> Result<()> {
        let stored = on!(&mut *conn, |c| query(sql::INSERT_IMPORT_BATCH)
            .bind(of.0)
            .bind(batch.import_id.0)
            .bind(batch.number)
            .bind(Json(results.map(|results| runs(results))))
            .bind(Time(batch.now))
            .execute(&mut **c)
            .await
            .map(|done| done.rows_affected()))?;
        if stored == 1 { Ok(()) } else { Err(Error::Conflict) }
    }
}
