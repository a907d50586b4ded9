//! The measured processes: `onethread-conversation` alone, and the all-in-one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use onethread_tests::{LONG_TIMEOUT, Options, TestServer, binary, wait_until};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, query};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A running service. It is killed when this is dropped.
pub(crate) struct Conversation {
    folder: TempDir,
    _child: Child,
    /// `host:port`.
    pub(crate) address: String,
}

fn command(data_dir: &Path, database: Option<&str>) -> Command {
    let program = binary().with_file_name("onethread-conversation");
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(url) = database {
        command.args(["--database-url", url]);
    }
    command.env("RUST_LOG", "error");
    command
}

impl Conversation {
    /// Starts the service on this database, or on a new SQLite file.
    pub(crate) async fn start(database: Option<&str>) -> Self {
        let folder = TempDir::with_prefix("onethread-bench-").expect("a temporary folder is made");
        let data_dir = folder.path().join("data");
        if database.is_some() {
            let mut migrate = command(&data_dir, database);
            assert!(migrate.arg("migrate").status().await.expect("it starts").success());
        }
        // Nothing listens there, so that deliveries to identity stay pending.
        let mut serve = command(&data_dir, database);
        serve.args(["--conversation-addr", "127.0.0.1:0", "--identity-url", "http://127.0.0.1:9"]);
        let mut child = serve.spawn().expect("it starts");
        let file = data_dir.join("run.json");
        let address = wait_until("run.json of a serving process", LONG_TIMEOUT, async || {
            assert!(child.try_wait().expect("a child can be asked").is_none(), "it ended");
            let run: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            run["conversation"].as_str().map(str::to_owned)
        })
        .await;
        Self { folder, _child: child, address }
    }

    /// Returns the path of its SQLite file.
    pub(crate) fn sqlite(&self) -> PathBuf {
        sqlite_file(&self.folder.path().join("data"), "conversation")
    }
}

/// Returns the path of a service's file in a data folder.
pub(crate) fn sqlite_file(data_dir: &Path, service: &str) -> PathBuf {
    let files = fs::read_dir(data_dir).expect("the folder is there");
    let mut files = files.flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "db")
            && path.file_stem().is_some_and(|stem| stem == service)
    };
    files.find(named).expect("it has a database")
}

/// Starts the all-in-one on a new database of this kind.
pub(crate) async fn start_server(database: Kind) -> TestServer {
    match database {
        Kind::Sqlite => TestServer::with(options()).await,
        Kind::Postgres => {
            let url = fresh_database().await;
            TestServer::with(options().env("ONETHREAD_DATABASE_URL", url)).await
        }
    }
}

/// The telemetry that the caller of the benchmark has set, if any.
fn options() -> Options {
    let telemetry = std::env::vars().filter(|(name, _)| name.starts_with("OTEL_"));
    telemetry.fold(Options::default(), |options, (name, value)| options.env(&name, value))
}

/// Kind of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Returns the display name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Creates an empty database on the server in the environment.
pub(crate) async fn fresh_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("ONETHREAD_TEST_POSTGRES_URL").expect("a PostgreSQL is named");
    let name = format!("bench_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut conn = PgConnection::connect(&server).await.expect("the server answers");
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    query(create).execute(&mut conn).await.expect("a database is made");
    let (address, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{address}/{name}")
}
