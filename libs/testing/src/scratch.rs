//! Databases that exist as long as a test.

use onethread_core::{Clock, SystemClock, SystemEntropy, new_uuid};
use onethread_db::{Database, Migrations};
use tempfile::TempDir;

use crate::postgres::{Schema, postgres_url};

/// Kind of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// A new schema on the server in the environment.
    Postgres,
}

/// A migrated database that is removed when this is dropped.
#[derive(Debug)]
pub struct ScratchDatabase {
    /// The database.
    pub db: Database,
    migrations: &'static Migrations,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    Folder(TempDir),
    Schema(Schema),
}

impl ScratchDatabase {
    /// Creates a database with a service's tables.
    ///
    /// # Panics
    ///
    /// When it can't be created; for PostgreSQL also when the environment names no server.
    pub async fn new(engine: Engine, migrations: &'static Migrations) -> Self {
        let scratch = Self::empty(engine, migrations).await;
        scratch.db.migrate(migrations).await.expect("migrations run on a new database");
        scratch
    }

    /// Creates a database without tables.
    ///
    /// # Panics
    ///
    /// As [`ScratchDatabase::new`].
    pub async fn empty(engine: Engine, migrations: &'static Migrations) -> Self {
        let storage = match engine {
            Engine::Sqlite => Storage::Folder(tempfile::tempdir().expect("a temporary folder")),
            Engine::Postgres => {
                let id = new_uuid(SystemClock.now(), &SystemEntropy).simple();
                Storage::Schema(Schema { url: postgres_url(), name: format!("test_{id}") })
            }
        };
        Self { db: storage.open().await, migrations, storage }
    }

    /// Creates another empty database of the same kind, with the same tables.
    pub async fn another(&self) -> Self {
        Self::new(self.engine(), self.migrations).await
    }

    /// Opens the same database with new connections, as another process would.
    pub async fn reconnect(&self) -> Database {
        self.storage.open().await
    }

    /// Opens the same database with connections that don't resolve deadlocks, so that a retry can't
    /// hide one: the statements in it fail by their timeout. These connections also wait that long
    /// for a locked row.
    pub async fn reconnect_without_deadlock_detection(&self) -> Database {
        let Storage::Schema(schema) = &self.storage else { return self.reconnect().await };
        let separator = if schema.url.contains('?') { '&' } else { '?' };
        let url = format!(
            "{}{separator}options[deadlock_timeout]=1h&options[lock_timeout]=0",
            schema.url
        );
        Database::connect(&url, &schema.name).await.expect("a database opens")
    }

    /// Returns the kind of the database.
    pub fn engine(&self) -> Engine {
        match self.storage {
            Storage::Folder(_) => Engine::Sqlite,
            Storage::Schema(_) => Engine::Postgres,
        }
    }

    /// Returns the schema on PostgreSQL, which is also the `application_name` of the connections.
    pub fn schema(&self) -> Option<&str> {
        match &self.storage {
            Storage::Folder(_) => None,
            Storage::Schema(schema) => Some(&schema.name),
        }
    }
}

impl Storage {
    async fn open(&self) -> Database {
        let opened = match self {
            Self::Folder(folder) => Database::open(&folder.path().join("scratch.db")).await,
            Self::Schema(schema) => Database::connect(&schema.url, &schema.name).await,
        };
        opened.expect("a database opens")
    }
}
