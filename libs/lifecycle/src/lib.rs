//! How a process ends: a signal cancels one token, everything that runs watches it and finishes
//! what it has begun, and the drain is bounded.

use std::{future::Future, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};
use tracing::{Instrument, info, warn};

/// How long a drain may take before what is left is cut off.
pub const DRAIN: Duration = Duration::from_secs(10);

/// What runs in a process, and the word to stop. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that the drain waits for. It has to end soon after [`Self::stopping`].
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task.in_current_span());
    }

    /// Does something at once, and again after each pause, until the process stops.
    pub async fn repeat<F>(self, pause: Duration, work: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        loop {
            tokio::select! {
                () = self.stopping() => return,
                () = async {
                    work().await;
                    tokio::time::sleep(pause).await;
                } => {}
            }
        }
    }

    /// Says stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// True once stop was said.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves once stop is said.
    pub fn stopping(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Says stop at the first SIGINT or SIGTERM.
    pub fn stop_on_signals(&self) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            info!("draining");
            stop.cancel();
        });
        Ok(())
    }

    /// Waits until stop was said and every task has ended, at most [`DRAIN`] from then.
    pub async fn drained(&self) {
        self.stop.cancelled().await;
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            warn!(tasks = self.tasks.len(), "drain took too long, what is left is cut off");
        }
    }
}

/// Runs work in a task of its own, so that it goes on to its end when its caller stops waiting:
/// a request that is canceled doesn't leave half of its effects. A panic of the work is the
/// caller's.
pub async fn shielded<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and so is the caller.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shielded_work_goes_on_when_its_caller_leaves() {
        let (done, hears) = tokio::sync::oneshot::channel();
        let work = shielded(async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            done.send("done").unwrap();
        });
        tokio::time::timeout(Duration::from_millis(5), work).await.unwrap_err();
        assert_eq!(hears.await.unwrap(), "done");
    }

    #[tokio::test(start_paused = true)]
    async fn the_drain_waits_but_not_for_ever() {
        let life = Lifecycle::new();
        life.spawn(std::future::pending());
        life.stop();
        let begun = tokio::time::Instant::now();
        life.drained().await;
        assert_eq!(begun.elapsed(), DRAIN);
    }
}
