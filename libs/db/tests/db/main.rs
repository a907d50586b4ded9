//! What stores rely on, on real databases.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod away;
mod calls;
mod cancel;
mod migrate;

use onethread_db::Migrations;

/// Tables of these tests.
pub(crate) static MIGRATIONS: Migrations = Migrations {
    schema: "parts",
    sqlite: sqlx::migrate!("tests/migrations/sqlite"),
    postgres: sqlx::migrate!("tests/migrations/postgres"),
};
