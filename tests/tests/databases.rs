//! Runs a test on a server with SQLite and on one with PostgreSQL.

use onethread_tests::{Options, PostgresDatabase, TestServer};

/// Runs a test on each database.
pub(crate) async fn on_each_database(test: impl AsyncFn(&TestServer)) {
    println!("on SQLite");
    test(&TestServer::new().await).await;
    println!("on PostgreSQL");
    let database = PostgresDatabase::new().await;
    test(&TestServer::with(Options::default().env("ONETHREAD_DATABASE_URL", database.url())).await)
        .await;
}
