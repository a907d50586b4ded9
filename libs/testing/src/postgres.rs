//! The PostgreSQL of tests: where it is, and clearing it up.

use sqlx::{AssertSqlSafe, Connection, PgConnection, query};

/// The environment variable that names the server.
pub const URL_VARIABLE: &str = "ONETHREAD_TEST_POSTGRES_URL";

/// The server's URL. A test that can't run is a failure, not a skip.
///
/// # Panics
///
/// When the environment names none.
pub fn postgres_url() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{URL_VARIABLE} is not set. Tests run on PostgreSQL too: \
             `export {URL_VARIABLE}=$(tests/postgres start <folder>)` starts one, \
             and `tests/run` does so by itself."
        )
    })
}

/// A schema that goes with all that is in it.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    async fn remove(url: &str, name: &str) -> sqlx::Result<()> {
        let mut conn = PgConnection::connect(url).await?;
        // What a test left running must not keep its tables locked.
        query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
            .bind(name)
            .execute(&mut conn)
            .await?;
        // The name is made of letters and digits.
        let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
        query(drop).execute(&mut conn).await?;
        conn.close().await
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (url, name) = (std::mem::take(&mut self.url), std::mem::take(&mut self.name));
        // A test may end inside a runtime, which can't be blocked; a thread can.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(Self::remove(&url, &name))
        });
        if let Ok(Err(error)) = removed.join() {
            eprintln!("a schema of tests stays: {error}");
        }
    }
}
