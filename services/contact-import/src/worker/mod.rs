//! Workers: each claims an import under a lease, which it renews, and scans or applies it. If a worker
//! dies, another takes over when the lease ends.

mod apply;
mod batch;
mod batch_thread;
mod decoder;
mod duplicates;
mod job;
mod metrics;
mod records;
mod scan;
mod sorter;
mod sweeper;
mod wait_reasons;

use std::{sync::Arc, time::Duration};

use onethread_core::{Backoff, Clock, Entropy};
use onethread_errors::{Error, Reason};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::{attributes, spans};
use tokio::sync::Notify;
use tracing::{Instrument, Span, error, warn};

use crate::{
    app::jobs::Jobs,
    clients::ContactsClient,
    domain::{Failure, ImportState, Job, WaitReason},
    storage::FileStorage,
};
use job::{JobError, check_canceled, split_errors};

#[cfg(test)]
pub(crate) use batch::MAX_BATCH_RECORDS;
pub(crate) use metrics::report_metrics;
pub(crate) use sweeper::Sweeper;
pub(crate) use wait_reasons::WaitReasons;

/// Interval at which a lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Interval at which an idle worker polls the queue: another process may have received a file.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Delays of a failed import.
const RETRY_BACKOFF: Backoff =
    Backoff { initial: Duration::from_millis(250), max: Duration::from_secs(60) };

/// Wakes a worker of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkSignal(Arc<Notify>);

impl WorkSignal {
    /// Called after the commit that makes an import due. Without it, the work starts up to a second
    /// later.
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }
}

/// Works on one import at a time.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) jobs: Jobs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) files: FileStorage,
    pub(crate) contacts: ContactsClient,
    pub(crate) work: WorkSignal,
    pub(crate) wait_reasons: WaitReasons,
}

impl Worker {
    /// Works until the process stops.
    pub(crate) async fn run(self, life: Lifecycle) {
        while !life.is_stopping() {
            match self.jobs.claim().await {
                Ok(Some(job)) => {
                    // More imports may be due while other workers are idle.
                    self.work.notify();
                    self.work_on(&job, &life).instrument(span(&job)).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) => warn!(cause = error.chain(), "failed to read the queue"),
            }
            tokio::select! {
                () = life.stopping() => break,
                () = self.work.0.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    async fn work_on(&self, job: &Job, life: &Lifecycle) {
        let ended = tokio::select! {
            biased;
            () = life.stopping() => {
                // Another worker continues at once, and this claim doesn't count as an attempt.
                return self.release(job, Duration::ZERO, job.attempts - 1, None).await;
            }
            () = self.renew_until_lost(job) => Err(JobError::LeaseLost),
            ended = self.run_job(job) => ended,
        };
        match ended {
            Ok(()) | Err(JobError::LeaseLost) => {}
            Err(JobError::Permanent(reason)) => {
                let code = Reason::InvalidArgument.error_info_reason();
                spans::fail(&Span::current(), code, code);
                self.fail(job, &reason).await;
            }
            Err(JobError::Failed(error)) => {
                let code = error.reason.error_info_reason();
                spans::fail(&Span::current(), code, code);
                self.retry_or_fail(job, error).await;
            }
        }
    }

    async fn renew_until_lost(&self, job: &Job) {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            match self.jobs.renew(job.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                // If this continues, the lease ends, and the next change of the import fails.
                Err(error) => warn!(cause = error.chain(), "failed to renew a lease"),
            }
        }
    }

    async fn fail(&self, job: &Job, reason: &str) {
        let failed = match job.state {
            // It has ended already, and its batches in flight can't be found any more.
            ImportState::Canceled => self.jobs.settle(job.lease).await,
            _ => self.jobs.fail(job.lease, reason).await,
        };
        if let Err(error) = failed {
            // The lease ends, and another worker fails the same way.
            warn!(cause = error.chain(), "failed to store the failure of an import");
        }
    }

    async fn retry_or_fail(&self, job: &Job, error: Error) {
        let waits_for = match Failure::of(&error, job.attempts) {
            Failure::Retry(waits_for) => waits_for,
            Failure::GiveUp => {
                error!(cause = error.chain(), "an import failed");
                let reason = "Something broke on the server while the file was worked on.";
                return self.fail(job, reason).await;
            }
        };
        let failures = u32::try_from(job.attempts).unwrap_or(u32::MAX);
        let delay = RETRY_BACKOFF.delay(failures, &*self.entropy);
        warn!(cause = error.chain(), ?delay, "an import is retried later");
        self.release(job, delay, job.attempts, waits_for).await;
    }

    async fn release(
        &self,
        job: &Job,
        delay: Duration,
        attempts: i64,
        waits_for: Option<WaitReason>,
    ) {
        if let Err(error) = self.jobs.release(job.lease, delay, attempts, waits_for).await {
            if let Some(reason) = waits_for {
                self.wait_reasons.set(job.lease.import, reason);
            }
            // The lease ends by itself.
            warn!(cause = error.chain(), "failed to release an import");
        }
    }
}

/// The span of work on an import. It continues the trace of the call that asked for it.
fn span(job: &Job) -> Span {
    let span = spans::consumer("import", "process", "import");
    onethread_telemetry::set_parent_from_traceparent(&span, &job.traceparent);
    spans::show_trace_id(&span);
    spans::set(&span, attributes::IMPORT_ID, job.lease.import.to_string());
    spans::set(&span, attributes::IMPORT_STATE, job.state.name());
    spans::set(&span, attributes::DELIVERY_ATTEMPT, job.attempts);
    spans::set_organization(&span, job.lease.organization);
    span
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
