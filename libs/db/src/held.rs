//! A connection on loan from its pool.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{Connection, Database, Sqlite, pool::PoolConnection, query};
use tokio::time::timeout;

/// How long a connection may take to finish what was under way on it when it was given up.
const FINISH: Duration = Duration::from_secs(5);

/// Goes back to the pool once it has answered all it was asked, and is closed when it does not:
/// a server that fell silent must not keep the pool's places.
#[derive(Debug)]
pub(crate) struct Held<DB: Database> {
    conn: PoolConnection<DB>,
    /// Whether nobody may have it any more.
    spoilt: bool,
}

impl<DB: Database> Held<DB> {
    pub(crate) fn new(conn: PoolConnection<DB>) -> Self {
        Self { conn, spoilt: false }
    }
}

impl Held<Sqlite> {
    /// To be called after a transaction that failed. When a disk is full SQLite itself may take the
    /// transaction back; sqlx does not learn of that, and would begin none on this connection again.
    pub(crate) async fn settle(&mut self) {
        // Once this is answered, taking the transaction back is over.
        let answered = timeout(FINISH, self.conn.ping()).await;
        self.spoilt = !matches!(answered, Ok(Ok(()))) || self.conn.is_in_transaction();
    }

    /// To be called after a text failed that begins a transaction by itself, which sqlx does not
    /// learn of: where it got stuck in the middle, what it did is taken back.
    pub(crate) async fn take_back(&mut self) {
        let taken_back = timeout(FINISH, query("ROLLBACK").execute(&mut *self.conn)).await;
        self.spoilt = match taken_back {
            Ok(Ok(_)) => false,
            // It says that there is none.
            Ok(Err(sqlx::Error::Database(error))) => error.code().is_none_or(|code| code != "1"),
            _ => true,
        };
    }
}

impl<DB: Database> Deref for Held<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.conn
    }
}

impl<DB: Database> DerefMut for Held<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.conn
    }
}

impl<DB: Database> Drop for Held<DB> {
    fn drop(&mut self) {
        if self.spoilt {
            self.conn.close_on_drop();
        } else {
            tokio::spawn(timeout(FINISH, self.conn.return_to_pool()));
        }
    }
}
