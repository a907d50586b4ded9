//! A connection on loan from its pool.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, pool::PoolConnection, query, raw_sql};
use tokio::time::timeout;

use crate::error::is_no_transaction;

/// How long a connection may take to finish or roll back what was under way on it when it was
/// given back.
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
            // On a full disk SQLite has rolled back by itself.
            Ok(Err(error)) => is_no_transaction(&error),
            Err(_) => false,
        }
    }

    async fn give_back(mut self) {
        // A connection that doesn't answer in time is closed: a silent server must not keep the
        // pool's places.
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

/// Gives its connection back when it is dropped, after rolling back a transaction that is still
/// open.
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
        self.pooled.as_mut().expect("it is there until the loan is dropped")
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
    pooled.give_back().await;
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            tokio::spawn(end(pooled, self.in_transaction));
        }
    }
}
