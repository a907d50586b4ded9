//! Graceful shutdown. A signal cancels one token; every task watches it and finishes its current
//! work; the time for that is limited.

use std::{future::Future, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};
use tracing::{Instrument, info, warn};

/// How long the remaining tasks may run after the stop before the process exits without them.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The tasks of a process and the signal that stops them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Creates a lifecycle without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that the shutdown waits for. It must end soon after [`Self::stopping`].
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task.in_current_span());
    }

    /// Runs `work` now and then again after each interval, until the process stops.
    pub async fn run_at_intervals<F>(self, interval: Duration, work: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        loop {
            tokio::select! {
                () = self.stopping() => return,
                () = async {
                    work().await;
                    tokio::time::sleep(interval).await;
                } => {}
            }
        }
    }

    /// Starts the shutdown.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// True after the shutdown has started.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the shutdown starts.
    pub fn stopping(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Starts the shutdown at the first SIGINT or SIGTERM.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the signal handlers.
    pub fn stop_on_signals(&self) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            info!("shutting down");
            stop.cancel();
        });
        Ok(())
    }

    /// Waits until the shutdown has started and every task has ended, but at most [`SHUTDOWN_TIMEOUT`] from
    /// the start.
    pub async fn wait_for_shutdown(&self) {
        self.stop.cancelled().await;
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait()).await.is_err() {
            warn!(tasks = self.tasks.len(), "shutdown timed out, stopping the remaining tasks");
        }
    }
}

/// Runs work in its own task, so that it finishes even if the caller stops waiting: a canceled
/// request must not leave half of its effects. A panic of the work is passed on to the caller.
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
    async fn shielded_work_finishes_when_its_caller_stops_waiting() {
        let (done, receiver) = tokio::sync::oneshot::channel();
        let work = shielded(async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            done.send("done").unwrap();
        });
        tokio::time::timeout(Duration::from_millis(5), work).await.unwrap_err();
        assert_eq!(receiver.await.unwrap(), "done");
    }

    #[tokio::test(start_paused = true)]
    async fn the_shutdown_does_not_wait_forever() {
        let life = Lifecycle::new();
        life.spawn(std::future::pending());
        life.stop();
        let started = tokio::time::Instant::now();
        life.wait_for_shutdown().await;
        assert_eq!(started.elapsed(), SHUTDOWN_TIMEOUT);
    }
}
