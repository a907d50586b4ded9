//! What tests of several services need: a migrated database of their own.

use onethread_db::{Database, Migrations};
use tempfile::TempDir;

/// A database that goes when this is dropped.
#[derive(Debug)]
pub struct ScratchDatabase {
    /// The database, migrated.
    pub db: Database,
    _folder: TempDir,
}

/// Makes a database with a service's tables.
pub async fn sqlite(migrations: &Migrations) -> ScratchDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Database::open(&folder.path().join("scratch.db")).await.expect("a new file opens");
    db.migrate(migrations).await.expect("migrations run on a new file");
    ScratchDatabase { db, _folder: folder }
}
