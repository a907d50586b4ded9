//! All four services as separate processes on PostgreSQL, with an organization.

use std::{fs, path::Path, process::Stdio};

use onethread_tests::{Api, LONG_TIMEOUT, binary, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const OPERATOR: &str = "the-operators-own-token";
/// Binary, name in `run.json`, and name in environment variables. The last one has no database.
const SERVICES: [(&str, &str, &str); 4] = [
    ("onethread-identity", "identity", "IDENTITY"),
    ("onethread-conversation", "conversation", "CONVERSATION"),
    ("onethread-contact-import", "contactImport", "CONTACT_IMPORT"),
    ("onethread-gateway", "http", "HTTP"),
];

/// Running processes. They are killed when this is dropped.
pub(crate) struct Apart {
    folder: TempDir,
    children: Vec<Child>,
    /// A client with the organization's API key.
    pub(crate) api: Api,
}

impl Apart {
    /// Starts the services on this database.
    pub(crate) async fn start(database: &str) -> Self {
        let folder = TempDir::with_prefix("onethread-bench-").expect("a temporary folder is made");
        let mut it = Self { folder, children: Vec::new(), api: Api::new("127.0.0.1:1") };
        let mut addresses: Vec<(&str, String)> = Vec::new();
        for (program, part, own) in SERVICES {
            let data_dir = it.folder.path().join(part);
            let mut command = command(program, &data_dir);
            if part == "http" {
                command.env("ONETHREAD_OPERATOR_TOKEN", OPERATOR);
            } else {
                migrate(program, &data_dir, database).await;
                command.env("ONETHREAD_DATABASE_URL", database);
            }
            let keys = it.folder.path().join("server-keys.json");
            command.env("ONETHREAD_SERVER_KEYS_FILE", keys);
            command.env(format!("ONETHREAD_{own}_ADDR"), "127.0.0.1:0");
            for (name, address) in &addresses {
                command.env(format!("ONETHREAD_{name}_URL"), format!("http://{address}"));
            }
            let run = it.serve(command, &data_dir).await;
            addresses.push((own, run[part].as_str().expect("its address").to_owned()));
        }
        let (_, http) = addresses.last().expect("there are four");
        let operator = Api::new(http).with_token(OPERATOR);
        let body = json!({
            "organization": "bench", "agentEmail": "owner@example.com",
            "agentPassword": "a long password",
        });
        let made = wait_until("an organization", LONG_TIMEOUT, async || {
            let reply = operator.post("/v1/organizations", &body).await;
            (reply.status != 503).then(|| reply.expect(201))
        })
        .await;
        it.api = operator.with_token(made["apiKey"].as_str().expect("a server key"));
        it
    }

    async fn serve(&mut self, mut command: Command, data_dir: &Path) -> Value {
        let mut child = command.spawn().expect("it starts");
        let file = data_dir.join("run.json");
        let run = wait_until("run.json of a serving process", LONG_TIMEOUT, async || {
            assert!(child.try_wait().expect("a child can be asked").is_none(), "it ended");
            serde_json::from_slice(&fs::read(&file).ok()?).ok()
        })
        .await;
        self.children.push(child);
        run
    }

    /// Returns the process ids.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.children.iter().filter_map(Child::id).collect()
    }
}

/// Creates identity's tables in a database.
pub(crate) async fn create_identity_tables(database: &str) {
    let folder = TempDir::with_prefix("onethread-bench-").expect("a temporary folder is made");
    migrate(SERVICES[0].0, folder.path(), database).await;
}

async fn migrate(program: &str, data_dir: &Path, database: &str) {
    let mut command = command(program, data_dir);
    command.arg("migrate").env("ONETHREAD_DATABASE_URL", database);
    assert!(command.status().await.expect("it starts").success(), "{program} migrates");
}

fn command(program: &str, data_dir: &Path) -> Command {
    let mut command = Command::new(binary().with_file_name(program));
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("ONETHREAD_RATE_LIMITS", "off").env("RUST_LOG", "error").kill_on_drop(true);
    command
}
