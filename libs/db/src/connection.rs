//! Connections as use cases and stores see them.

use std::{fmt, future::Future, time::Duration};

use onethread_telemetry::metrics;
use sqlx::{AssertSqlSafe, SqlSafeStr};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, info_span};

use crate::{
    Database, Error, Result, Sql, Statement,
    connect::Pools,
    loan::{Loan, Pooled},
    server::Server,
};

/// Longest time between taking a connection and returning it. The server limits each statement;
/// this limit is for a server that doesn't respond at all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection on which statements run one after another. It has one span and one duration
/// metric under its name, such as `contact.get`, from the wait for the connection to its return.
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
        self.usage.failed |= done.is_err();
        if let Some(server) = &self.server {
            server.note(done);
        }
    }

    /// Replaces a connection that was found dead.
    pub(crate) async fn replace(&mut self, db: &Database) -> Result<()> {
        self.loan = db.take(self.mode).await?.0;
        self.usage.failed = false;
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
    name: &'static str,
    span: Span,
    started: Instant,
    failed: bool,
}

impl Drop for Usage {
    fn drop(&mut self) {
        metrics::database(self.system, self.name, self.failed, self.started.elapsed());
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

    /// Takes a connection on which each statement is committed immediately.
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the server is unavailable.
    pub async fn writer(&self, name: &'static str) -> Result<Connection> {
        self.connection(name, Mode::Autocommit).await
    }

    pub(crate) async fn connection(&self, name: &'static str, mode: Mode) -> Result<Connection> {
        let started = Instant::now();
        let span = info_span!(
            "sql",
            otel.name = name,
            otel.kind = "client",
            db.system.name = self.system(),
            db.query.summary = name,
        );
        let mut usage = Usage { system: self.system(), name, span, started, failed: true };
        let (loan, server) = self.take(mode).instrument(usage.span.clone()).await?;
        usage.failed = false;
        Ok(Connection { loan, server, mode, usage, deadline: Instant::now() + CONNECTION_TIMEOUT })
    }

    async fn take(&self, mode: Mode) -> Result<(Loan, Option<Server>)> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, readers } => {
                let pool = if mode == Mode::Read { readers } else { writer };
                (Loan::new(Pooled::Sqlite(pool.acquire().await?)), None)
            }
            Pools::Postgres(server) => {
                let pool = if self.batches { &server.batches } else { &server.pool };
                (Loan::new(Pooled::Postgres(pool.acquire().await?)), Some(server.clone()))
            }
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.usage.name).finish_non_exhaustive()
    }
}
