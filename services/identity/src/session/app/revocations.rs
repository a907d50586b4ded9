//! The feed of revocations, read from the database, where each replica writes it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use onethread_core::{Clock, Timestamp};
use onethread_db::Database;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use tokio::{
    sync::broadcast,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::warn;
use uuid::Uuid;

use crate::session::store::revocations::{self, Revocation};

/// Interval of reads. A revocation must be effective within a second.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// Age up to which each read returns entries: a transaction may commit later than its rows' time.
const READ_WINDOW: Duration = Duration::from_secs(20);
/// Reads that a subscriber may be behind before it is disconnected.
const QUEUE_CAPACITY: usize = 256;

/// Sends the new revocations, often none, after each read. So subscribers know that the feed works.
#[derive(Clone)]
pub(crate) struct Feed {
    reads: broadcast::Sender<Arc<Vec<Revocation>>>,
    /// Canceled when the feed has ended.
    end: CancellationToken,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { reads: broadcast::Sender::new(QUEUE_CAPACITY), end: CancellationToken::new() }
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Vec<Revocation>>> {
        self.reads.subscribe()
    }

    /// Resolves when the feed has ended, so that subscribers turn to another replica at once.
    pub(crate) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.end.clone().cancelled_owned()
    }
}

/// Reads the feed until the process stops. Nothing is sent while the database is unavailable, so that
/// subscribers know that they may miss revocations.
pub(crate) async fn run_feed(feed: Feed, db: Database, clock: Arc<dyn Clock>, life: Lifecycle) {
    let _end = feed.end.clone().drop_guard();
    let mut sent: HashSet<Uuid> = HashSet::new();
    let mut ticks = interval(READ_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = life.stopping() => return,
            _ = ticks.tick() => {}
        }
        // A new subscriber authenticates all its sessions, so it misses nothing.
        if feed.reads.receiver_count() == 0 {
            continue;
        }
        match read(&db, clock.now().minus(READ_WINDOW)).await {
            Ok(entries) => {
                let ids: HashSet<_> = entries.iter().map(|entry| entry.id).collect();
                let new = entries.into_iter().filter(|entry| !sent.contains(&entry.id)).collect();
                sent = ids;
                // This fails without subscribers.
                let _ = feed.reads.send(Arc::new(new));
            }
            Err(error) => warn!(cause = Error::from(error).chain(), "revocations can't be read"),
        }
    }
}

async fn read(db: &Database, since: Timestamp) -> onethread_db::Result<Vec<Revocation>> {
    revocations::since(&mut db.reader("revocation.feed").await?, since).await
}
