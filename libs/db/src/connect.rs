//! Opening databases.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use onethread_telemetry::{
    attributes,
    metrics::{CONNECTIONS, MAX_CONNECTIONS},
};
use sqlx::{
    ConnectOptions, Pool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tracing::warn;

use crate::{Result, log::LogTruncation, server::Server};

/// How long to wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// PostgreSQL's limit for one statement, and for a transaction that is idle because its process
/// has frozen, in milliseconds.
const STATEMENT_TIMEOUT_MS: &str = "15000";

/// Connections of an SQLite file that read.
const MAX_READERS: usize = 4;
/// Connections for searches, to either database.
pub const MAX_SEARCHERS: usize = 4;

/// Size of SQLite's write-ahead log, in pages, at which it is written back to the database file:
/// 32 MiB. Pages that change often are then written back only once.
const CHECKPOINT_PAGES: &str = "8192";

/// One service's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) pools: Pools,
    /// Whether transactions run on the connections for batches.
    pub(crate) batches: bool,
    pub(crate) names: Arc<Names>,
}

/// Names of the database and its pools in spans and metrics.
#[derive(Debug)]
pub(crate) struct Names {
    /// Whose database it is. Also the name of the first pool on PostgreSQL.
    pub(crate) namespace: Arc<str>,
    pub(crate) readers: Arc<str>,
    pub(crate) searchers: Arc<str>,
    pub(crate) writer: Arc<str>,
    pub(crate) batches: Arc<str>,
}

impl Names {
    fn new(namespace: &str) -> Self {
        let pool = |kind| format!("{namespace}.{kind}").into();
        Self {
            namespace: namespace.into(),
            readers: pool("readers"),
            searchers: pool("searchers"),
            writer: pool("writer"),
            batches: pool("batches"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// One file. It has one writer, because several would block each other in synchronous commits.
    /// Readers see the last commit and never wait.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        /// For searches, so that other reads don't wait for them.
        searchers: SqlitePool,
        log: LogTruncation,
    },
    Postgres(Server),
}

impl Database {
    fn new(pools: Pools, namespace: &str) -> Self {
        Self { pools, batches: false, names: Arc::new(Names::new(namespace)) }
    }

    /// Returns the same database for transactions whose statements process a whole batch and find
    /// each row by its key. A batch fails by [`Error::Locked`](crate::Error::Locked) when another
    /// transaction holds a row for more than 100 ms.
    pub fn batches(&self) -> Self {
        Self { batches: true, ..self.clone() }
    }

    /// Opens the service's database: a `postgres:` URL, with the schema `schema` (a lower-case
    /// name without special characters), or a `sqlite:` URL. Secrets in the URL are never logged.
    /// Connections to PostgreSQL are opened by the first statement, so an unavailable server is
    /// not an error here.
    ///
    /// # Errors
    ///
    /// When the URL is invalid, or the SQLite file can't be opened.
    pub async fn connect(url: &str, schema: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Self::sqlite(SqliteConnectOptions::from_str(url)?, schema).await;
        }
        let options = PgConnectOptions::from_str(&without_unknown_parameters(url))?
            .application_name(schema)
            .options([
                ("search_path", schema),
                ("statement_timeout", STATEMENT_TIMEOUT_MS),
                ("idle_in_transaction_session_timeout", STATEMENT_TIMEOUT_MS),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Self::new(Pools::Postgres(Server::new(pool, options, schema)), schema))
    }

    /// Opens an SQLite file, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// When the file can't be opened.
    pub async fn open(file: &Path) -> Result<Self> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        Self::sqlite(SqliteConnectOptions::new().filename(file), &name).await
    }

    async fn sqlite(options: SqliteConnectOptions, namespace: &str) -> Result<Self> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit survives a power failure.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // What is deleted is overwritten in the file. Every connection does so: a page that an
            // earlier change has freed or rearranged may hold what a later erasure is about.
            .pragma("secure_delete", "ON")
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                // Connections to a file don't break.
                .test_before_acquire(false)
        };
        // Without a buffer SQLite's thread waits for the reader of each row of a batch.
        let writer_options = options.clone().row_buffer_size(1024);
        let writer = pool().max_connections(1).connect_with(writer_options).await?;
        let log = LogTruncation::new(options.clone());
        // A process that was killed may have left erased rows in the log.
        if !log.truncate().await? {
            log.request();
        }
        let read = |connections: usize| {
            let connections = u32::try_from(connections).unwrap_or(u32::MAX);
            pool().max_connections(connections).connect_lazy_with(options.clone().read_only(true))
        };
        let (readers, searchers) = (read(MAX_READERS), read(MAX_SEARCHERS));
        Ok(Self::new(Pools::Sqlite { writer, readers, searchers, log }, namespace))
    }

    /// True for an SQLite file, which one process at a time uses.
    pub fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// Returns OpenTelemetry's name of the database: `sqlite` or `postgresql`.
    pub fn system(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgresql",
        }
    }

    /// Returns whose database it is: its schema on PostgreSQL, the name of its file on SQLite.
    pub fn namespace(&self) -> &str {
        &self.names.namespace
    }

    /// Records in the metrics how many connections of the pools are used, and how many are idle.
    pub fn measure(&self) {
        let Names { namespace, readers: reading, searchers: searching, writer: writing, batches } =
            &*self.names;
        match &self.pools {
            Pools::Sqlite { writer, readers, searchers, .. } => {
                measure(writer, writing);
                measure(readers, reading);
                measure(searchers, searching);
            }
            Pools::Postgres(server) => {
                measure(&server.pool, namespace);
                measure(&server.batches, batches);
                measure(&server.searchers, searching);
            }
        }
    }

    /// Closes all connections after their current work.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, searchers, .. } => {
                searchers.close().await;
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(server) => {
                server.searchers.close().await;
                server.batches.close().await;
                server.pool.close().await;
            }
        }
    }
}

/// Parameters of a PostgreSQL URL that the driver knows.
const POSTGRES_PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Leaves out parameters that the driver doesn't know: it would log them with their values, and one
/// such as `sslpassword` is a secret.
fn without_unknown_parameters(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    let is_known = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        let is_known = POSTGRES_PARAMETERS.contains(&name) || name.starts_with("options[");
        if !is_known {
            warn!("the database URL has a parameter that isn't supported and is ignored");
        }
        is_known
    };
    let known: Vec<_> = query.split('&').filter(is_known).collect();
    if known.is_empty() { place.to_owned() } else { format!("{place}?{}", known.join("&")) }
}

fn measure<D: sqlx::Database>(pool: &Pool<D>, name: &str) {
    let name = (attributes::DB_POOL_NAME, name);
    let state = |state| [name, (attributes::DB_CONNECTION_STATE, state)];
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    CONNECTIONS.set(pool.size().saturating_sub(idle).into(), &state("used"));
    CONNECTIONS.set(idle.into(), &state("idle"));
    MAX_CONNECTIONS.set(pool.options().get_max_connections().into(), &[name]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_sees_only_parameters_that_it_knows() {
        let url = "postgres://me:p@db/o?sslmode=require&sslpassword=canary&password=x&canary";
        let known = "postgres://me:p@db/o?sslmode=require&password=x";
        assert_eq!(without_unknown_parameters(url), known);
        assert_eq!(without_unknown_parameters("postgres://db/o?a=b"), "postgres://db/o");
        for url in [known, "postgres://db/o", "postgres://db/o?options[search_path]=x"] {
            assert_eq!(without_unknown_parameters(url), url);
        }
        assert!(PgConnectOptions::from_str(known).is_ok());
    }
}
