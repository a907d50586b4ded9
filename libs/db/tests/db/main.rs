//! Tests of the library on real databases.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod calls;
mod cancel;
mod migrate;
mod outages;

use onethread_db::Migrations;

/// The migrations of these tests.
pub(crate) static MIGRATIONS: Migrations = Migrations {
    schema: "parts",
    sqlite: onethread_db::migrate!("tests/migrations/sqlite"),
    postgres: onethread_db::migrate!("tests/migrations/postgres"),
};
