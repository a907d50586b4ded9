//! The feed of sessions and logins that ended: read from the database, where every replica writes
//! it, a moment after it was written.

use std::{collections::HashSet, sync::Arc, time::Duration};

use onethread_core::Clock;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use tokio::{
    sync::broadcast,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::warn;
use uuid::Uuid;

use crate::store::{Revocation, Store};

/// How often the database is asked; the promise is that a session is cut off within a second.
const EVERY: Duration = Duration::from_millis(200);
/// How far each look reaches back: a transaction may commit later than its rows' time.
const REACH: Duration = Duration::from_secs(20);
/// Beats a watcher may be behind before it is cut off.
const BEHIND: usize = 256;

/// Where watchers listen: each beat the revocations that are new, often none.
#[derive(Clone)]
pub(crate) struct Feed {
    beats: broadcast::Sender<Arc<Vec<Revocation>>>,
    /// Nobody reads the database for it any more.
    over: CancellationToken,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { beats: broadcast::Sender::new(BEHIND), over: CancellationToken::new() }
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Vec<Revocation>>> {
        self.beats.subscribe()
    }

    /// Resolves when there will be no more beats, so that whoever watches looks elsewhere at once.
    pub(crate) fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }
}

/// Reads the feed until the process stops. While the database is away there are no beats, and
/// whoever watches knows that nothing is known.
pub(crate) async fn run_feed(feed: Feed, store: Store, clock: Arc<dyn Clock>, life: Lifecycle) {
    let _over = feed.over.clone().drop_guard();
    let mut told: HashSet<Uuid> = HashSet::new();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = life.stopping() => return,
            _ = ticks.tick() => {}
        }
        // Nobody listens: whoever begins to authenticates all it holds, so nothing is missed.
        if feed.beats.receiver_count() == 0 {
            continue;
        }
        match store.revocations(clock.now().minus(REACH)).await {
            Ok(reached) => {
                let ids: HashSet<_> = reached.iter().map(|entry| entry.id).collect();
                let fresh = reached.into_iter().filter(|entry| !told.contains(&entry.id)).collect();
                told = ids;
                // An error says that the last watcher left.
                let _ = feed.beats.send(Arc::new(fresh));
            }
            Err(error) => warn!(cause = Error::from(error).chain(), "revocations can't be read"),
        }
    }
}
