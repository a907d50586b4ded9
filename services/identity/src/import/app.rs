//! Committing batches of imported rows.
//!
//! A function without an `# Errors` section fails only when the database does.

use std::ops::Range;

use onethread_core::{ContactId, ImportId, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Connection, Error as DbError, transaction};
use onethread_errors::{Error, Result};
use tracing::warn;

use super::{
    domain::{
        batch::BatchContacts,
        comparison::{BatchRow, Comparison},
        row::{CheckedRow, ImportRow, RowOutcome, RowResult, check},
    },
    store::{
        batches::{self, BatchKey},
        comparison::compare,
        contacts,
    },
};
use crate::{
    app::App,
    organization::domain::audit::{Action, Actor},
    store::effects,
};

/// Most rows of a batch.
const MAX_ROWS: usize = 2000;
/// Number of an import's first batch.
const FIRST_BATCH: i64 = 1;
/// The reason of a row that passed all checks and that the database rejects.
const UNSTORABLE: &str = "can't be stored";

/// The checked rows of a batch.
#[derive(Debug)]
pub(crate) struct ImportRows(Vec<CheckedRow>);

impl ImportRows {
    /// Checks each of the rows.
    ///
    /// # Errors
    ///
    /// `rows` when they are too many.
    pub(crate) fn check(rows: impl ExactSizeIterator<Item = ImportRow>) -> Result<Self> {
        if rows.len() > MAX_ROWS {
            return Err(Error::invalid("rows", "are more than 2,000"));
        }
        Ok(Self(rows.map(check).collect()))
    }
}

impl App {
    /// Commits a batch once. A number that was committed before gets the same results again.
    /// Without rows, a batch that was not committed is closed: `None`, as for one that was closed
    /// before.
    pub(crate) async fn import_batch(
        &self,
        organization: OrganizationId,
        import: ImportId,
        number: i64,
        rows: Option<ImportRows>,
    ) -> Result<Option<Vec<RowResult>>> {
        let batch = BatchKey { organization, import, number };
        let now = self.clock.now();
        let rows = rows.as_ref().map(|ImportRows(rows)| rows.as_slice());
        match (self.commit_batch(batch, rows, &[], now).await, rows) {
            (Err(error), Some(rows)) if is_rejected_by_database(&error) => {
                let unstorable = self.find_unstorable(batch, rows, now).await?;
                if unstorable.is_empty() {
                    return Err(error);
                }
                // The database's own message may hold their values.
                let count = unstorable.len();
                warn!(rows = count, "imported rows are rejected by the database");
                self.commit_batch(batch, Some(rows), &unstorable, now).await
            }
            (committed, _) => committed,
        }
    }

    async fn commit_batch(
        &self,
        batch: BatchKey,
        rows: Option<&[CheckedRow]>,
        unstorable: &[usize],
        now: Timestamp,
    ) -> Result<Option<Vec<RowResult>>> {
        let db = self.db.batches();
        transaction!(db, "contact.import", |tx| {
            batches::wait_for_rows(tx).await?;
            if let Some(results) = batches::results(tx, batch).await? {
                return Ok(results);
            }
            let results = match rows {
                None => None,
                Some(rows) => Some(self.write_rows(tx, batch, rows, unstorable, now).await?),
            };
            batches::insert(tx, batch, results.as_deref(), now).await?;
            Ok(results)
        })
    }

    /// Writes the rows of a batch: compares all of them in the database, reads the contacts that
    /// they may change, applies each row in memory, and writes the changes. The result is the same
    /// as row by row, with a few statements a batch.
    async fn write_rows(
        &self,
        conn: &mut Connection,
        batch: BatchKey,
        rows: &[CheckedRow],
        unstorable: &[usize],
        now: Timestamp,
    ) -> Result<Vec<RowResult>> {
        let organization = batch.organization;
        let valid = rows.iter().enumerate().map(|(index, checked)| match &checked.row {
            _ if unstorable.contains(&index) => Err(RowOutcome::rejected("", UNSTORABLE)),
            row => row.as_ref().map_err(RowOutcome::clone),
        });
        let valid: Vec<BatchRow<'_>> = valid.collect();
        let comparisons = compare(conn, organization, &valid).await?;
        let to_read = || {
            let rows = valid.iter().zip(&comparisons);
            let rows = rows.filter(|(_, comparison)| comparison.needs_contact());
            rows.filter_map(|(row, _)| row.as_ref().ok().copied())
        };
        let mut found = contacts::read(conn, organization, to_read(), false).await?;
        let mut outcomes = self.apply_rows(&mut found, batch, &valid, &comparisons, now);
        if found.has_updates() {
            // A lock writes to the row, so only contacts that change are locked.
            found = contacts::read(conn, organization, to_read(), true).await?;
            outcomes = self.apply_rows(&mut found, batch, &valid, &comparisons, now);
        }
        contacts::write(conn, organization, &found, now).await?;
        let mut effects = found.into_effects().in_bulk();
        if batch.number == FIRST_BATCH {
            let import = batch.import.0;
            effects = effects.audit(Actor::Import(import), Action::ContactsImport, import);
        }
        effects::record(conn, organization, effects, now, &*self.entropy).await?;
        let results = rows.iter().zip(outcomes);
        Ok(results.map(|(row, outcome)| RowResult { line: row.line, outcome }).collect())
    }

    fn apply_rows(
        &self,
        contacts: &mut BatchContacts,
        batch: BatchKey,
        rows: &[BatchRow<'_>],
        comparisons: &[Comparison],
        now: Timestamp,
    ) -> Vec<RowOutcome> {
        let actor = Actor::Import(batch.import.0);
        let outcome = |(row, comparison): (&BatchRow<'_>, &Comparison)| match row {
            Ok(_) if *comparison == Comparison::Same => RowOutcome::Unchanged,
            Ok(row) => {
                let new_id = ContactId(new_uuid(now, &*self.entropy));
                contacts.apply(row, new_id, actor, &self.keys, now)
            }
            Err(rejected) => rejected.clone(),
        };
        rows.iter().zip(comparisons).map(outcome).collect()
    }

    /// The indexes of rows that the database itself rejects: found by halving the batch, in
    /// transactions that are rolled back, so that only they are rejected and not the whole batch.
    async fn find_unstorable(
        &self,
        batch: BatchKey,
        rows: &[CheckedRow],
        now: Timestamp,
    ) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        let whole = 0..rows.len();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            if self.is_storable(batch, rows, part.clone(), now).await? {
                continue;
            }
            if part.len() == 1 {
                found.push(part.start);
                continue;
            }
            let middle = part.start + part.len() / 2;
            parts.extend([part.start..middle, middle..part.end]);
        }
        Ok(found)
    }

    async fn is_storable(
        &self,
        batch: BatchKey,
        rows: &[CheckedRow],
        part: Range<usize>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.batches().begin("contact.import.trial").await?;
        let written = async {
            batches::wait_for_rows(&mut tx).await?;
            self.write_rows(&mut tx, batch, &rows[part], &[], now).await
        };
        let written = written.await;
        tx.roll_back().await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_rejected_by_database(&error) => Ok(false),
            // The commit detects conflicts with other processes.
            Err(error) if matches!(database_error(&error), Some(DbError::Conflict)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn is_rejected_by_database(error: &Error) -> bool {
    database_error(error).is_some_and(DbError::is_invalid_data)
}

fn database_error(error: &Error) -> Option<&DbError> {
    error.source.as_ref().and_then(|source| source.downcast_ref())
}
