//! A database for a test on the PostgreSQL server of the tests.

use std::env;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::Random;

/// A database. It is removed when this is dropped.
#[derive(Debug)]
pub struct PostgresDatabase {
    url: String,
}

impl PostgresDatabase {
    /// Creates a database on the server that tests share.
    ///
    /// # Panics
    ///
    /// When there is no server.
    pub async fn new() -> Self {
        let server = env::var("ONETHREAD_TEST_POSTGRES_URL").unwrap_or_else(|_| {
            panic!(
                "ONETHREAD_TEST_POSTGRES_URL is not set: `tests/postgres start <folder>` prints it"
            )
        });
        Self::on(&server).await
    }

    /// Creates a database on a server.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub async fn on(server: &str) -> Self {
        let name = format!("test_{}", Random::new().uuid().simple());
        let mut conn = PgConnection::connect(server).await.expect("PostgreSQL is running");
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut conn).await.expect("a database can be created");
        let (host, _) = server.rsplit_once('/').expect("the URL names a database");
        Self { url: format!("{host}/{name}") }
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let url = std::mem::take(&mut self.url);
        // A test may end inside a runtime, where blocking isn't allowed.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let (host, name) = url.rsplit_once('/').unwrap_or_default();
                let mut conn = PgConnection::connect(&format!("{host}/postgres")).await?;
                let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
                sqlx::query(drop).execute(&mut conn).await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("can't remove the database of a test: {error}");
        }
    }
}
