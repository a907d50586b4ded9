//! A database that lasts as long as a test.

use onethread_core::{Clock, SystemClock, SystemEntropy, new_uuid};
use onethread_db::{Database, Migrations};
use tempfile::TempDir;

use crate::postgres::{Schema, postgres_url};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// A schema of its own on the server that the environment names.
    Postgres,
}

/// A migrated database that goes when this is dropped.
#[derive(Debug)]
pub struct ScratchDatabase {
    /// The database.
    pub db: Database,
    migrations: &'static Migrations,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(TempDir),
    Schema(Schema),
}

impl ScratchDatabase {
    /// Makes one with a service's tables.
    ///
    /// # Panics
    ///
    /// When it can't be made; for PostgreSQL also when the environment names no server.
    pub async fn new(engine: Engine, migrations: &'static Migrations) -> Self {
        let scratch = Self::empty(engine, migrations).await;
        scratch.db.migrate(migrations).await.expect("migrations run on a new database");
        scratch
    }

    /// Makes one without tables.
    ///
    /// # Panics
    ///
    /// As [`ScratchDatabase::new`].
    pub async fn empty(engine: Engine, migrations: &'static Migrations) -> Self {
        let place = match engine {
            Engine::Sqlite => Place::Folder(tempfile::tempdir().expect("a temporary folder")),
            Engine::Postgres => {
                let id = new_uuid(SystemClock.now(), &SystemEntropy).simple();
                Place::Schema(Schema { url: postgres_url(), name: format!("test_{id}") })
            }
        };
        Self { db: place.open().await, migrations, place }
    }

    /// Another one of the same kind, with the same tables and nothing in them.
    pub async fn another(&self) -> Self {
        Self::new(self.engine(), self.migrations).await
    }

    /// The same data as another process sees it: by connections of its own.
    pub async fn reconnect(&self) -> Database {
        self.place.open().await
    }

    /// The same on connections whose deadlocks nobody resolves: work that gets into one fails by
    /// the limit of its statement, where otherwise another try would hide it. They wait for a row
    /// as long, too.
    pub async fn reconnect_to_stay_in_deadlocks(&self) -> Database {
        let Place::Schema(schema) = &self.place else { return self.reconnect().await };
        let join = if schema.url.contains('?') { '&' } else { '?' };
        let url =
            format!("{}{join}options[deadlock_timeout]=1h&options[lock_timeout]=0", schema.url);
        Database::connect(&url, &schema.name).await.expect("a database opens")
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::Folder(_) => Engine::Sqlite,
            Place::Schema(_) => Engine::Postgres,
        }
    }

    /// The schema on PostgreSQL, which is also the name its connections go by.
    pub fn schema(&self) -> Option<&str> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Schema(schema) => Some(&schema.name),
        }
    }
}

impl Place {
    async fn open(&self) -> Database {
        let opened = match self {
            Self::Folder(folder) => Database::open(&folder.path().join("scratch.db")).await,
            Self::Schema(schema) => Database::connect(&schema.url, &schema.name).await,
        };
        opened.expect("a database opens")
    }
}
