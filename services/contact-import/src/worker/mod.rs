//! Works through the queue of imports: takes one up under a lease that it prolongs as it goes, and
//! scans or applies it. One that dies is followed by another when the lease runs out.

mod apply;
mod batch;
mod duplicates;
mod measure;
mod reader;
mod records;
mod scan;
mod sniff;
mod sorter;
mod sweep;
mod text;
mod waiting;

use std::{
    io::{Seek, SeekFrom},
    sync::Arc,
    time::Duration,
};

use onethread_core::{Backoff, Clock, Entropy};
use onethread_errors::{Error, Reason, Result};
use onethread_lifecycle::Lifecycle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use crate::{
    domain::{Broken, ImportState, Job, Mapping, Position},
    files::{Files, StoredFile, blocking},
    grpc::Contacts,
    store::Store,
};
use records::{ReadError, Records};

#[cfg(test)]
pub(crate) use batch::RECORDS;
pub(crate) use measure::run_measures;
pub(crate) use sweep::Sweep;
pub(crate) use waiting::Waiting;

/// How long a lease holds.
const LEASE: Duration = Duration::from_secs(20);
/// How often it is prolonged, by a timer of its own.
const BEAT: Duration = Duration::from_secs(5);
/// How often an idle worker looks; another process may have taken in a file.
const LOOK: Duration = Duration::from_secs(1);
/// Pauses between tries.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(60) };
/// Tries without any progress, of what is not known to pass, until an import counts as failed.
const TRIES: i64 = 8;

/// What is told of an import that waits.
const DISK_FULL: &str =
    "A disk of the server is full. The import waits, and goes on by itself once there is room.";
const AWAY: &str =
    "A part of the server is away. The import waits, and goes on by itself once it is back.";

/// Tells the workers of this process that there is something to do. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake(Arc<Notify>);

impl Wake {
    /// To be called after the commit; forgetting it delays the work by a second.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Why work on an import ended before its time.
#[derive(Debug)]
enum Stopped {
    /// The file or the contacts say no for good.
    Refused(String),
    /// Something is away, or broke.
    Trouble(Error),
    /// The lease is lost or somebody stopped the import.
    Gone,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Trouble(error)
    }
}

impl From<onethread_db::Error> for Stopped {
    fn from(error: onethread_db::Error) -> Self {
        Self::Trouble(error.into())
    }
}

/// Works on one import at a time.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) files: Files,
    pub(crate) contacts: Contacts,
    pub(crate) wake: Wake,
    pub(crate) waiting: Waiting,
}

impl Worker {
    /// Works until the process stops.
    pub(crate) async fn run(self, life: Lifecycle) {
        while !life.is_stopping() {
            let now = self.clock.now();
            match self.store.claim(now, now.plus(LEASE)).await {
                Ok(Some(job)) => {
                    // There may be more of them, and other workers idle.
                    self.wake.wake();
                    self.work(job, &life).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) => warn!(cause = Error::from(error).chain(), "the queue can't be read"),
            }
            tokio::select! {
                () = life.stopping() => break,
                () = self.wake.0.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn work(&self, job: Job, life: &Lifecycle) {
        let span = info_span!(
            parent: None,
            "import",
            otel.name = format!("import {}", job.state.name()),
            otel.kind = "consumer",
            import = %job.lease.import_id,
            trace_id = tracing::field::Empty,
        );
        onethread_telemetry::adopt_text(&span, &job.traceparent);
        span.record("trace_id", onethread_telemetry::trace_id(&span));
        async {
            let ended = tokio::select! {
                biased;
                () = life.stopping() => {
                    // Whoever is next goes on at once.
                    self.give_back(&job, Duration::ZERO, job.attempts - 1, None).await;
                    return;
                }
                () = self.hold(&job) => Err(Stopped::Gone),
                ended = self.step(&job) => ended,
            };
            match ended {
                Ok(()) | Err(Stopped::Gone) => {}
                Err(Stopped::Refused(reason)) => self.fail(&job, reason).await,
                Err(Stopped::Trouble(trouble)) => self.later(&job, trouble).await,
            }
        }
        .instrument(span)
        .await;
    }

    /// Prolongs the lease; returns when it is lost.
    async fn hold(&self, job: &Job) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.store.keep(job.lease, self.clock.now().plus(LEASE)).await {
                Ok(true) => {}
                Ok(false) => return,
                // If it goes on like this the lease runs out, and the next write says so.
                Err(error) => {
                    warn!(cause = Error::from(error).chain(), "a lease was not prolonged");
                }
            }
        }
    }

    async fn step(&self, job: &Job) -> Result<(), Stopped> {
        match job.state {
            ImportState::Scanning => match self.scan(job).await? {
                Some(scanned) => self.apply(&scanned).await,
                None => Ok(()),
            },
            ImportState::Cancelled => self.settle(job).await,
            _ => self.apply(job).await,
        }
    }

    /// Scans a file. Gives the import as it is to be applied by whoever scanned it; none where
    /// somebody has yet to look at it.
    async fn scan(&self, job: &Job) -> Result<Option<Job>, Stopped> {
        let scanned = self.open(job, scan::scan).await?;
        let mapping = Mapping::propose(&scanned.header);
        if job.apply_at_once && !mapping.has_key() {
            let reason = "Line 1: no column is named user_id or email. Upload the file without \
                applying it, and choose which column is which.";
            return Err(Stopped::Refused(reason.to_owned()));
        }
        let next = if job.apply_at_once { ImportState::Running } else { ImportState::Ready };
        debug_assert!(job.state.may_become(next));
        let behind = job.apply_at_once.then(|| Job {
            state: next,
            format: scanned.format,
            header: scanned.header.clone(),
            mapping: mapping.clone(),
            position: scanned.first,
            attempts: 0,
            ..job.clone()
        });
        let now = self.clock.now();
        if !self.store.scanned(job.lease, scanned, mapping, next, now).await? {
            return Err(Stopped::Gone);
        }
        self.waiting.over(job.lease.import_id);
        Ok(behind)
    }

    /// Reads the records of a scanned file from a place on.
    async fn read<T, F>(&self, job: &Job, from: Position, work: F) -> Result<T, Stopped>
    where
        F: FnOnce(Records<StoredFile>, &CancellationToken) -> Result<T, ReadError>,
        F: Send + 'static,
        T: Send + 'static,
    {
        let format = job.format;
        self.open(job, move |mut file: StoredFile, halt| {
            file.seek(SeekFrom::Start(from.offset))?;
            work(Records::new(file, from, format), halt)
        })
        .await
    }

    /// Opens the file and works on it on a thread where that may block. When the caller goes away
    /// the work is told to halt.
    async fn open<T, F>(&self, job: &Job, work: F) -> Result<T, Stopped>
    where
        F: FnOnce(StoredFile, &CancellationToken) -> Result<T, ReadError>,
        F: Send + 'static,
        T: Send + 'static,
    {
        let halt = CancellationToken::new();
        let _halted_with_the_caller = halt.clone().drop_guard();
        let (files, lease) = (self.files.clone(), job.lease);
        let done = blocking(move || {
            settle(work(files.read(lease.organization_id, lease.import_id)?, &halt))
        });
        done.await?.map_err(|broken| Stopped::Refused(broken.to_string()))
    }

    async fn fail(&self, job: &Job, reason: String) {
        let failed = match job.state {
            // It has ended before; there is nothing more to find out.
            ImportState::Cancelled => self.store.settled(job.lease).await,
            _ => self.store.fail(job.lease, reason, self.clock.now()).await,
        };
        if let Err(error) = failed {
            // The lease runs out and the import is found again.
            warn!(cause = Error::from(error).chain(), "a failed import was not stored");
        }
    }

    /// Puts an import off. What is known to pass is tried for ever, other trouble some times.
    async fn later(&self, job: &Job, trouble: Error) {
        let waits_for = match trouble.reason {
            Reason::StorageFull => Some(DISK_FULL),
            reason if reason.http() == 503 => Some(AWAY),
            _ => None,
        };
        let passing = waits_for.is_some();
        if !passing && job.attempts >= TRIES {
            error!(cause = trouble.chain(), "an import was given up");
            let reason = "Something broke on the server while the file was worked on.";
            return self.fail(job, reason.to_owned()).await;
        }
        let failures = u32::try_from(job.attempts).unwrap_or(u32::MAX);
        let pause = PAUSES.pause(failures, &*self.entropy);
        warn!(cause = trouble.chain(), ?pause, "an import has to wait");
        self.give_back(job, pause, job.attempts, waits_for).await;
    }

    async fn give_back(
        &self,
        job: &Job,
        pause: Duration,
        attempts: i64,
        waits_for: Option<&'static str>,
    ) {
        let due = self.clock.now().plus(pause);
        if let Err(error) = self.store.give_back(job.lease, due, attempts, waits_for).await {
            if let Some(what) = waits_for {
                self.waiting.note(job.lease.import_id, what);
            }
            // The lease runs out by itself.
            warn!(cause = Error::from(error).chain(), "an import was not given back");
        }
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// Keeps apart what the file did and what the disk did.
fn settle<T>(read: Result<T, ReadError>) -> std::io::Result<Result<T, Broken>> {
    match read {
        Ok(done) => Ok(Ok(done)),
        Err(ReadError::Broken(broken)) => Ok(Err(broken)),
        Err(ReadError::NotUtf8 { line }) => Ok(Err(Broken::new(line, "the text is not UTF-8."))),
        Err(ReadError::Io(error)) => Err(error),
    }
}
