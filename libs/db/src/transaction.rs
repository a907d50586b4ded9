//! Transactions that a use case opens and commits.

use std::ops::{ControlFlow, Deref, DerefMut};

use onethread_errors::Result as AppResult;
use sqlx::{query, raw_sql};

use crate::{
    Connection, Database, Result,
    connection::{Mode, bounded},
    error::is_conflict,
    loan::Pooled,
};

/// How often a transaction is tried that fails by a conflict.
const MAX_ATTEMPTS: usize = 16;

/// An open transaction: rolled back when it is dropped without a commit.
#[derive(Debug)]
pub struct Transaction(Connection);

impl Database {
    /// Opens a transaction. On SQLite it is the only writer until it ends. Use cases open theirs
    /// with [`transaction!`](crate::transaction!), which retries after a conflict.
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the server is unavailable.
    pub async fn begin(&self, name: &'static str) -> Result<Transaction> {
        let mut connection = self.connection(name, Mode::Transaction).await?;
        match control(&mut connection, "BEGIN IMMEDIATE", "BEGIN").await {
            Ok(()) => {}
            // It died while it was idle. No statement has run on it, so another one can be used.
            Err(error) if error.is_lost() => {
                connection.replace(self).await?;
                control(&mut connection, "BEGIN IMMEDIATE", "BEGIN").await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Transaction(connection))
    }
}

/// Runs a statement that opens or ends a transaction.
async fn control(
    connection: &mut Connection,
    sqlite: &'static str,
    postgres: &'static str,
) -> Result<()> {
    // Set before the statement is sent: a caller that stops waiting may leave the transaction open.
    connection.loan.in_transaction = true;
    let limits = connection.enter();
    let run = async {
        match connection.loan.pooled() {
            Pooled::Sqlite(conn) => query(sqlite).execute(&mut **conn).await.map(drop),
            Pooled::Postgres(conn) => raw_sql(postgres).execute(&mut **conn).await.map(drop),
        }
    };
    let done = bounded(limits, run).await;
    connection.leave(done)
}

impl Transaction {
    /// Commits. After a lost connection or a timeout the transaction may have been committed.
    ///
    /// # Errors
    ///
    /// When the database could not commit.
    pub async fn commit(mut self) -> Result<()> {
        control(&mut self.0, "COMMIT", "COMMIT").await?;
        self.0.loan.in_transaction = false;
        Ok(())
    }

    /// Rolls back, and waits for the end of it.
    pub async fn roll_back(self) {
        self.0.loan.roll_back().await;
    }

    /// Commits after a success and rolls back after a failure. Returns `Continue` when there was a
    /// conflict and the transaction may be retried.
    #[doc(hidden)]
    pub async fn end<T>(self, outcome: AppResult<T>, attempt: usize) -> ControlFlow<AppResult<T>> {
        let outcome = match outcome {
            Ok(value) => self.commit().await.map(|()| value).map_err(Into::into),
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        };
        match outcome {
            Err(error) if is_conflict(&error) && attempt < MAX_ATTEMPTS => {
                ControlFlow::Continue(())
            }
            outcome => ControlFlow::Break(outcome),
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// Runs a use case's body in a transaction, commits it when the body succeeds and rolls it back
/// when it fails. `?` in the body leaves the body, not the function around it. A body that fails
/// by [`Error::Conflict`](crate::Error::Conflict) is run again, at most 16 times, so it must not
/// have effects outside the transaction.
///
/// ```ignore
/// transaction!(self.db, "contact.block", |tx| {
///     let mut contact = contacts::locked_by_id(tx, organization, id).await?;
///     let effects = contact.block(actor);
///     contacts::update(tx, &contact).await?;
///     effects::record(tx, organization, effects).await?;
///     Ok(contact)
/// })
/// ```
#[macro_export]
macro_rules! transaction {
    ($db:expr, $name:expr, |$tx:ident| $body:expr) => {{
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut transaction = match $db.begin($name).await {
                Ok(transaction) => transaction,
                Err(error) => break Err($crate::AppError::from(error)),
            };
            let outcome: $crate::AppResult<_> = async {
                let $tx = &mut transaction;
                $body
            }
            .await;
            match transaction.end(outcome, attempt).await {
                ::std::ops::ControlFlow::Continue(()) => {}
                ::std::ops::ControlFlow::Break(outcome) => break outcome,
            }
        }
    }};
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use onethread_errors::{Error as AppError, Reason};
    use tokio::time::timeout;

    use super::*;
    use crate::Error;

    async fn scratch() -> (Database, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("scratch.db")).await.unwrap();
        let mut conn = db.writer("create").await.unwrap();
        conn.query("CREATE TABLE t (n BIGINT)").execute().await.unwrap();
        drop(conn);
        (db, folder)
    }

    async fn count(db: &Database) -> i64 {
        let mut conn = db.reader("count").await.unwrap();
        conn.query("SELECT count(*) FROM t").scalar().await.unwrap()
    }

    async fn insert(conn: &mut Connection) -> Result<()> {
        conn.query("INSERT INTO t VALUES ($1)").bind(1_i64).execute().await?;
        Ok(())
    }

    async fn insert_and(db: &Database, fail: bool) -> AppResult<i64> {
        transaction!(db, "insert", |tx| {
            insert(tx).await?;
            if fail {
                return Err(AppError::new(Reason::NotFound));
            }
            Ok(1)
        })
    }

    #[tokio::test]
    async fn a_failed_body_is_rolled_back_and_its_error_returned() {
        let (db, _folder) = scratch().await;
        let error = insert_and(&db, true).await.unwrap_err();
        assert_eq!((error.reason, count(&db).await), (Reason::NotFound, 0));
        assert_eq!((insert_and(&db, false).await.unwrap(), count(&db).await), (1, 1));
    }

    async fn conflicting(db: &Database, conflicts: usize, attempts: &AtomicUsize) -> AppResult<()> {
        transaction!(db, "conflict", |tx| {
            insert(tx).await?;
            if attempts.fetch_add(1, Ordering::SeqCst) < conflicts {
                return Err(Error::Conflict.into());
            }
            Ok(())
        })
    }

    #[tokio::test]
    async fn a_conflict_is_retried_but_not_forever() {
        let (db, _folder) = scratch().await;
        let attempts = AtomicUsize::new(0);
        conflicting(&db, 3, &attempts).await.unwrap();
        assert_eq!((attempts.load(Ordering::SeqCst), count(&db).await), (4, 1));
        let attempts = AtomicUsize::new(0);
        let error = conflicting(&db, usize::MAX, &attempts).await.unwrap_err();
        assert_eq!(error.reason, Reason::Unavailable);
        assert_eq!((attempts.load(Ordering::SeqCst), count(&db).await), (MAX_ATTEMPTS, 1));
    }

    #[tokio::test]
    async fn a_transaction_whose_caller_stops_waiting_is_rolled_back() {
        let (db, _folder) = scratch().await;
        let abandoned: AppResult<()> = timeout(Duration::from_millis(20), async {
            transaction!(&db, "abandoned", |tx| {
                insert(tx).await?;
                std::future::pending::<()>().await;
                Ok(())
            })
        })
        .await
        .unwrap_or(Ok(()));
        abandoned.unwrap();
        // The only writer is free again.
        insert_and(&db, false).await.unwrap();
        assert_eq!(count(&db).await, 1);
    }

    #[tokio::test]
    async fn a_text_that_fails_inside_its_own_transaction_is_rolled_back() {
        let (db, _folder) = scratch().await;
        let run =
            async |text: &'static str| db.writer("text").await.unwrap().query(text).execute().await;
        run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); COMMIT")
            .await
            .unwrap_err();
        run("INSERT INTO u VALUES (1)").await.unwrap_err();
        assert_eq!(count(&db).await, 0);
        run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT")
            .await
            .unwrap();
        insert_and(&db, false).await.unwrap();
        assert_eq!(count(&db).await, 3);
    }
}
