//! SQLite and PostgreSQL behind one API. A store writes one SQL text and one row struct for both.
//! The library opens and migrates databases, runs statements and transactions, stores timestamps
//! in both, and copies SQLite files. It knows no tables.

mod conn;
mod connect;
mod connection;
mod copy;
mod error;
mod held;
mod loan;
mod migrate;
mod server;
mod statement;
mod time;
mod transaction;
mod work;

pub use conn::Conn;
pub use connect::Database;
pub use connection::Connection;
pub use copy::{CopyError, FileCopy, copy_together};
pub use error::Error;
pub use migrate::Migrations;
#[doc(hidden)]
pub use onethread_errors::{Error as AppError, Result as AppResult};
pub use sqlx::types::Json;
pub use statement::{Bind, Row, Rows, Sql, Statement};
pub use time::Time;
pub use transaction::Transaction;

/// The result of database work.
pub type Result<T> = std::result::Result<T, Error>;

/// Runs one body on whichever database a [`Conn`] is: `on!(conn, |c| query(SQL).execute(&mut **c).await)`.
#[macro_export]
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::Conn::Sqlite($c) => $body,
            $crate::Conn::Postgres($c) => $body,
        }
    };
}
