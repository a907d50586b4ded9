//! The second pass: batch after batch goes to the contacts, and each batch's outcome is stored
//! with the place behind it in one transaction. While the contacts are at a batch, the outcome of
//! the one before is stored and the one behind it read.

use std::{collections::VecDeque, time::Duration};

use onethread_errors::{Error, Result};

use super::{
    Stopped, Worker,
    batch::{Batch, Batches},
    duplicates::Duplicates,
    reader::Reader,
    records::Records,
};
use crate::{
    domain::{Advance, Counts, ImportState, Job, Outcome, Plan, Position, Rejection},
    grpc::ContactsImport,
};

/// Batches that are under way at once. Whoever takes up an import after another finds no more than
/// so many behind the last one that is stored.
const UNDER_WAY: usize = 2;
/// How long an import is worked on while another organization waits.
const TURN: Duration = Duration::from_secs(15);

impl Worker {
    /// Applies an import from where it stands: to its end, until it is stopped, or until others
    /// have waited long enough.
    pub(super) async fn apply(&self, job: &Job) -> Result<(), Stopped> {
        let (of, import) = (job.lease.organization_id, job.lease.import_id);
        let turn_ends = self.clock.now().plus(TURN);
        let reader = self.batches(job).await?;
        let mut contacts = self.contacts.import(of, import);
        let (mut number, mut more, mut state) = (job.batch, true, ImportState::Running);
        let mut under_way = VecDeque::with_capacity(UNDER_WAY);
        loop {
            while more && under_way.len() < UNDER_WAY {
                let mut batch = reader.next().await?;
                number += 1;
                more = batch.next.is_some();
                send(&mut contacts, number, &mut batch).await?;
                under_way.push_back((number, batch));
            }
            let Some((number, batch)) = under_way.pop_front() else { break };
            let outcomes = answer(&mut contacts, number, &batch).await?.ok_or(Stopped::Gone)?;
            let advance = advance(number, batch, outcomes, &reader);
            let stored = self.store.advance(job.lease, advance, self.clock.now()).await?;
            state = stored.ok_or(Stopped::Gone)?;
            self.waiting.over(import);
            let now = self.clock.now();
            // What is under way is seen to its end either way.
            more = more
                && state == ImportState::Running
                && !(now > turn_ends && self.store.others_wait(of, now).await?);
        }
        match state {
            ImportState::Cancelled => self.store.settled(job.lease).await?,
            ImportState::Running => {
                self.store.give_back(job.lease, self.clock.now(), 0, None).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Finds out what became of the batches that were under way when an import was stopped, and
    /// sees to it that none of them comes late.
    pub(super) async fn settle(&self, job: &Job) -> Result<(), Stopped> {
        let reader = self.batches(job).await?;
        let mut contacts = self.contacts.import(job.lease.organization_id, job.lease.import_id);
        let mut known = true;
        for number in (job.batch + 1..).take(UNDER_WAY) {
            let batch = reader.next().await?;
            let last = batch.next.is_none();
            if !batch.rows.is_empty() {
                contacts.close(number).await.map_err(refused)?;
            }
            match answer(&mut contacts, number, &batch).await? {
                Some(outcomes) if known => {
                    let advance = advance(number, batch, outcomes, &reader);
                    self.store.advance(job.lease, advance, self.clock.now()).await?;
                }
                _ => known = false,
            }
            if last {
                break;
            }
        }
        Ok(self.store.settled(job.lease).await?)
    }

    async fn batches(&self, job: &Job) -> Result<Reader, Stopped> {
        let plan = Plan::new(job.header.clone(), &job.mapping);
        let (keys, folder) = (plan.clone(), self.files.work().to_owned());
        let duplicates = self
            .read(job, Position::START, move |records, halt| {
                Duplicates::find(records, &keys, folder, halt)
            })
            .await?;
        let batches = self.read(job, job.position, move |records: Records<_>, _| {
            Ok(Batches::new(records, plan, duplicates))
        });
        Ok(Reader::start(batches.await?))
    }
}

/// A batch without rows has nothing to say to the contacts.
async fn send(
    contacts: &mut ContactsImport,
    number: i64,
    batch: &mut Batch,
) -> Result<(), Stopped> {
    if batch.rows.is_empty() {
        return Ok(());
    }
    let rows = batch.rows.iter_mut();
    let rows = rows.map(|(record, row)| (record.line, std::mem::take(row))).collect();
    contacts.send(number, rows).await.map_err(refused)
}

async fn answer(
    contacts: &mut ContactsImport,
    number: i64,
    batch: &Batch,
) -> Result<Option<Vec<Outcome>>, Stopped> {
    if batch.rows.is_empty() {
        return Ok(Some(Vec::new()));
    }
    contacts.answer(number, batch.rows.len()).await.map_err(refused)
}

/// What the contacts refuse as a whole is refused again at every try; the rest may pass.
fn refused(error: Error) -> Stopped {
    if matches!(error.reason.http(), 500..) {
        Stopped::Trouble(error)
    } else {
        Stopped::Refused(format!("The contacts did not take the rows: {}", error.detail))
    }
}

fn advance(number: i64, batch: Batch, outcomes: Vec<Outcome>, reader: &Reader) -> Advance {
    let Batch { rows, mut rejected, next } = batch;
    let mut counts = Counts::default();
    for ((record, _), outcome) in rows.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Updated => counts.updated += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Rejected { field, reason } => {
                let rejection = Rejection { column: reader.column_of(&field), reason };
                rejected.push(reader.rejected(&record, rejection));
            }
        }
    }
    counts.rejected = i64::try_from(rejected.len()).unwrap_or(i64::MAX);
    Advance { batch: number, counts, rejected, next }
}
