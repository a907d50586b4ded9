//! Errors of database work, and what callers of a service see of them.

use std::{borrow::Cow, sync::Arc};

use onethread_errors::Reason;
use sqlx::error::ErrorKind;

/// Database work failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database returned an error, or could not be reached.
    #[error("database")]
    Sql(#[source] sqlx::Error),
    /// A migration could not be run.
    #[error("migration")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row contains a value that no version of this program writes.
    #[error("stored data: {0}")]
    Corrupt(&'static str),
    /// A serialization conflict or a deadlock. The transaction is rolled back and may be retried.
    #[error("conflict with another transaction")]
    Conflict,
    /// Another transaction has locked a row for longer than a batch waits.
    #[error("a row is locked by another transaction")]
    Locked,
    /// The work exceeded its time limit. Its changes are rolled back, unless the commit had been
    /// sent.
    #[error("database work timed out")]
    Timeout,
    /// A transaction that was shared with other calls failed.
    #[error("the shared transaction failed")]
    SharedTransaction(#[source] Arc<Self>),
    /// The task that did the work panicked.
    #[error("the database task failed")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// True when the row violates a unique key.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(e)) if e.kind() == ErrorKind::UniqueViolation)
    }

    /// True when the database rejects the data itself, so that a retry can't succeed.
    pub fn is_invalid_data(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(e)) = self else { return false };
        // PostgreSQL: data exceptions, constraint violations, program limits exceeded. SQLite: too
        // big, constraint, mismatch.
        e.code().is_some_and(|code| {
            ["22", "23", "54"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || code.len() < 5 && code.parse::<i32>().is_ok_and(|n| matches!(n & 0xff, 18..=20))
        })
    }

    /// True when the connection can't be used any more.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_)) => true,
            // PostgreSQL: connection exceptions, shutdown, idle-in-transaction timeout.
            Self::Sql(sqlx::Error::Database(e)) => e.code().is_some_and(|code| {
                ["08", "57P", "25P03"].iter().any(|start| code.starts_with(start))
            }),
            _ => false,
        }
    }

    /// True when the database is unavailable or overloaded, so that a retry may succeed.
    pub fn is_transient(&self) -> bool {
        let error = match self {
            Self::Sql(error) => error,
            Self::SharedTransaction(error) => return error.is_transient(),
            Self::Conflict | Self::Locked | Self::Timeout => return true,
            _ => return false,
        };
        if self.is_lost() {
            return true;
        }
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // PostgreSQL: insufficient resources, operator intervention, timeouts. SQLite: busy,
            // locked, disk full, I/O error.
            sqlx::Error::Database(e) => e.code().is_some_and(|code| {
                ["53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                    || code.len() < 5
                        && code.parse::<i32>().is_ok_and(|n| matches!(n & 0xff, 5 | 6 | 10 | 13))
            }),
            _ => false,
        }
    }

    /// Class of the error for spans and metrics: the database's own code, if it returned one.
    pub(crate) fn class(&self) -> Cow<'static, str> {
        let class = match self {
            Self::Sql(sqlx::Error::Database(error)) => {
                return error.code().map_or("_OTHER".into(), |code| code.into_owned().into());
            }
            Self::Sql(sqlx::Error::Io(_)) => "connection_lost",
            Self::Sql(sqlx::Error::PoolTimedOut) => "pool_timeout",
            Self::Conflict => "conflict",
            Self::Locked => "locked",
            Self::Timeout => "timeout",
            Self::SharedTransaction(error) => return error.class(),
            Self::Sql(_) | Self::Migrate(_) | Self::Corrupt(_) | Self::Task(_) => "_OTHER",
        };
        class.into()
    }

    /// What a caller of the service sees of the error.
    pub(crate) fn reason(&self) -> Reason {
        if self.is_full() {
            Reason::StorageFull
        } else if self.is_transient() {
            Reason::Unavailable
        } else {
            Reason::Internal
        }
    }

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
            // PostgreSQL: deadlocks and serialization failures.
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
        } else if error.is_transient() {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

/// True when SQLite reports that there is no transaction to roll back.
pub(crate) fn is_no_transaction(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code == "1"))
}

/// True when a use case failed by [`Error::Conflict`].
pub(crate) fn is_conflict(error: &onethread_errors::Error) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref());
    matches!(source, Some(Error::Conflict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_class_and_the_reason_that_callers_see() {
        for (error, class, reason) in [
            (Error::Sql(sqlx::Error::PoolTimedOut), "pool_timeout", Reason::Unavailable),
            (Error::Conflict, "conflict", Reason::Unavailable),
            (Error::SharedTransaction(Arc::new(Error::Timeout)), "timeout", Reason::Unavailable),
            (Error::Sql(sqlx::Error::RowNotFound), "_OTHER", Reason::Internal),
            (Error::Corrupt("a row"), "_OTHER", Reason::Internal),
        ] {
            assert_eq!((&*error.class(), error.reason()), (class, reason));
            assert_eq!(onethread_errors::Error::from(error).reason, reason);
        }
    }
}
