//! The queue of sends. One writer takes what was queued while the last commit ran and stores it
//! together: a lone send waits for nothing, many share a commit. Hints are published in the order
//! of the numbers, because one task publishes them. Sends to locked conversations wait in
//! `locked_sends`.

use std::{mem, time::Duration};

use onethread_db::Database;
use onethread_errors::{Error, Result};
use onethread_outbox::Wake;
use onethread_telemetry::{attributes, metrics, spans};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tracing::{Instrument, Span, warn};

use super::{locked_sends::LockedSends, send_batch::BatchStore};
use crate::{
    domain::{AuthorKind, HintKind, NewMessage, SendOutcome},
    live::{Hint, Live},
};

/// Sends that wait; more are rejected.
const QUEUE_CAPACITY: usize = 1024;
/// Sends in one commit, so that none of them waits long for the others.
const MAX_BATCH_SIZE: usize = 512;
/// How long storing a batch may take, so that a send that was queued meanwhile is still answered
/// within its deadline. What is under way then is rolled back, unless its commit was sent.
const BATCH_TIMEOUT: Duration = Duration::from_secs(4);

/// Puts sends into the queue. Cheap to clone; the writer ends with the last clone.
#[derive(Debug, Clone)]
pub(super) struct SendQueue(mpsc::Sender<QueuedSend>);

/// A send in the queue.
#[derive(Debug)]
pub(super) struct QueuedSend {
    pub(super) new: NewMessage,
    pub(super) queued_at: Instant,
    span: Span,
    /// Takes the answer to the caller.
    pub(super) answer: oneshot::Sender<Result<SendOutcome>>,
}

impl QueuedSend {
    /// Answers the caller. The span ends first, because the caller's own ends soon.
    pub(super) fn answer_with(self, outcome: Result<SendOutcome>) {
        let Self { span, answer, .. } = self;
        if let Err(error) = &outcome {
            let reason = error.reason.error_info_reason();
            spans::fail(&span, reason, reason);
        }
        drop(span);
        // A caller who has left retries under the same client id.
        let _ = answer.send(outcome);
    }
}

impl SendQueue {
    /// Starts the writer.
    pub(super) fn start(db: &Database, live: Live, wake: Wake) -> Self {
        let (queue, sends) = mpsc::channel(QUEUE_CAPACITY);
        let writer = BatchWriter { store: BatchStore::new(db), live, wake };
        tokio::spawn(writer.run(sends));
        Self(queue)
    }

    /// Stores a message and publishes its hint. If the caller leaves before the batch is taken,
    /// nothing is stored.
    pub(super) async fn send(&self, new: NewMessage) -> Result<SendOutcome> {
        let (answer, answered) = oneshot::channel();
        let span = spans::step("queued send");
        let queued = QueuedSend { new, queued_at: Instant::now(), span: span.clone(), answer };
        self.0.try_send(queued).map_err(|_| Error::unavailable("the queue of sends is full"))?;
        answered.instrument(span).await.map_err(Error::internal)?
    }
}

/// Stores what is queued, a batch at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BatchWriter {
    store: BatchStore,
    live: Live,
    wake: Wake,
}

impl BatchWriter {
    async fn run(self, mut queue: mpsc::Receiver<QueuedSend>) {
        let (mut batch, locked) = (Vec::new(), LockedSends::default());
        while queue.recv_many(&mut batch, MAX_BATCH_SIZE).await > 0 {
            batch.retain(|queued| !queued.answer.is_closed());
            locked.divert(&mut batch);
            if !batch.is_empty() {
                let left = self.store(mem::take(&mut batch)).await;
                locked.wait_for(&self, left);
            }
        }
    }

    /// Stores a batch and answers the callers. Returns the sends whose conversations are locked.
    pub(super) async fn store(&self, batch: Vec<QueuedSend>) -> Vec<QueuedSend> {
        let span = batch_span(&batch);
        let sends: Vec<_> = batch.iter().map(|queued| queued.new.clone()).collect();
        let outcomes = timeout(BATCH_TIMEOUT, self.store.send(&sends)).instrument(span).await;
        let Ok(outcomes) = outcomes else {
            warn!(sends = batch.len(), "the database does not answer");
            for queued in batch {
                queued.answer_with(Err(Error::unavailable("the database does not answer")));
            }
            return Vec::new();
        };
        for (queued, outcome) in batch.iter().zip(&outcomes) {
            self.publish(&queued.new, outcome);
        }
        let mut locked = Vec::new();
        for (queued, outcome) in batch.into_iter().zip(outcomes) {
            if matches!(outcome, Ok(SendOutcome::Locked)) {
                locked.push(queued);
            } else {
                queued.answer_with(outcome);
            }
        }
        locked
    }

    /// Publishes hints of a stored message, and wakes the relay.
    fn publish(&self, new: &NewMessage, outcome: &Result<SendOutcome>) {
        let Ok(SendOutcome::Stored { message, has_delivery, reopened_seq }) = outcome else {
            return;
        };
        if *has_delivery {
            self.wake.wake();
        }
        let author = if new.author.kind == AuthorKind::Contact { "contact" } else { "agent" };
        metrics::message_stored(author);
        for seq in reopened_seq.iter().copied().chain([message.seq]) {
            self.live.publish(Hint {
                organization: new.organization,
                conversation: message.conversation,
                kind: HintKind::MessageStored { seq },
                trace: new.trace.clone(),
            });
        }
    }
}

/// The span of a batch: that of a lone send, else one outside of their traces. They link to each
/// other.
fn batch_span(batch: &[QueuedSend]) -> Span {
    let size = i64::try_from(batch.len()).unwrap_or(i64::MAX);
    for queued in batch {
        spans::set(&queued.span, attributes::DB_OPERATION_BATCH_SIZE, size);
    }
    if let [queued] = batch {
        return queued.span.clone();
    }
    let span = spans::shared_step("sends together");
    spans::set(&span, attributes::DB_OPERATION_BATCH_SIZE, size);
    for queued in batch {
        onethread_telemetry::link_span(&span, &queued.span);
        onethread_telemetry::link_span(&queued.span, &span);
    }
    span
}

#[cfg(test)]
mod tests;
