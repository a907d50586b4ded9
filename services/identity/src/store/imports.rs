//! Batches of imported rows.

use std::sync::Arc;

use onethread_core::{ContactId, ImportId, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Json, Result, Time, on};
use sqlx::{query, query_scalar};

use super::{
    ROUNDS, Store,
    contacts::{self, Lock},
    revocations, sql,
};
use crate::domain::{
    import::{CheckedRow, ImportRow, RowChange, RowKey, RowOutcome, RowResult, check, decide},
    keys::ServerKeys,
};

/// One batch to commit.
#[derive(Debug, Clone)]
pub(crate) struct BatchJob {
    pub(crate) import_id: ImportId,
    pub(crate) number: i64,
    pub(crate) rows: Arc<Vec<ImportRow>>,
    pub(crate) now: Timestamp,
}

impl Store {
    /// Commits a batch, once: a number that was committed before gets its first answer again.
    pub(crate) async fn import_batch(
        &self,
        of: OrganizationId,
        batch: BatchJob,
        keys: Arc<ServerKeys>,
    ) -> Result<Vec<RowResult>> {
        for _ in 0..ROUNDS {
            let (store, batch, keys) = (self.clone(), batch.clone(), keys.clone());
            let done = self.db.write("contact.import", move |mut conn| {
                Box::pin(async move { store.commit(&mut conn, of, &batch, &keys).await })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }

    async fn commit(
        &self,
        conn: &mut Conn<'_>,
        of: OrganizationId,
        batch: &BatchJob,
        keys: &ServerKeys,
    ) -> Result<Vec<RowResult>> {
        let answered: Option<Json<Vec<RowResult>>> =
            on!(&mut *conn, |c| query_scalar(sql::IMPORT_BATCH)
                .bind(of.0)
                .bind(batch.import_id.0)
                .bind(batch.number)
                .fetch_optional(&mut **c)
                .await)?;
        if let Some(Json(results)) = answered {
            return Ok(results);
        }
        let mut results = Vec::with_capacity(batch.rows.len());
        for row in batch.rows.iter() {
            let outcome = match check(row) {
                Ok(checked) => self.apply(conn, of, &checked, keys, batch.now).await?,
                Err(rejected) => rejected,
            };
            results.push(RowResult { line: row.line, outcome });
        }
        let stored = on!(&mut *conn, |c| query(sql::INSERT_IMPORT_BATCH)
            .bind(of.0)
            .bind(batch.import_id.0)
            .bind(batch.number)
            .bind(Json(&results))
            .bind(Time(batch.now))
            .execute(&mut **c)
            .await
            .map(|done| done.rows_affected()))?;
        if stored == 1 { Ok(results) } else { Err(Error::Conflict) }
    }

    async fn apply(
        &self,
        conn: &mut Conn<'_>,
        of: OrganizationId,
        row: &CheckedRow,
        keys: &ServerKeys,
        now: Timestamp,
    ) -> Result<RowOutcome> {
        let matches = match &row.key {
            RowKey::UserId(user_id) => {
                let found = contacts::by_user_id(conn, of, user_id.as_str(), Lock::Yes).await?;
                found.into_iter().collect()
            }
            RowKey::Email(email) => contacts::vouched_by_email(conn, of, email).await?,
        };
        let new_id = ContactId(new_uuid(now, &*self.entropy));
        match decide(row, &matches, of, new_id, keys, now) {
            RowChange::Create(contact) => {
                if !contacts::insert(conn, &contact).await? {
                    return Err(Error::Conflict);
                }
                Ok(RowOutcome::Created)
            }
            RowChange::Update { contact, claimed } => {
                contacts::update(conn, &contact).await?;
                if claimed {
                    let who = [contact.id.0];
                    revocations::insert(conn, of, &who, now, &*self.entropy).await?;
                }
                Ok(RowOutcome::Updated)
            }
            RowChange::Settled(outcome) => Ok(outcome),
        }
    }
}
