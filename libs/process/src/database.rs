//! The database of a process with one service. An SQLite file is migrated when it is opened, since
//! no other process uses it. PostgreSQL is shared by replicas of several versions: there, migration
//! is a separate step, and a process that lacks tables doesn't serve.

use std::{collections::HashSet, path::Path};

use onethread_config::DatabaseUrl;
use onethread_db::{Database, Migrations};

use crate::{DataFolder, StartError};

/// Opens a service's database, ready to serve. `binary` is the program that the error names when
/// tables are missing.
///
/// # Errors
///
/// When the database can't be opened, or a shared one lacks tables of this version.
pub async fn open_database(
    url: Option<&DatabaseUrl>,
    folder: &DataFolder,
    migrations: &'static Migrations,
    binary: &str,
) -> Result<Database, StartError> {
    let db = match url {
        Some(url) => Database::connect(url.expose(), migrations.schema).await?,
        None => Database::open(&folder.path(&file_name(migrations))).await?,
    };
    if db.system() == "sqlite" {
        db.migrate(migrations).await?;
    } else {
        check_migrated(&db, migrations, binary).await?;
    }
    Ok(db)
}

async fn check_migrated(
    db: &Database,
    migrations: &'static Migrations,
    binary: &str,
) -> Result<(), StartError> {
    if is_migrated(db, migrations).await? {
        return Ok(());
    }
    Err(StartError::Configuration(format!(
        "the database lacks tables of this version: run `{binary} migrate` first"
    )))
}

/// Opens a service's database for a task outside the service's process. On PostgreSQL the service may
/// run meanwhile. A file is locked for this task, as long as the returned folder exists.
///
/// # Errors
///
/// When the database doesn't exist, lacks tables of this version, or another process uses its folder.
pub async fn open_for_command(
    url: Option<&DatabaseUrl>,
    data_dir: &Path,
    migrations: &'static Migrations,
    binary: &str,
) -> Result<(Database, Option<DataFolder>), StartError> {
    if let Some(url) = url.filter(|url| !url.expose().starts_with("sqlite:")) {
        let db = Database::connect(url.expose(), migrations.schema).await?;
        check_migrated(&db, migrations, binary).await?;
        return Ok((db, None));
    }
    let file = data_dir.join(file_name(migrations));
    if url.is_none() && !file.exists() {
        let message = format!("{}: there is no such database", file.display());
        return Err(StartError::Configuration(message));
    }
    let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
    let db = open_database(url, &folder, migrations, binary).await?;
    Ok((db, Some(folder)))
}

/// Migrates the database. Processes that do so at the same time wait for each other.
///
/// # Errors
///
/// When the database can't be opened or migrated.
pub async fn migrate(
    url: Option<&DatabaseUrl>,
    data_dir: &Path,
    migrations: &'static Migrations,
) -> Result<(), StartError> {
    let db = match url {
        Some(url) => Database::connect(url.expose(), migrations.schema).await?,
        None => {
            let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
            Database::open(&folder.path(&file_name(migrations))).await?
        }
    };
    db.migrate(migrations).await?;
    db.close().await;
    tracing::info!(schema = migrations.schema, "migrated");
    Ok(())
}

fn file_name(migrations: &Migrations) -> String {
    format!("{}.db", migrations.schema)
}

/// True when every migration of this version was run. Others are of a later version, whose tables
/// this version can still use.
async fn is_migrated(db: &Database, migrations: &'static Migrations) -> Result<bool, StartError> {
    let mut conn = db.reader("migrations.applied").await?;
    let has_table: bool =
        conn.query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").scalar().await?;
    if !has_table {
        return Ok(false);
    }
    let versions = conn.query("SELECT version FROM _sqlx_migrations WHERE success");
    let applied: HashSet<i64> = versions.scalars().await?.into_iter().collect();
    Ok(migrations.postgres.iter().all(|migration| applied.contains(&migration.version)))
}
