//! Bringing a database to this version's tables.

use sqlx::{AssertSqlSafe, migrate::Migrator};

use crate::{Database, Result, connect::Pools};

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
    /// Runs what has not been run yet. Processes that start together wait for each other.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<()> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => migrations.sqlite.run(writer).await?,
            Pools::Postgres(pool) => {
                // The name is a constant of the service's code.
                let schema = format!("CREATE SCHEMA IF NOT EXISTS {}", migrations.schema);
                sqlx::query(AssertSqlSafe(schema)).execute(pool).await?;
                migrations.postgres.run(pool).await?;
            }
        }
        Ok(())
    }
}
