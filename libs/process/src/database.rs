//! The database of a process with one service. An SQLite file is brought to this version's tables
//! as it is opened: nobody else uses it. PostgreSQL is shared by replicas of several versions, so
//! there it is a step of its own, and a process that finds tables missing doesn't serve.

use std::{collections::HashSet, path::Path};

use onethread_config::DatabaseUrl;
use onethread_db::{Conn, Database, Migrations};
use sqlx::{query_as, query_scalar};

use crate::{DataFolder, StartError};

/// Opens a service's database, ready to serve. `binary` is whom the person in front is told to
/// run where tables are missing.
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
        refuse_older(&db, migrations, binary).await?;
    }
    Ok(db)
}

async fn refuse_older(
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

/// Opens a service's database for a task that is done beside its processes. On PostgreSQL they may
/// go on; a file is taken for this task alone, as long as the folder that comes with it is held.
pub async fn open_beside(
    url: Option<&DatabaseUrl>,
    data_dir: &Path,
    migrations: &'static Migrations,
    binary: &str,
) -> Result<(Database, Option<DataFolder>), StartError> {
    if let Some(url) = url.filter(|url| !url.expose().starts_with("sqlite:")) {
        let db = Database::connect(url.expose(), migrations.schema).await?;
        refuse_older(&db, migrations, binary).await?;
        return Ok((db, None));
    }
    let file = data_dir.join(file_name(migrations));
    if url.is_none() && !file.exists() {
        let said = format!("{}: there is no such database", file.display());
        return Err(StartError::Configuration(said));
    }
    let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
    let db = open_database(url, &folder, migrations, binary).await?;
    Ok((db, Some(folder)))
}

/// The step of its own: brings the database to this version's tables. Processes that do so at
/// once wait for each other.
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

/// True when every migration known here was run. Further ones are a later version's, whose
/// tables this version can still work on.
async fn is_migrated(db: &Database, migrations: &'static Migrations) -> Result<bool, StartError> {
    let applied: HashSet<i64> = db
        .read("migrations.applied", |conn| {
            Box::pin(async move {
                let Conn::Postgres(conn) = conn else { return Ok(HashSet::new()) };
                let there: bool =
                    query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
                        .fetch_one(&mut *conn)
                        .await?;
                if !there {
                    return Ok(HashSet::new());
                }
                let rows: Vec<(i64,)> =
                    query_as("SELECT version FROM _sqlx_migrations WHERE success")
                        .fetch_all(&mut *conn)
                        .await?;
                Ok(rows.into_iter().map(|(version,)| version).collect())
            })
        })
        .await?;
    Ok(migrations.postgres.iter().all(|migration| applied.contains(&migration.version)))
}
