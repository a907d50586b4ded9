//! The second pass: batch after batch goes to the contacts, and each batch's outcome is stored
//! with the place behind it in one transaction.

use onethread_errors::{Error, Result};

use super::{
    Stopped, Worker,
    batch::{Batch, Batches},
    duplicates::Duplicates,
    records::Records,
    settle,
};
use crate::{
    domain::{Advance, Counts, ImportState, Job, Outcome, Plan, Position, Rejection},
    files::blocking,
};

impl Worker {
    /// Applies an import from where it stands to its end.
    pub(super) async fn apply(&self, job: &Job) -> Result<(), Stopped> {
        let mut batches = self.batches(job).await?;
        let (organization, import) = (job.lease.organization_id, job.lease.import_id);
        let mut contacts = self.contacts.import(organization, import);
        let mut number = job.batch;
        loop {
            number += 1;
            let (mut batch, behind) = read(batches).await?;
            batches = behind;
            let outcomes = if batch.rows.is_empty() {
                Vec::new()
            } else {
                let rows = batch.rows.iter_mut();
                let rows = rows.map(|(record, row)| (record.line, std::mem::take(row))).collect();
                contacts.send(number, rows).await.map_err(refused)?
            };
            let advance = advance(number, batch, outcomes, &batches);
            let stored = self.store.advance(job.lease, advance, self.clock.now()).await?;
            if stored != Some(ImportState::Running) {
                return Ok(());
            }
        }
    }

    async fn batches(&self, job: &Job) -> Result<Batches<std::fs::File>, Stopped> {
        let plan = Plan::new(job.header.clone(), &job.mapping);
        let (keys, folder) = (plan.clone(), self.files.root().to_owned());
        let duplicates = self
            .read(job, Position::START, move |records, halt| {
                Duplicates::find(records, &keys, folder, halt)
            })
            .await?;
        self.read(job, job.position, move |records: Records<_>, _| {
            Ok(Batches::new(records, plan, duplicates))
        })
        .await
    }
}

async fn read(
    mut batches: Batches<std::fs::File>,
) -> Result<(Batch, Batches<std::fs::File>), Stopped> {
    let read = blocking(move || Ok(settle(batches.read())?.map(|batch| (batch, batches))));
    read.await?.map_err(|broken| Stopped::Refused(broken.to_string()))
}

/// What the contacts refuse as a whole is refused again at every try; the rest may pass.
fn refused(error: Error) -> Stopped {
    if matches!(error.reason.http(), 500..) {
        Stopped::Trouble(error)
    } else {
        Stopped::Refused(format!("The contacts did not take the rows: {}", error.detail))
    }
}

fn advance(
    number: i64,
    batch: Batch,
    outcomes: Vec<Outcome>,
    batches: &Batches<std::fs::File>,
) -> Advance {
    let Batch { rows, mut rejected, next } = batch;
    let mut counts = Counts::default();
    for ((record, _), outcome) in rows.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Updated => counts.updated += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Rejected { field, reason } => {
                let rejection = Rejection { column: batches.column_of(&field), reason };
                rejected.push(batches.rejected(&record, rejection));
            }
        }
    }
    counts.rejected = i64::try_from(rejected.len()).unwrap_or(i64::MAX);
    Advance { batch: number, counts, rejected, next }
}
