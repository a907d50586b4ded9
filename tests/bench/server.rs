//! `onethread-conversation` as a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use onethread_tests::{LONG, binary, until};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A running service; ends with the value.
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
    /// On this database, or an SQLite file of its own.
    pub(crate) async fn start(database: Option<&str>) -> Self {
        let folder = TempDir::with_prefix("onethread-bench-").expect("a temporary folder is made");
        let data_dir = folder.path().join("data");
        if database.is_some() {
            let mut migrate = command(&data_dir, database);
            assert!(migrate.arg("migrate").status().await.expect("it starts").success());
        }
        // Nobody listens there: deliveries to identity wait.
        let mut serve = command(&data_dir, database);
        serve.args(["--conversation-addr", "127.0.0.1:0", "--identity-url", "http://127.0.0.1:9"]);
        let mut child = serve.spawn().expect("it starts");
        let file = data_dir.join("run.json");
        let address = until("run.json of a serving process", LONG, async || {
            assert!(child.try_wait().expect("a child can be asked").is_none(), "it ended");
            let run: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            run["conversation"].as_str().map(str::to_owned)
        })
        .await;
        Self { folder, _child: child, address }
    }

    /// The SQLite file it made.
    pub(crate) fn sqlite(&self) -> PathBuf {
        let files = fs::read_dir(self.folder.path().join("data")).expect("the folder is there");
        let mut files = files.flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|e| e == "db")).expect("it has a database")
    }
}
