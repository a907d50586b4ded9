//! What database work can fail with, and how that looks from outside.

use std::sync::Arc;

use sqlx::error::ErrorKind;

/// Database work failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no, or could not be reached.
    #[error("database")]
    Sql(#[source] sqlx::Error),
    /// A migration could not be run.
    #[error("migration")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds something no version of this program writes.
    #[error("stored data: {0}")]
    Corrupt(&'static str),
    /// Another process wrote first, or each waited for the other: the transaction is rolled back
    /// and may be tried again.
    #[error("another process wrote first")]
    Conflict,
    /// Another transaction holds a row for longer than a batch waits for one.
    #[error("a row is locked by another transaction")]
    Locked,
    /// The work took longer than any may. What it wrote is rolled back, unless the commit itself
    /// was under way.
    #[error("database work timed out")]
    Timeout,
    /// The transaction failed in which this was done together with other things.
    #[error("together with others")]
    Together(#[source] Arc<Self>),
    /// The task that did the work panicked.
    #[error("database task")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// True when a unique key refused the row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(e)) if e.kind() == ErrorKind::UniqueViolation)
    }

    /// True when the database refuses what is written, whoever writes it and whenever.
    pub fn is_of_the_data(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(e)) = self else { return false };
        // PostgreSQL: bad values, broken constraints, over a limit of the program. SQLite: too big,
        // constraint, mismatch.
        e.code().is_some_and(|code| {
            ["22", "23", "54"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || code.len() < 5 && code.parse::<i32>().is_ok_and(|n| matches!(n & 0xff, 18..=20))
        })
    }

    /// True when the connection is no good any more.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_)) => true,
            // PostgreSQL: connection trouble, shut down, ended for idling in a transaction.
            Self::Sql(sqlx::Error::Database(e)) => e.code().is_some_and(|code| {
                ["08", "57P", "25P03"].iter().any(|start| code.starts_with(start))
            }),
            _ => false,
        }
    }

    /// True when the database is away or overloaded, so that another try may well succeed.
    pub fn is_passing(&self) -> bool {
        let error = match self {
            Self::Sql(error) => error,
            Self::Together(error) => return error.is_passing(),
            Self::Conflict | Self::Locked | Self::Timeout => return true,
            _ => return false,
        };
        if self.is_lost() {
            return true;
        }
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // PostgreSQL: out of resources, stopped by its operator or its time limit. SQLite: busy, locked, disk full, input/output.
            sqlx::Error::Database(e) => e.code().is_some_and(|code| {
                ["53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                    || code.len() < 5
                        && code.parse::<i32>().is_ok_and(|n| matches!(n & 0xff, 5 | 6 | 10 | 13))
            }),
            _ => false,
        }
    }
}

impl Error {
    /// True when the database's disk is full.
    fn is_full(&self) -> bool {
        // PostgreSQL: disk full. SQLite: full.
        matches!(self, Self::Sql(sqlx::Error::Database(e))
            if e.code().is_some_and(|code| code == "53100" || code == "13"))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // PostgreSQL: a deadlock, or a row that changed meanwhile.
            sqlx::Error::Database(e) if e.code().is_some_and(|code| code.starts_with("40")) => {
                Self::Conflict
            }
            sqlx::Error::Database(e) if e.code().is_some_and(|code| code == "55P03") => {
                Self::Locked
            }
            _ => Self::Sql(error),
        }
    }
}

impl From<Error> for onethread_errors::Error {
    fn from(error: Error) -> Self {
        if error.is_full() {
            Self::storage_full(error)
        } else if error.is_passing() {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

/// True when SQLite says that there is no transaction to roll back.
pub(crate) fn is_no_transaction(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code == "1"))
}

/// True when a use case failed by [`Error::Conflict`].
pub(crate) fn is_conflict(error: &onethread_errors::Error) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref());
    matches!(source, Some(Error::Conflict))
}
