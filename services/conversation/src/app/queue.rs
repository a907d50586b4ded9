//! Sends on their way to the database. One writer takes whatever queued up while its last commit
//! ran and stores it together: a send alone waits for nobody, a crowd shares commits. Readers are
//! told in the order of the numbers, because one task tells them.

use std::{mem, time::Duration};

use onethread_errors::{Error, Result};
use onethread_outbox::Wake;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::{Instrument, Span, field::Empty, info_span, warn};

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

#[derive(Debug)]
struct Waiting {
    new: NewMessage,
    span: Span,
    answer: oneshot::Sender<Result<Sent>>,
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
        let waiting = Waiting { new, span: span.clone(), answer };
        self.0.try_send(waiting).map_err(|_| Error::unavailable("too many sends are waiting"))?;
        answered.instrument(span).await.map_err(Error::internal)?
    }
}

/// Stores what waits, a batch at a time.
struct Writer {
    store: Store,
    live: Live,
    wake: Wake,
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut taken = Vec::new();
        while waiting.recv_many(&mut taken, TOGETHER).await > 0 {
            taken.retain(|one| !one.answer.is_closed());
            if !taken.is_empty() {
                self.store(mem::take(&mut taken)).await;
            }
        }
    }

    async fn store(&self, batch: Vec<Waiting>) {
        let span = together(&batch);
        let (sends, callers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|one| (one.new, one.answer)).unzip();
        let hints: Vec<_> = sends.iter().map(|new| (new.organization, new.trace.clone())).collect();
        let sent = timeout(PATIENCE, self.store.send_all(sends)).instrument(span).await;
        let Ok(sent) = sent else {
            warn!(sends = callers.len(), "the database does not answer");
            for caller in callers {
                let _ = caller.send(Err(Error::unavailable("the database does not answer")));
            }
            return;
        };
        for (sent, (organization, trace)) in sent.iter().zip(hints) {
            if let Ok(Sent::Stored { message, told, reopened }) = sent {
                if *told {
                    self.wake.wake();
                }
                let conversation = message.conversation;
                for seq in reopened.iter().copied().chain([message.seq]) {
                    let change = Change::Stored { seq };
                    let trace = trace.clone();
                    self.live.tell(Hint { organization, conversation, change, trace });
                }
            }
        }
        for (caller, sent) in callers.into_iter().zip(sent) {
            // A caller who went away meanwhile asks again under the same id.
            let _ = caller.send(sent.map_err(Error::from));
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
