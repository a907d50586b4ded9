//! Sends on their way to the database. One writer takes whatever queued up while its last commit
//! ran and stores it together: a send alone waits for nobody, a crowd shares commits. Readers are
//! told in the order of the numbers, because one task tells them. Sends that would hold up all
//! others step `aside`.

use std::{mem, sync::Arc, time::Duration};

use onethread_db::Result as StoreResult;
use onethread_errors::{Error, Result};
use onethread_outbox::Wake;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tracing::{Instrument, Span, field::Empty, info_span, warn};

use super::aside::Aside;
use crate::{
    live::{Change, Hint, Live},
    store::{NewMessage, Sent, Store},
};

/// Sends that may wait; one more is turned away.
const WAITING: usize = 1024;
/// Sends that go into one commit at most, so that none of them waits long for the others.
const TOGETHER: usize = 512;
/// How long a commit may keep the next one waiting, so that a send that came during it is still
/// answered within its deadline. What it does is left to end by itself; the next one takes another
/// connection.
const PATIENCE: Duration = Duration::from_secs(4);

/// The way in. Cheap to clone; the writer ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Queue(mpsc::Sender<Waiting>);

/// A send and who waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) new: NewMessage,
    pub(super) since: Instant,
    span: Span,
    pub(super) answer: oneshot::Sender<Result<Sent>>,
}

impl Queue {
    /// Starts the writer.
    pub(crate) fn start(store: Store, live: Live, wake: Wake) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(Writer { store, live, wake }.run(waiting));
        Self(queue)
    }

    /// Stores a message; readers were told of it when this answers. A caller who goes away before
    /// its turn leaves nothing, one who goes later takes nothing back.
    pub(crate) async fn send(&self, new: NewMessage) -> Result<Sent> {
        let (answer, answered) = oneshot::channel();
        let span = info_span!("send", otel.name = "queued send", db.operation.batch.size = Empty);
        let waiting = Waiting { new, since: Instant::now(), span: span.clone(), answer };
        self.0.try_send(waiting).map_err(|_| Error::unavailable("too many sends are waiting"))?;
        answered.instrument(span).await.map_err(Error::internal)?
    }
}

/// Stores what waits, a batch at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    store: Store,
    live: Live,
    wake: Wake,
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let (mut taken, aside) = (Vec::new(), Aside::default());
        while waiting.recv_many(&mut taken, TOGETHER).await > 0 {
            taken.retain(|one| !one.answer.is_closed());
            aside.divert(&mut taken);
            if !taken.is_empty() {
                let kept = self.store(mem::take(&mut taken)).await;
                aside.hold(&self, kept);
            }
        }
    }

    /// Stores a batch and answers the callers, but for those whose conversation somebody else
    /// keeps: these it gives back.
    pub(super) async fn store(&self, batch: Vec<Waiting>) -> Vec<Waiting> {
        let span = together(&batch);
        let sends: Arc<[_]> = batch.iter().map(|one| one.new.clone()).collect();
        let sent = timeout(PATIENCE, self.store.send_all(sends)).instrument(span).await;
        let Ok(sent) = sent else {
            warn!(sends = batch.len(), "the database does not answer");
            for one in batch {
                let _ = one.answer.send(Err(Error::unavailable("the database does not answer")));
            }
            return Vec::new();
        };
        for (one, sent) in batch.iter().zip(&sent) {
            self.tell(one, sent);
        }
        let mut kept = Vec::new();
        for (one, sent) in batch.into_iter().zip(sent) {
            if matches!(sent, Ok(Sent::Kept)) {
                kept.push(one);
            } else {
                // A caller who went away meanwhile asks again under the same id.
                let _ = one.answer.send(sent.map_err(Error::from));
            }
        }
        kept
    }

    /// Tells readers, and the outbox, of what was stored.
    fn tell(&self, one: &Waiting, sent: &StoreResult<Sent>) {
        let Ok(Sent::Stored { message, told, reopened }) = sent else { return };
        if *told {
            self.wake.wake();
        }
        for seq in reopened.iter().copied().chain([message.seq]) {
            self.live.tell(Hint {
                organization: one.new.organization,
                conversation: message.conversation,
                change: Change::Stored { seq },
                trace: one.new.trace.clone(),
            });
        }
    }
}

/// The span a batch is stored in: a lone send's own, else one that belongs to none of their traces
/// and is linked to all.
fn together(batch: &[Waiting]) -> Span {
    let size = batch.len();
    for one in batch {
        one.span.record("db.operation.batch.size", size);
    }
    if let [one] = batch {
        return one.span.clone();
    }
    let span = info_span!(
        parent: None,
        "sends",
        otel.name = "sends together",
        db.operation.batch.size = size,
    );
    for one in batch {
        onethread_telemetry::link_span(&span, &one.span);
    }
    span
}

#[cfg(test)]
mod tests;
