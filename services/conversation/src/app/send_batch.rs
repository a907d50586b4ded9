//! Storing a batch of sends, mostly by one statement.

use std::{borrow::Cow, sync::Arc};

use onethread_core::Timestamp;
use onethread_db::{Database, Error as DbError, Result as DbResult, transaction};
use onethread_errors::{Error, Result};

use crate::{
    domain::{NewMessage, SendOutcome, SendPlan},
    store::{
        batch::{self, LockMode, PlainBatch},
        effects,
    },
};

/// Stores batches of sends. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BatchStore {
    /// Connections that plan for batches.
    db: Database,
}

impl BatchStore {
    pub(super) fn new(db: &Database) -> Self {
        Self { db: db.batches() }
    }

    /// Stores each message under the next number of its conversation, once for its author and
    /// client id, in as few transactions as possible: mostly one. Those of a conversation are
    /// stored in the order given, except for those that name a conversation that was merged into
    /// it. A message that the database rejects fails alone, and one whose conversation another
    /// transaction holds for long is [`SendOutcome::Locked`] alone.
    pub(super) async fn send(&self, sends: &[NewMessage]) -> Vec<Result<SendOutcome>> {
        let (plain, mode) = match self.append_plain(sends).await {
            Ok(plain) => (plain, LockMode::Wait),
            Err(DbError::Locked) => (Vec::new(), LockMode::SkipLocked),
            // If it failed for more than a send that is not plain, the others fail as well.
            Err(_) => (Vec::new(), LockMode::Wait),
        };
        if plain.len() == sends.len() {
            return in_order(plain);
        }
        let mut answers: Vec<_> = sends.iter().map(|_| None).collect();
        for (index, outcome) in plain {
            answers[index] = Some(Ok(outcome));
        }
        let others = sends.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        let others: Vec<_> = others.map(|(new, _)| new.clone()).collect();
        let mut others = self.send_others(&others, mode).await.into_iter();
        answers.into_iter().filter_map(|answer| answer.or_else(|| others.next())).collect()
    }

    /// One statement. Returns the outcomes of plain sends, each with its index.
    async fn append_plain(&self, sends: &[NewMessage]) -> DbResult<Vec<(usize, SendOutcome)>> {
        let plain = PlainBatch::new(sends);
        if plain.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.db.writer("conversation.send_plain").await?;
        batch::append_plain(&mut conn, &plain).await
    }

    async fn send_others(&self, sends: &[NewMessage], mode: LockMode) -> Vec<Result<SendOutcome>> {
        let mut sent = self.send_in_transaction(sends, mode).await;
        if mode == LockMode::Wait && sent.as_ref().is_err_and(is_locked) {
            sent = self.send_in_transaction(sends, LockMode::SkipLocked).await;
        }
        match sent {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if is_locked(&error) && sends.len() == 1 => vec![Ok(SendOutcome::Locked)],
            Err(error) if sends.len() == 1 => vec![Err(error)],
            // The callers retry.
            Err(error) if error.reason.http() >= 503 && !is_locked(&error) => {
                let error = Arc::new(error);
                sends.iter().map(|_| Err(Error::unavailable(error.clone()))).collect()
            }
            Err(_) => {
                let mut outcomes = Vec::with_capacity(sends.len());
                for new in sends {
                    outcomes.push(self.send_alone(new).await);
                }
                outcomes
            }
        }
    }

    async fn send_alone(&self, new: &NewMessage) -> Result<SendOutcome> {
        match self.send_in_transaction(std::slice::from_ref(new), LockMode::SkipLocked).await {
            Ok(mut outcomes) => Ok(outcomes.swap_remove(0)),
            // Another transaction has inserted the conversation and is not committed.
            Err(error) if is_locked(&error) => Ok(SendOutcome::Locked),
            Err(error) => Err(error),
        }
    }

    async fn send_in_transaction(
        &self,
        sends: &[NewMessage],
        mode: LockMode,
    ) -> Result<Vec<SendOutcome>> {
        transaction!(self.db, "conversation.send", |tx| {
            let snapshot = batch::snapshot(tx, sends, mode).await?;
            let mut sends = Cow::Borrowed(sends);
            let plan = SendPlan::new(&mut sends, snapshot);
            batch::write(tx, &sends, &plan).await?;
            let now = sends.iter().map(|new| new.now).max().unwrap_or(Timestamp::from_micros(0));
            effects::record_batch(tx, &plan.deliveries, now).await?;
            Ok(plan.outcomes)
        })
    }
}

/// The outcomes of all sends of a batch, in their order.
fn in_order(mut outcomes: Vec<(usize, SendOutcome)>) -> Vec<Result<SendOutcome>> {
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| Ok(outcome)).collect()
}

/// True when a transaction failed because another one holds a row.
fn is_locked(error: &Error) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref());
    matches!(source, Some(DbError::Locked))
}
