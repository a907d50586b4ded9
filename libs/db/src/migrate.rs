//! Bringing a database to this version's tables.

use sqlx::{AssertSqlSafe, Connection, migrate::Migrator, query, query_scalar};

use crate::{Database, Result, connect::Pools, server::Server};

/// A service's migrations for both databases.
#[derive(Debug)]
pub struct Migrations {
    /// Schema on PostgreSQL; SQLite has a file a service instead.
    pub schema: &'static str,
    /// From `migrations/sqlite`.
    pub sqlite: Migrator,
    /// From `migrations/postgres`.
    pub postgres: Migrator,
}

impl Database {
    /// Runs what has not been run yet. On PostgreSQL processes that start together wait for each
    /// other; an SQLite file is one process's alone.
    ///
    /// It needs the right to make tables, and that to make a schema where there is none; serving
    /// needs neither.
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
    // The migrator's lock is the session's: it has to go with it, whatever happens.
    conn.close_on_drop();
    // A big table takes longer than any request may, and so does waiting for who is at it.
    query("SET statement_timeout = '1h'").execute(&mut *conn).await?;

    let mut tx = conn.begin().await?;
    // Two that make one schema at once fail in spite of IF NOT EXISTS.
    query("SELECT pg_advisory_xact_lock(hashtextextended('onethread migrations', 0))")
        .execute(&mut *tx)
        .await?;
    let there: bool = query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(&*server.schema)
        .fetch_one(&mut *tx)
        .await?;
    if !there {
        // The name comes from the service's code.
        let create = AssertSqlSafe(format!("CREATE SCHEMA {}", server.schema));
        query(create).execute(&mut *tx).await?;
    }
    tx.commit().await?;

    // Takes a lock of its own for the rest.
    migrations.run(&mut *conn).await?;
    conn.close().await?;
    Ok(())
}
