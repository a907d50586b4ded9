//! The databases as files, and bringing them to this version's tables without serving.

use onethread_config::Settings;
use onethread_db::Migrations;
use onethread_process::StartError;

use crate::restore;

static ALL: [&Migrations; 3] = [
    &onethread_identity::MIGRATIONS,
    &onethread_conversation::MIGRATIONS,
    &onethread_contact_import::MIGRATIONS,
];

/// Names of the SQLite files in the data folder.
pub(crate) fn files() -> [String; 3] {
    ALL.map(|migrations| format!("{}.db", migrations.schema))
}

/// Brings every database to this version's tables.
pub(crate) async fn migrate(settings: &Settings) -> Result<(), StartError> {
    let url = settings.database.database_url.as_ref();
    if url.is_none() {
        restore::refuse_unfinished(&settings.process.data_dir)?;
    }
    for migrations in ALL {
        onethread_process::migrate(url, &settings.process.data_dir, migrations).await?;
    }
    Ok(())
}
