//! Opening databases.

use std::{path::Path, str::FromStr, time::Duration};

use onethread_telemetry::metrics::{CONNECTIONS, CONNECTIONS_MOST};
use sqlx::{
    ConnectOptions, Pool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Result, server::Server};

/// How long work waits for a free connection before it is turned away.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long one statement may run on PostgreSQL before it is stopped, and how long a transaction
/// may stand there idle, should a process freeze inside one.
const STATEMENT_MS: &str = "15000";

/// Pages that SQLite's log grows to before they go into the file itself: 32 MiB. What is written
/// again and again goes there once.
const LOG_PAGES: &str = "8192";

/// One service's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) pools: Pools,
    /// Whether transactions run on the connections for batches.
    pub(crate) batches: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// One file. One writer, because several stall each other on a synchronous commit; readers
    /// see the last commit and wait for nobody.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(Server),
}

impl Database {
    fn new(pools: Pools) -> Self {
        Self { pools, batches: false }
    }

    /// The same database for transactions whose statements take a whole batch at once and find
    /// each row by a key. A batch that meets a row that another transaction holds fails after
    /// 100 ms by [`Error::Locked`](crate::Error::Locked).
    pub fn batches(&self) -> Self {
        Self { batches: true, ..self.clone() }
    }

    /// Opens the service's database: a `postgres:` URL, in which the service has the schema
    /// `schema` (a plain lower-case name), or a `sqlite:` URL. Secrets in the URL never reach a
    /// log. A server that is away is no error here but of the work that needs it.
    pub async fn connect(url: &str, schema: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Self::sqlite(SqliteConnectOptions::from_str(url)?).await;
        }
        let options = PgConnectOptions::from_str(url)?
            .application_name(schema)
            .options([
                ("search_path", schema),
                ("statement_timeout", STATEMENT_MS),
                ("idle_in_transaction_session_timeout", STATEMENT_MS),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(ACQUIRE);
        Ok(Self::new(Pools::Postgres(Server::new(pool, options, schema))))
    }

    /// Opens an SQLite file, making it where it is missing.
    pub async fn open(file: &Path) -> Result<Self> {
        Self::sqlite(SqliteConnectOptions::new().filename(file)).await
    }

    async fn sqlite(options: SqliteConnectOptions) -> Result<Self> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged commit is on disk, power cut or not.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE)
            .pragma("wal_autocheckpoint", LOG_PAGES)
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE)
                .idle_timeout(None)
                .max_lifetime(None)
                // A file does not go away.
                .test_before_acquire(false)
        };
        // The file's thread shall not wait for each row of a batch to be looked at.
        let of_writer = options.clone().row_buffer_size(1024);
        let writer = pool().max_connections(1).connect_with(of_writer).await?;
        let readers = pool().max_connections(4).connect_lazy_with(options.read_only(true));
        Ok(Self::new(Pools::Sqlite { writer, readers }))
    }

    /// True for a file of this machine, which one process at a time works on.
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// `sqlite` or `postgresql`, as OpenTelemetry names them.
    pub fn system(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgresql",
        }
    }

    /// Notes how many connections of a service's pools are used, and how many idle.
    pub fn measure(&self, service: &str) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                measure(writer, &format!("{service}.writer"));
                measure(readers, &format!("{service}.readers"));
            }
            Pools::Postgres(server) => {
                measure(&server.pool, service);
                measure(&server.batches, &format!("{service}.batches"));
            }
        }
    }

    /// Closes every connection, once the work on it is done.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(server) => {
                server.batches.close().await;
                server.pool.close().await;
            }
        }
    }
}

fn measure<D: sqlx::Database>(pool: &Pool<D>, name: &str) {
    let name = ("db.client.connection.pool.name", name);
    let state = |state| [name, ("db.client.connection.state", state)];
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    CONNECTIONS.set(f64::from(pool.size().saturating_sub(idle)), &state("used"));
    CONNECTIONS.set(f64::from(idle), &state("idle"));
    CONNECTIONS_MOST.set(f64::from(pool.options().get_max_connections()), &[name]);
}
