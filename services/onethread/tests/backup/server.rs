//! The built binary as a process, and calls to its JSON API.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// How long anything may take on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// `onethread` with these arguments, and nothing of what the person who runs the tests has set.
pub(crate) fn onethread(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onethread"));
    for (name, _) in std::env::vars() {
        if ["ONETHREAD_", "OTEL_", "RUST_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("ONETHREAD_RATE_LIMITS", "off").args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command that ends by itself: its status, and the lines it wrote on stderr.
pub(crate) async fn ended(mut command: Command) -> (Option<i32>, Vec<String>) {
    let output = timeout(LONG, command.output()).await.expect("it ends").unwrap();
    let Output { status, stderr, .. } = output;
    let lines = String::from_utf8_lossy(&stderr).lines().map(str::to_owned).collect();
    (status.code(), lines)
}

/// A server on a data folder; killed when this goes.
pub(crate) struct Server {
    child: Child,
    pub(crate) data: PathBuf,
    base: String,
    client: Client,
    bootstrap: Value,
}

impl Server {
    /// Starts it on free ports and waits until it serves.
    pub(crate) async fn start(data: &Path) -> Self {
        let mut command = onethread(&["--data-dir", data.to_str().unwrap()]);
        for part in ["http", "identity", "conversation", "contact-import"] {
            command.args([&format!("--{part}-addr"), "127.0.0.1:0"]);
        }
        let log = data.with_extension("log");
        let out = fs::File::create(&log).unwrap();
        let mut child =
            command.stdout(Stdio::null()).stderr(out).spawn().expect("the binary starts");
        let begun = Instant::now();
        let run = loop {
            let run = fs::read(data.join("run.json")).unwrap_or_default();
            match serde_json::from_slice::<Value>(&run) {
                Ok(run) if run["pid"] == json!(child.id()) => break run,
                _ => {}
            }
            let log = || fs::read_to_string(&log).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "it ended: {}", log());
            assert!(begun.elapsed() < LONG, "it does not serve: {}", log());
            sleep(Duration::from_millis(20)).await;
        };
        let bootstrap = fs::read(data.join("bootstrap.json")).unwrap();
        Self {
            child,
            data: data.to_owned(),
            base: format!("http://{}", run["http"].as_str().unwrap()),
            client: Client::builder().no_proxy().timeout(LONG).build().unwrap(),
            bootstrap: serde_json::from_slice(&bootstrap).unwrap(),
        }
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) fn api_key(&self) -> &str {
        self.bootstrap["apiKey"].as_str().unwrap()
    }

    pub(crate) async fn init(&self, user: Value) -> Value {
        let body = json!({
            "organization": self.bootstrap["organization"],
            "applicationId": self.bootstrap["applicationId"],
            "applicationSecret": self.bootstrap["applicationSecret"],
            "user": user,
        });
        let call = self.client.post(format!("{}/widget/v1/init", self.base)).json(&body);
        answer(call).await.expect("init is answered")
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        let call = self.client.get(format!("{}{path}", self.base)).bearer_auth(token);
        answer(call).await.unwrap_or_else(|| panic!("{path} is answered"))
    }

    /// `None` where nothing was acknowledged.
    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Option<Value> {
        let call = self.client.post(format!("{}{path}", self.base)).bearer_auth(token);
        answer(call.json(body)).await
    }

    pub(crate) async fn upload(&self, csv: String) -> Value {
        let call = self.client.post(format!("{}/v1/imports?apply=true", self.base));
        let call = call.bearer_auth(self.api_key()).header("content-type", "text/csv").body(csv);
        answer(call).await.expect("an upload is answered")
    }

    /// A whole thread, ascending.
    pub(crate) async fn thread(&self, token: &str) -> Vec<Value> {
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let after = messages.last().map_or(0, |message| message["seq"].as_i64().unwrap());
            let path = format!("/widget/v1/messages?afterSeq={after}&limit=200");
            let page = self.get(token, &path).await;
            match page["items"].as_array().unwrap() {
                items if items.is_empty() => return messages,
                items => messages.extend(items.iter().cloned()),
            }
        }
    }

    /// Everybody in Contacts.
    pub(crate) async fn contacts(&self) -> Vec<Value> {
        let (mut contacts, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/contacts?limit=200{cursor}");
            let page = self.get(self.api_key(), &path).await;
            contacts.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return contacts,
            }
        }
    }
}

async fn answer(call: RequestBuilder) -> Option<Value> {
    let response = call.send().await.ok()?;
    if response.status().is_success() { response.json().await.ok() } else { None }
}
