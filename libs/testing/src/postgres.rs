//! The PostgreSQL server of tests.

use sqlx::{AssertSqlSafe, Connection, PgConnection, query};

/// The environment variable with the server's URL.
pub const URL_VARIABLE: &str = "ONETHREAD_TEST_POSTGRES_URL";

/// Returns the server's URL.
///
/// # Panics
///
/// When the variable isn't set: a test that can't run is a failure, not a skip.
pub fn postgres_url() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{URL_VARIABLE} is not set, but tests run on PostgreSQL too. Start a server with \
             `export {URL_VARIABLE}=$(tests/postgres start <folder>)`, or use `tests/run`, which \
             starts one."
        )
    })
}

/// A schema that is removed with its content when this is dropped.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    async fn remove(url: &str, name: &str) -> sqlx::Result<()> {
        let mut conn = PgConnection::connect(url).await?;
        // Connections that a test has left open could lock its tables.
        query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
            .bind(name)
            .execute(&mut conn)
            .await?;
        // The name contains only letters, digits and underscores.
        let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
        query(drop).execute(&mut conn).await?;
        conn.close().await
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (url, name) = (std::mem::take(&mut self.url), std::mem::take(&mut self.name));
        // A test may end inside a runtime, where blocking isn't allowed.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(Self::remove(&url, &name))
        });
        if let Ok(Err(error)) = removed.join() {
            eprintln!("can't remove the schema of a test: {error}");
        }
    }
}
