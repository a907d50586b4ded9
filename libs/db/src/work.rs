//! Reading and writing.

use std::{future::Future, time::Duration};

use futures::future::BoxFuture;
use onethread_telemetry::metrics;
use sqlx::{Connection, PgPool};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, info_span};

use crate::{Conn, Database, Error, Result, connect::Pools, held::Held, server::Server};

/// The longest that work may take, from its connection to its commit. Each statement has its own
/// limit on the server; this one is for a server that does not answer at all.
const LONGEST: Duration = Duration::from_secs(30);

impl Database {
    /// Reads on a connection of its own, outside a transaction: each statement sees the last commit.
    /// `name` says in traces what is read, such as `contact.get`. A caller that goes away ends it.
    pub async fn read<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send,
        T: Send,
    {
        let read = async {
            match &self.pools {
                Pools::Sqlite { readers, .. } => {
                    let mut conn = Held::new(readers.acquire().await?);
                    within(work(Conn::Sqlite(&mut conn))).await
                }
                Pools::Postgres(server) => {
                    let mut conn = server.acquire().await?;
                    let done = within(work(Conn::Postgres(&mut conn))).await;
                    server.note(&done);
                    done
                }
            }
        };
        self.measured(name, read).await
    }

    /// Writes in one transaction: committed when `work` succeeds, rolled back when it fails. Once
    /// it has its connection it runs to its end in a task of its own even if the caller goes
    /// away, so that nothing is cut off half-way; a caller that goes away before leaves nothing.
    pub async fn write<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.write_on(|server| &server.pool, name, work).await
    }

    /// The same for work whose statements take a whole batch at once and find each row by a key.
    pub async fn write_batch<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.write_on(|server| &server.batches, name, work).await
    }

    /// Writes a batch by one text that is a transaction in itself: on PostgreSQL a statement, on
    /// SQLite a text that begins one and commits it. As [`Self::write_batch`], but one round trip
    /// in all; what fails may have been committed if its connection was lost.
    pub async fn write_at_once<T, F>(&self, name: &'static str, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let write = async {
            match &self.pools {
                Pools::Sqlite { writer, .. } => {
                    let mut conn = Held::new(writer.acquire().await?);
                    shield(async move {
                        let done = within(work(Conn::Sqlite(&mut conn))).await;
                        if done.is_err() {
                            conn.take_back().await;
                        }
                        done
                    })
                    .await
                }
                Pools::Postgres(server) => {
                    let (server, mut conn) =
                        (server.clone(), Server::acquire_of(&server.batches).await?);
                    shield(async move {
                        let done = within(work(Conn::Postgres(&mut conn))).await;
                        server.note(&done);
                        done
                    })
                    .await
                }
            }
        };
        self.measured(name, write).await
    }

    async fn write_on<T, F>(
        &self,
        pool: fn(&Server) -> &PgPool,
        name: &'static str,
        work: F,
    ) -> Result<T>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let write = async {
            match &self.pools {
                Pools::Sqlite { writer, .. } => {
                    let mut conn = Held::new(writer.acquire().await?);
                    shield(within(async move {
                        let done = immediate(&mut conn, work).await;
                        if done.is_err() {
                            conn.settle().await;
                        }
                        done
                    }))
                    .await
                }
                Pools::Postgres(server) => {
                    let (server, conn) = (server.clone(), Server::acquire_of(pool(server)).await?);
                    shield(within(async move {
                        let done = transaction(pool(&server), conn, &server, work).await;
                        server.note(&done);
                        done
                    }))
                    .await
                }
            }
        };
        self.measured(name, write).await
    }

    /// Does it in a span of its own, and notes how long it took.
    async fn measured<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let done = work.instrument(self.span(name)).await;
        metrics::database(self.system(), name, done.is_err(), begun.elapsed());
        done
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

/// One transaction on SQLite.
async fn immediate<T, F>(conn: &mut Held<sqlx::Sqlite>, work: F) -> Result<T>
where
    F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>>,
{
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let done = work(Conn::Sqlite(&mut tx)).await?;
    tx.commit().await?;
    Ok(done)
}

/// One transaction on PostgreSQL.
async fn transaction<T, F>(
    pool: &PgPool,
    mut conn: Held<sqlx::Postgres>,
    server: &Server,
    work: F,
) -> Result<T>
where
    F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T>>,
{
    let mut begun = conn.begin().await.map_err(Error::from);
    if begun.as_ref().is_err_and(Error::is_lost) {
        // The connection had died while it was idle. Nothing was begun, so another one will do.
        server.note(&begun);
        drop(begun);
        conn = Server::acquire_of(pool).await?;
        begun = conn.begin().await.map_err(Error::from);
    }
    let mut tx = begun?;
    let done = work(Conn::Postgres(&mut tx)).await?;
    tx.commit().await?;
    Ok(done)
}

/// Runs work to its end, whatever becomes of the caller.
async fn shield<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work.instrument(Span::current())).await?
}

/// Ends work that takes too long.
async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(LONGEST, work).await.unwrap_or(Err(Error::Timeout))
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
    async fn a_text_that_fails_in_its_middle_is_taken_back() {
        let (db, _folder) = scratch().await;
        let run = async |text: &'static str| {
            let done = db.write_at_once("text", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(text).execute(&mut **c).await.map(drop))?;
                    Ok(())
                })
            });
            done.await
        };
        run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); COMMIT")
            .await
            .unwrap_err();
        run("INSERT INTO u VALUES (1)").await.unwrap_err();
        assert_eq!(count(&db).await, 0);
        run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT")
            .await
            .unwrap();
        assert_eq!(count(&db).await, 2);
        db.write("after it", insert(false)).await.unwrap();
        assert_eq!(count(&db).await, 3);
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
