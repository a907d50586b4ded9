//! A connection that returns to its pool when it is dropped.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, pool::PoolConnection, query, raw_sql};
use tokio::time::timeout;

use crate::error::is_no_transaction;

/// How long a connection may take to finish its current statement, or to roll back, before it
/// returns to its pool.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A pooled connection of either database.
#[derive(Debug)]
pub(crate) enum Pooled {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Pooled {
    async fn roll_back(&mut self) -> bool {
        let rolled_back = async {
            match self {
                Self::Sqlite(conn) => query("ROLLBACK").execute(&mut **conn).await.map(drop),
                Self::Postgres(conn) => raw_sql("ROLLBACK").execute(&mut **conn).await.map(drop),
            }
        };
        match timeout(FINISH_TIMEOUT, rolled_back).await {
            Ok(Ok(())) => true,
            // On a full disk SQLite has already rolled back.
            Ok(Err(error)) => is_no_transaction(&error),
            Err(_) => false,
        }
    }

    async fn return_to_pool(mut self) {
        // A connection that doesn't respond in time is closed, so that it doesn't count for the
        // pool any more.
        let _ = match &mut self {
            Self::Sqlite(conn) => timeout(FINISH_TIMEOUT, conn.return_to_pool()).await,
            Self::Postgres(conn) => timeout(FINISH_TIMEOUT, conn.return_to_pool()).await,
        };
    }

    fn close(mut self) {
        match &mut self {
            Self::Sqlite(conn) => conn.close_on_drop(),
            Self::Postgres(conn) => conn.close_on_drop(),
        }
    }
}

/// Returns its connection to the pool when it is dropped, after rolling back a transaction that is
/// still open.
#[derive(Debug)]
pub(crate) struct Loan {
    /// `None` only while it is dropped.
    pooled: Option<Pooled>,
    /// Whether a transaction may be open on it.
    pub(crate) in_transaction: bool,
}

impl Loan {
    pub(crate) fn new(pooled: Pooled) -> Self {
        Self { pooled: Some(pooled), in_transaction: false }
    }

    pub(crate) fn pooled(&mut self) -> &mut Pooled {
        self.pooled.as_mut().expect("only dropping the loan takes it")
    }

    /// Rolls back and waits for it. A connection on which that fails is closed.
    pub(crate) async fn roll_back(mut self) {
        if let Some(pooled) = self.pooled.take() {
            end(pooled, self.in_transaction).await;
        }
    }
}

async fn end(mut pooled: Pooled, in_transaction: bool) {
    if in_transaction && !pooled.roll_back().await {
        return pooled.close();
    }
    pooled.return_to_pool().await;
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            tokio::spawn(end(pooled, self.in_transaction));
        }
    }
}
