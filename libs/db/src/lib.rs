//! SQLite and PostgreSQL behind one type. A store writes one SQL text and one row struct for both;
//! a use case opens a [`Connection`] or, by [`transaction!`], a [`Transaction`] and hands it to the
//! store. Lives here: connecting, migrating, statements, transactions that a dropped request can't
//! leave open, times as both databases keep them. Doesn't: any table.

mod connect;
mod connection;
mod copy;
mod error;
mod loan;
mod log;
mod migrate;
mod server;
mod statement;
mod time;
mod transaction;

pub use connect::{Database, MAX_SEARCHERS};
pub use connection::Connection;
pub use copy::{CopyError, FileCopy, copy_consistently};
pub use error::Error;
pub use migrate::Migrations;
#[doc(hidden)]
pub use onethread_errors::{Error as AppError, Result as AppResult};
/// Fills a struct from a row of either database.
pub use sqlx::FromRow;
pub use sqlx::types::Json;
/// `#[derive(FromRow)]`, and a folder of migrations at compile time.
pub use sqlx_macros::{FromRow, migrate};
pub use statement::{Bind, Row, Rows, Sql, Statement};
pub use time::Time;
pub use transaction::Transaction;

/// The result of database work.
pub type Result<T> = std::result::Result<T, Error>;
