//! Reading and writing.

use futures::future::BoxFuture;
use tracing::{Instrument, Span, info_span};

use crate::{Conn, Database, Result, connect::Pools};

impl Database {
    /// Reads on a connection of its own, outside a transaction: each statement sees the last commit.
    /// `name` says in traces what is read, such as `contact.get`.
    pub async fn read<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send,
        T: Send,
    {
        let span = self.span(name);
        async {
            match &self.0 {
                Pools::Sqlite { readers, .. } => {
                    work(Conn::Sqlite(&mut *readers.acquire().await?)).await
                }
                Pools::Postgres(pool) => work(Conn::Postgres(&mut *pool.acquire().await?)).await,
            }
        }
        .instrument(span)
        .await
    }

    /// Writes in one transaction: committed when `work` succeeds, rolled back when it fails. It
    /// runs to its end in a task of its own even if the caller goes away, because a cancelled
    /// `begin` would put a connection with an open transaction back in the pool.
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let pools = self.0.clone();
        let transaction = async move {
            match &pools {
                Pools::Sqlite { writer, .. } => {
                    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                    let done = work(Conn::Sqlite(&mut tx)).await?;
                    tx.commit().await?;
                    Ok(done)
                }
                Pools::Postgres(pool) => {
                    let mut tx = pool.begin().await?;
                    let done = work(Conn::Postgres(&mut tx)).await?;
                    tx.commit().await?;
                    Ok(done)
                }
            }
        };
        tokio::spawn(transaction.instrument(self.span(name))).await?
    }

    fn span(&self, name: &'static str) -> Span {
        info_span!(
            "sql",
            otel.name = name,
            otel.kind = "client",
            db.system.name = self.system(),
            db.query.summary = name,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::query;

    use super::*;
    use crate::on;

    async fn scratch() -> (Database, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("scratch.db")).await.unwrap();
        db.write("make", |mut conn| {
            Box::pin(async move {
                on!(&mut conn, |c| query("CREATE TABLE t (n BIGINT)")
                    .execute(&mut **c)
                    .await
                    .map(drop))?;
                Ok(())
            })
        })
        .await
        .unwrap();
        (db, folder)
    }

    async fn count(db: &Database) -> i64 {
        db.read("count", |mut conn| {
            Box::pin(async move {
                Ok(on!(&mut conn, |c| sqlx::query_scalar("SELECT count(*) FROM t")
                    .fetch_one(&mut **c)
                    .await)?)
            })
        })
        .await
        .unwrap()
    }

    fn insert(fail: bool) -> impl for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<()>> + Send {
        move |mut conn| {
            Box::pin(async move {
                on!(&mut conn, |c| query("INSERT INTO t VALUES ($1)")
                    .bind(1_i64)
                    .execute(&mut **c)
                    .await
                    .map(drop))?;
                if fail { Err(crate::Error::Corrupt("on purpose")) } else { Ok(()) }
            })
        }
    }

    #[tokio::test]
    async fn failed_work_leaves_nothing() {
        let (db, _folder) = scratch().await;
        db.write("fail", insert(true)).await.unwrap_err();
        assert_eq!(count(&db).await, 0);
        db.write("succeed", insert(false)).await.unwrap();
        assert_eq!(count(&db).await, 1);
    }

    #[tokio::test]
    async fn work_goes_on_when_its_caller_leaves() {
        let (db, _folder) = scratch().await;
        let call = db.write("abandoned", |mut conn| {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                on!(&mut conn, |c| query("INSERT INTO t VALUES (1)")
                    .execute(&mut **c)
                    .await
                    .map(drop))?;
                Ok(())
            })
        });
        // The caller gives up while the transaction is open …
        tokio::time::timeout(Duration::from_millis(10), call).await.unwrap_err();
        // … and the next one, behind it in the queue of the one writer, finds it committed.
        db.write("next", insert(false)).await.unwrap();
        assert_eq!(count(&db).await, 2);
    }
}
