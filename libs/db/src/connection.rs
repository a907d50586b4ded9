//! Connections as use cases and stores see them.

use std::{borrow::Cow, fmt, future::Future, sync::Arc, time::Duration};

use onethread_telemetry::{metrics, spans};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::{
    Database, Error, Result, Sql, Statement,
    connect::{Names, Pools},
    loan::{Loan, Pooled},
    server::Server,
};

/// Longest time between taking a connection and returning it. The server limits each statement;
/// this limit is for a server that doesn't respond at all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection on which statements run one after another. It has one span and one duration metric
/// under its name, such as `contact.get`. The span includes the wait for the connection, and the
/// metric doesn't.
pub struct Connection {
    pub(crate) loan: Loan,
    /// Where PostgreSQL notes lost connections.
    server: Option<Server>,
    mode: Mode,
    usage: Usage,
    deadline: Instant,
}

/// How far a statement's effect reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It reads the last commit.
    Read,
    /// The same, for reads that take long.
    Search,
    /// It is committed immediately.
    Autocommit,
    /// It belongs to an open transaction.
    Transaction,
}

impl Connection {
    /// Prepares a statement: one text, or one for each database.
    pub fn query(&mut self, sql: impl Into<Sql>) -> Statement<'_> {
        let sql = sql.into();
        let text = if self.is_postgres() { sql.postgres } else { sql.sqlite };
        Statement::new(self, text.into_sql_str())
    }

    /// Prepares a statement whose text was built at run time, from parts of this program only.
    pub fn query_dynamic(&mut self, text: String) -> Statement<'_> {
        Statement::new(self, AssertSqlSafe(text).into_sql_str())
    }

    /// True on PostgreSQL, false on SQLite.
    pub fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Called before each statement. Returns its span and its deadline.
    pub(crate) fn enter(&mut self) -> (Span, Instant) {
        // A text of several statements may fail inside a transaction that it has opened.
        if self.mode == Mode::Autocommit && !self.is_postgres() {
            self.loan.in_transaction = true;
        }
        (self.usage.span.clone(), self.deadline)
    }

    /// Called after each statement.
    pub(crate) fn leave<T>(&mut self, done: Result<T>) -> Result<T> {
        if done.is_ok() && self.mode == Mode::Autocommit {
            self.loan.in_transaction = false;
        }
        self.note(&done);
        done
    }

    /// Remembers a failure for the metrics, and a lost connection for the pool.
    pub(crate) fn note<T>(&mut self, done: &Result<T>) {
        if let Err(error) = done {
            self.usage.fail(error);
        }
        if let Some(server) = &self.server {
            server.note(done);
        }
    }

    /// Replaces a connection that was found dead.
    pub(crate) async fn replace(&mut self, db: &Database) -> Result<()> {
        self.loan = db.take(self.mode).await?.0;
        self.usage.error = None;
        Ok(())
    }
}

/// Waits for a statement within the connection's span, until its deadline.
pub(crate) async fn bounded<T>(
    (span, deadline): (Span, Instant),
    statement: impl Future<Output = std::result::Result<T, sqlx::Error>>,
) -> Result<T> {
    match timeout_at(deadline, statement.instrument(span)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Error::Timeout),
    }
}

/// Span and metric of one use of a connection.
struct Usage {
    system: &'static str,
    names: Arc<Names>,
    summary: &'static str,
    span: Span,
    /// When the wait for the connection ended.
    started: Instant,
    /// Class of the last error.
    error: Option<Cow<'static, str>>,
}

impl Usage {
    fn fail(&mut self, error: &Error) {
        spans::fail(&self.span, error.class(), error.reason().error_info_reason());
        self.error = Some(error.class());
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        let database = (self.system, &self.names.namespace);
        metrics::database(database, self.summary, self.error.as_ref(), self.started.elapsed());
    }
}

impl Database {
    /// Takes a connection for reading, outside a transaction: each statement sees the last commit.
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the server is unavailable.
    pub async fn reader(&self, name: &'static str) -> Result<Connection> {
        self.connection(name, Mode::Read).await
    }

    /// Takes a connection for searches: like [`Self::reader`], but other reads don't wait for it.
    /// There are [`MAX_SEARCHERS`](crate::MAX_SEARCHERS).
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the server is unavailable.
    pub async fn searcher(&self, name: &'static str) -> Result<Connection> {
        self.connection(name, Mode::Search).await
    }

    /// Takes a connection on which each statement is committed immediately.
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the server is unavailable.
    pub async fn writer(&self, name: &'static str) -> Result<Connection> {
        self.connection(name, Mode::Autocommit).await
    }

    pub(crate) async fn connection(&self, name: &'static str, mode: Mode) -> Result<Connection> {
        let waiting_since = Instant::now();
        let span = spans::database(self.system(), &self.names.namespace, name);
        let taken = self.take(mode).instrument(span.clone()).await;
        metrics::connection_waited(self.pool_name(mode), waiting_since.elapsed());
        let (system, names, started) = (self.system(), self.names.clone(), Instant::now());
        let mut usage = Usage { system, names, summary: name, span, started, error: None };
        let (loan, server) = taken.inspect_err(|error| usage.fail(error))?;
        Ok(Connection { loan, server, mode, usage, deadline: Instant::now() + CONNECTION_TIMEOUT })
    }

    fn pool_name(&self, mode: Mode) -> &Arc<str> {
        match &self.pools {
            _ if mode == Mode::Search => &self.names.searchers,
            Pools::Sqlite { .. } if mode == Mode::Read => &self.names.readers,
            Pools::Sqlite { .. } => &self.names.writer,
            Pools::Postgres(_) if self.batches => &self.names.batches,
            Pools::Postgres(_) => &self.names.namespace,
        }
    }

    async fn take(&self, mode: Mode) -> Result<(Loan, Option<Server>)> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, readers, searchers, .. } => {
                let pool = match mode {
                    Mode::Read => readers,
                    Mode::Search => searchers,
                    Mode::Autocommit | Mode::Transaction => writer,
                };
                (Loan::new(Pooled::Sqlite(pool.acquire().await?)), None)
            }
            Pools::Postgres(server) => {
                let pool = match mode {
                    Mode::Search => &server.searchers,
                    _ if self.batches => &server.batches,
                    _ => &server.pool,
                };
                (Loan::new(Pooled::Postgres(pool.acquire().await?)), Some(server.clone()))
            }
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.usage.summary).finish_non_exhaustive()
    }
}
