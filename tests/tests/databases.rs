//! The same test on a server with SQLite, and on one with PostgreSQL.

use onethread_tests::{Options, PostgresDatabase, Stage};

/// Runs a test on each database.
pub(crate) async fn on_each_database(test: impl AsyncFn(&Stage)) {
    println!("on SQLite");
    test(&Stage::new().await).await;
    println!("on PostgreSQL");
    let database = PostgresDatabase::new().await;
    test(&Stage::with(Options::default().env("ONETHREAD_DATABASE_URL", database.url())).await)
        .await;
}
