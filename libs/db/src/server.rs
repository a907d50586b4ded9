//! A PostgreSQL server as one service sees it: pools that notice when their connections died.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgPool, Postgres,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{Result, held::Held};

/// A connection that was used this short ago is taken to be alive: asking costs a round trip.
const FRESH: Duration = Duration::from_secs(1);
/// How long an idle connection may take to say that it lives.
const ANSWER: Duration = Duration::from_secs(1);

/// How connections plan that take a whole batch in one statement and find each row by a key: what
/// PostgreSQL guesses of a batch's size is of no use, so it plans once and by index. A batch holds
/// up everybody in it and behind it, so it waits no longer for a row than others mostly need one.
const FOR_BATCHES: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("lock_timeout", "100ms"),
];

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) pool: PgPool,
    /// Connections that plan for batches. Settings of each transaction would cost a batch more than
    /// a few connections cost the server.
    pub(crate) batches: PgPool,
    pub(crate) schema: Arc<str>,
    losses: Losses,
}

/// When a connection was last found dead. The others that lay idle then are suspect.
#[derive(Debug, Clone, Default)]
struct Losses(Arc<Mutex<Option<Instant>>>);

impl Losses {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn since(&self, idle_for: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= idle_for)
    }

    /// Has a pool ask those connections that may be dead whether they live.
    fn watch(&self, pool: PgPoolOptions) -> PgPoolOptions {
        let noted = self.clone();
        pool.test_before_acquire(false).before_acquire(move |conn, meta| {
            let suspect = meta.idle_for >= FRESH || noted.since(meta.idle_for);
            Box::pin(async move {
                if suspect {
                    // An error has the pool drop it and open another one.
                    timeout(ANSWER, conn.ping()).await.map_err(std::io::Error::other)??;
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
        // What the operator's URL says of them counts.
        let said = options.get_options().unwrap_or_default().to_owned();
        let settings = FOR_BATCHES.into_iter().filter(|(name, _)| !said.contains(name));
        Self {
            batches: open(options.clone().options(settings)),
            pool: open(options),
            schema: schema.into(),
            losses,
        }
    }

    /// Waits for a connection. Whoever stops waiting leaves nothing behind.
    pub(crate) async fn acquire(&self) -> Result<Held<Postgres>> {
        Self::acquire_of(&self.pool).await
    }

    /// Waits for a connection of one of the two pools.
    pub(crate) async fn acquire_of(pool: &PgPool) -> Result<Held<Postgres>> {
        Ok(Held::new(pool.acquire().await?))
    }

    /// Remembers it when the work found its connection dead.
    pub(crate) fn note<T>(&self, done: &Result<T>) {
        if done.as_ref().is_err_and(crate::Error::is_lost) {
            self.losses.note();
        }
    }
}
