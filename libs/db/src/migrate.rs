//! Schema migrations.

use sqlx::{AssertSqlSafe, Connection, migrate::Migrator, query, query_scalar};

use crate::{Database, Result, connect::Pools, server::Server};

/// A service's migrations for both databases.
#[derive(Debug)]
pub struct Migrations {
    /// Schema on PostgreSQL. On SQLite each service has its own file instead.
    pub schema: &'static str,
    /// From `migrations/sqlite`.
    pub sqlite: Migrator,
    /// From `migrations/postgres`.
    pub postgres: Migrator,
}

impl Database {
    /// Runs the migrations that have not been run. On PostgreSQL processes that start at the same
    /// time wait for each other; an SQLite file belongs to one process.
    ///
    /// It needs the permission to create tables, and to create the schema if it is missing.
    /// Serving needs neither.
    ///
    /// # Errors
    ///
    /// When the database can't be reached, or a migration fails.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<()> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => migrations.sqlite.run(writer).await?,
            Pools::Postgres(server) => migrate(server, &migrations.postgres).await?,
        }
        Ok(())
    }
}

async fn migrate(server: &Server, migrations: &Migrator) -> Result<()> {
    let mut conn = server.pool.acquire().await?;
    // The migrator's lock belongs to the session, so the session has to end even after an error.
    conn.close_on_drop();
    // Changing a large table takes longer than a request may, and so does waiting for a process
    // that is changing it.
    query("SET statement_timeout = '1h'").execute(&mut *conn).await?;

    let mut tx = conn.begin().await?;
    // Without the lock, CREATE SCHEMA IF NOT EXISTS fails if two sessions run it at the same time.
    query("SELECT pg_advisory_xact_lock(hashtextextended('onethread migrations', 0))")
        .execute(&mut *tx)
        .await?;
    let exists: bool = query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(&*server.schema)
        .fetch_one(&mut *tx)
        .await?;
    if !exists {
        // The name is a constant of the service.
        let create = AssertSqlSafe(format!("CREATE SCHEMA {}", server.schema));
        query(create).execute(&mut *tx).await?;
    }
    tx.commit().await?;

    // The migrator takes its own lock.
    migrations.run(&mut *conn).await?;
    conn.close().await?;
    Ok(())
}
