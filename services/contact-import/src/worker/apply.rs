//! The second pass: batch after batch is sent to identity, and each batch's outcome is stored with the
//! position after it in one transaction. While identity works on a batch, the outcome of the one
//! before is stored and the one after is read.

use std::{collections::VecDeque, time::Duration};

use onethread_core::Timestamp;
use onethread_errors::{Error, Result};
use onethread_lifecycle::shielded;
use onethread_telemetry::metrics;

use super::{
    JobError, Worker,
    batch::{Batch, BatchReader},
    batch_thread::BatchThread,
    duplicates::Duplicates,
};
use crate::{
    clients::{ImportStream, MAX_IN_FLIGHT},
    domain::{
        BatchResult, Counts, Failure, ImportState, Job, Lease, Outcome, Position, Rejection,
        RowParser,
    },
};

/// How long an import is worked on while another organization waits.
const TURN_DURATION: Duration = Duration::from_secs(15);

impl Worker {
    /// Applies an import from its position to its end, until it is canceled, or until its turn ends
    /// because another organization waits.
    pub(super) async fn apply(&self, job: &Job) -> Result<(), JobError> {
        let turn_ends = self.clock.now().plus(TURN_DURATION);
        let reader = self.batches(job).await?;
        let mut stream = self.contacts.import(job.lease.organization, job.lease.import);
        let (mut number, mut has_more, mut state) = (job.batch, true, ImportState::Running);
        let mut in_flight = VecDeque::with_capacity(MAX_IN_FLIGHT);
        loop {
            while has_more && in_flight.len() < MAX_IN_FLIGHT {
                let mut batch = reader.next().await?;
                number += 1;
                has_more = batch.next.is_some();
                send(&mut stream, number, &mut batch).await?;
                in_flight.push_back((number, batch));
            }
            let Some((number, batch)) = in_flight.pop_front() else { break };
            let outcomes = receive(&mut stream, number, &batch).await?;
            let outcomes = outcomes.ok_or(JobError::LeaseLost)?;
            let result = batch_result(number, batch, outcomes, reader.parser());
            state = self.record(job.lease, result).await?.ok_or(JobError::LeaseLost)?;
            // Batches in flight are finished in any case.
            has_more = has_more
                && state == ImportState::Running
                && !self.turn_has_ended(job, turn_ends).await?;
        }
        stream.finish().await;
        match state {
            ImportState::Canceled => self.jobs.settle(job.lease).await?,
            ImportState::Running => {
                self.jobs.release(job.lease, Duration::ZERO, 0, None).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn turn_has_ended(&self, job: &Job, turn_ends: Timestamp) -> Result<bool> {
        Ok(self.clock.now() > turn_ends && self.jobs.others_wait(job.lease.organization).await?)
    }

    /// Stores the outcome of a batch, also when this worker stops meanwhile.
    async fn record(&self, lease: Lease, result: BatchResult) -> Result<Option<ImportState>> {
        let (jobs, counts) = (self.jobs.clone(), result.counts);
        let state = shielded(async move { jobs.record_batch(lease, result).await }).await?;
        self.wait_reasons.clear(lease.import);
        if state.is_some() {
            count_rows(counts);
        }
        Ok(state)
    }

    /// Finds the outcome of batches that were in flight when an import was canceled, and prevents
    /// that one is committed later.
    pub(super) async fn settle(&self, job: &Job) -> Result<(), JobError> {
        let reader = self.batches(job).await?;
        let mut stream = self.contacts.import(job.lease.organization, job.lease.import);
        let mut is_next_known = true;
        for number in (job.batch + 1..).take(MAX_IN_FLIGHT) {
            let batch = reader.next().await?;
            let is_last = batch.next.is_none();
            if !batch.rows.is_empty() {
                stream.close(number).await.map_err(contacts_error)?;
            }
            match receive(&mut stream, number, &batch).await? {
                Some(outcomes) if is_next_known => {
                    let result = batch_result(number, batch, outcomes, reader.parser());
                    self.record(job.lease, result).await?;
                }
                _ => is_next_known = false,
            }
            if is_last {
                break;
            }
        }
        stream.finish().await;
        Ok(self.jobs.settle(job.lease).await?)
    }

    async fn batches(&self, job: &Job) -> Result<BatchThread, JobError> {
        let parser = RowParser::new(job.header.clone(), &job.mapping);
        let (keys, folder) = (parser.clone(), self.files.work_folder().to_owned());
        let duplicates = self
            .read(job, Position::START, move |records, canceled| {
                Duplicates::find(records, &keys, folder, canceled)
            })
            .await?;
        let batches = self.read(job, job.position, move |records, _| {
            Ok(BatchReader::new(records, parser, duplicates))
        });
        Ok(BatchThread::start(batches.await?))
    }
}

fn count_rows(counts: Counts) {
    for (outcome, rows) in [
        ("created", counts.created),
        ("updated", counts.updated),
        ("unchanged", counts.unchanged),
        ("rejected", counts.rejected),
    ] {
        metrics::rows_imported(outcome, u64::try_from(rows).unwrap_or(0));
    }
}

/// Sends a batch, unless it has no rows.
async fn send(stream: &mut ImportStream, number: i64, batch: &mut Batch) -> Result<(), JobError> {
    if batch.rows.is_empty() {
        return Ok(());
    }
    let rows = batch.rows.iter_mut();
    let rows = rows.map(|(record, row)| (record.line, std::mem::take(row))).collect();
    stream.send(number, rows).await.map_err(contacts_error)
}

async fn receive(
    stream: &mut ImportStream,
    number: i64,
    batch: &Batch,
) -> Result<Option<Vec<Outcome>>, JobError> {
    if batch.rows.is_empty() {
        return Ok(Some(Vec::new()));
    }
    stream.answer(number, batch.rows.len()).await.map_err(contacts_error)
}

fn contacts_error(error: Error) -> JobError {
    if Failure::is_permanent(&error) {
        JobError::Permanent(format!("The contacts did not take the rows: {}", error.detail))
    } else {
        JobError::Failed(error)
    }
}

fn batch_result(
    number: i64,
    batch: Batch,
    outcomes: Vec<Outcome>,
    parser: &RowParser,
) -> BatchResult {
    let Batch { rows, mut rejected, next } = batch;
    let mut counts = Counts::default();
    for ((record, _), outcome) in rows.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Updated => counts.updated += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Rejected { field, reason } => {
                let rejection = Rejection { column: parser.column_of(&field), reason };
                rejected.push(parser.rejected(&record, rejection));
            }
        }
    }
    counts.rejected = i64::try_from(rejected.len()).unwrap_or(i64::MAX);
    BatchResult { batch: number, counts, rejected, next }
}
