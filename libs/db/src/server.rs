//! The pools of one service on a PostgreSQL server. They notice when the server has restarted.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{MAX_SEARCHERS, Result};

/// A connection that has been idle for less than this is assumed to be alive, because a ping costs
/// a round trip.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);
/// How long a connection may take to respond to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of connections whose statements process a whole batch and find each row by its key.
/// PostgreSQL can't estimate the size of a batch, so it plans once and uses the index. A batch
/// delays all its callers and the next batch, so it gives up on a locked row sooner than others.
const BATCH_SETTINGS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("lock_timeout", "100ms"),
];

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) pool: PgPool,
    /// Connections with [`BATCH_SETTINGS`]. Changing the settings in each transaction would cost
    /// more than the additional connections.
    pub(crate) batches: PgPool,
    /// For searches, so that other work doesn't wait for them.
    pub(crate) searchers: PgPool,
    pub(crate) schema: Arc<str>,
    losses: Losses,
}

/// Time at which a connection was last found dead. Those that were idle then may be dead too.
#[derive(Debug, Clone, Default)]
struct Losses(Arc<Mutex<Option<Instant>>>);

impl Losses {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// True when a connection was lost during the last `idle_for`.
    fn within(&self, idle_for: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= idle_for)
    }

    /// Makes a pool ping connections that may be dead before it hands them out.
    fn watch(&self, pool: PgPoolOptions) -> PgPoolOptions {
        let losses = self.clone();
        pool.test_before_acquire(false).before_acquire(move |conn, meta| {
            let may_be_dead = meta.idle_for >= PING_AFTER_IDLE || losses.within(meta.idle_for);
            Box::pin(async move {
                if may_be_dead {
                    // After an error the pool drops the connection and opens another one.
                    timeout(PING_TIMEOUT, conn.ping()).await.map_err(std::io::Error::other)??;
                }
                Ok(true)
            })
        })
    }
}

impl Server {
    pub(crate) fn new(pool: PgPoolOptions, options: PgConnectOptions, schema: &str) -> Self {
        let losses = Losses::default();
        let open = |options| losses.watch(pool.clone()).connect_lazy_with(options);
        let searchers = pool.clone().max_connections(u32::try_from(MAX_SEARCHERS).unwrap_or(1));
        let searchers = losses.watch(searchers).connect_lazy_with(options.clone());
        // Options in the operator's URL take precedence.
        let from_url = options.get_options().unwrap_or_default().to_owned();
        let settings = BATCH_SETTINGS.into_iter().filter(|(name, _)| !from_url.contains(name));
        Self {
            batches: open(options.clone().options(settings)),
            pool: open(options),
            searchers,
            schema: schema.into(),
            losses,
        }
    }

    /// Remembers when the work failed because its connection was dead.
    pub(crate) fn note<T>(&self, result: &Result<T>) {
        if result.as_ref().is_err_and(crate::Error::is_lost) {
            self.losses.note();
        }
    }
}
