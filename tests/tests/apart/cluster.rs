//! The services as processes of their own, each with a data folder, as an operator starts them.

use std::{
    env, fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use onethread_tests::{Api, Chance, LONG, PostgresDatabase, Reply, SHORT, binary, until};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The operator's token.
pub(super) const OPERATOR: &str = "the-operators-own-token";

/// Where rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// A file a service.
    Sqlite,
    /// One server for all, and two replicas of what keeps its state there alone.
    Postgres,
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Identity,
    Conversation,
    ContactImport,
    Gateway,
}

impl Service {
    /// Binary, name in `run.json`, name in the environment.
    pub(super) fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Identity => ("onethread-identity", "identity", "IDENTITY"),
            Self::Conversation => ("onethread-conversation", "conversation", "CONVERSATION"),
            Self::ContactImport => ("onethread-contact-import", "contactImport", "CONTACT_IMPORT"),
            Self::Gateway => ("onethread-gateway", "http", "HTTP"),
        }
    }
}

/// Those with a database.
pub(super) const STORING: [Service; 3] =
    [Service::Identity, Service::Conversation, Service::ContactImport];

/// One process.
struct Part {
    service: Service,
    folder: String,
    address: String,
    /// The only replica of conversation that a gateway knows of, where it doesn't know all.
    knows: Option<usize>,
    child: Option<Child>,
}

/// All processes, and an organization in them.
pub(crate) struct Cluster {
    folder: TempDir,
    database: Option<PostgresDatabase>,
    /// The bus between the replicas of conversation.
    nats: Option<String>,
    parts: Vec<Part>,
    /// Replicas of contact-import.
    imports: usize,
    /// Calls without a token.
    pub(crate) api: Api,
    /// Choices of this test.
    pub(crate) chance: Chance,
    /// What the operator's call answered.
    pub(crate) made: Value,
}

impl Cluster {
    /// Starts everything and makes an organization.
    pub(super) async fn start(storage: Storage) -> Self {
        let conversations = if storage == Storage::Postgres { 2 } else { 1 };
        Self::unstarted(storage).await.serving(conversations).await
    }

    /// Starts everything on PostgreSQL with two replicas of conversation and two gateways. Where
    /// they are `apart`, each gateway knows one replica alone, so that what is said through one
    /// is heard through the other by way of the database or the bus only.
    pub(crate) async fn replicated(nats: Option<String>, apart: bool) -> Self {
        let mut it = Self::unstarted(Storage::Postgres).await;
        it.nats = nats;
        let mut it = it.serving(2).await;
        it.add(Service::Gateway).await;
        if apart {
            for replica in 0..2 {
                it.terminate(Service::Gateway, replica, LONG).await;
                it.part(Service::Gateway, replica).knows = Some(replica);
                it.restart(Service::Gateway, replica).await;
            }
        }
        it
    }

    /// Calls to one of the gateways, without a token.
    pub(crate) fn gateway(&self, replica: usize) -> Api {
        Api::new(&self.parts[self.position(Service::Gateway, replica)].address)
    }

    /// Starts everything on a PostgreSQL server other than the usual one, with two replicas of
    /// what may have them, and makes an organization.
    pub(crate) async fn on(server: &str) -> Self {
        Self::in_database(Some(PostgresDatabase::on(server).await)).serving(2).await
    }

    /// Starts everything on PostgreSQL, with two replicas of contact-import that share a folder for
    /// files, and makes an organization.
    pub(super) async fn with_two_that_import() -> Self {
        let mut it = Self::unstarted(Storage::Postgres).await;
        it.imports = 2;
        it.serving(1).await
    }

    async fn serving(self, conversations: usize) -> Self {
        let mut it = self;
        if it.database.is_some() {
            for service in STORING {
                assert!(it.migrate(service).await.success(), "{service:?}");
            }
        }
        for _ in 0..if it.database.is_some() { 2 } else { 1 } {
            it.add(Service::Identity).await;
        }
        for _ in 0..conversations {
            it.add(Service::Conversation).await;
        }
        for _ in 0..it.imports {
            it.add(Service::ContactImport).await;
        }
        it.add(Service::Gateway).await;
        it.api = Api::new(&it.parts.last().unwrap().address);
        it.made = until("an organization", SHORT, async || {
            let reply = it.make("example.com", "Owner@example.com", "a long password").await;
            (reply.status != 503).then(|| reply.expect(201))
        })
        .await;
        it
    }

    /// The operator's call.
    pub(crate) async fn make(&self, organization: &str, email: &str, password: &str) -> Reply {
        let body = json!({
            "organization": organization, "agentEmail": email, "agentPassword": password,
        });
        self.api.with_token(OPERATOR).post("/v1/organizations", &body).await
    }

    /// How many processes there are of a service.
    pub(super) fn replicas(&self, service: Service) -> usize {
        self.parts.iter().filter(|part| part.service == service).count()
    }

    /// True when none has ended by itself.
    pub(crate) fn all_run(&mut self) -> bool {
        self.parts.iter_mut().all(|part| {
            part.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
        })
    }

    /// Ends a process as a power cut would.
    pub(crate) async fn kill(&mut self, service: Service, replica: usize) {
        let mut child = self.part(service, replica).child.take().expect("it runs");
        child.kill().await.unwrap();
    }

    /// Starts a process again on the same folder and port.
    pub(crate) async fn restart(&mut self, service: Service, replica: usize) {
        let at = self.position(service, replica);
        self.launch(at).await;
    }

    /// Asks a process to end, as a service manager does.
    pub(crate) async fn terminate(
        &mut self,
        service: Service,
        replica: usize,
        within: Duration,
    ) -> ExitStatus {
        let mut child = self.part(service, replica).child.take().expect("it runs");
        let pid = child.id().expect("it runs");
        let mut shell = std::process::Command::new("sh");
        let asked = shell.arg("-c").arg(format!("kill -TERM {pid}")).status();
        assert!(asked.unwrap().success());
        let ended = tokio::time::timeout(within, child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{service:?} not ended {within:?} after SIGTERM")).unwrap()
    }

    /// Runs `migrate` of a service.
    pub(super) async fn migrate(&self, service: Service) -> ExitStatus {
        let mut command = self.command(service, "migrate", "127.0.0.1:0");
        // Flags may stand on either side.
        let data = self.folder.path().join("migrate");
        command.args(["--log-format", "text", "migrate", "--data-dir"]).arg(data);
        let output = command.stderr(Stdio::piped()).output().await.unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status
    }

    /// Runs a process that should not start; gives its status and what it says.
    pub(super) async fn refused(
        &self,
        service: Service,
        environment: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let mut command = self.command(service, "refused", "127.0.0.1:0");
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = tokio::time::timeout(SHORT, command.kill_on_drop(true).output()).await;
        let output = output.expect("it ends by itself").unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A folder and a database, and nothing that runs.
    pub(super) async fn unstarted(storage: Storage) -> Self {
        Self::in_database(match storage {
            Storage::Sqlite => None,
            Storage::Postgres => Some(PostgresDatabase::new().await),
        })
    }

    fn in_database(database: Option<PostgresDatabase>) -> Self {
        Self {
            folder: TempDir::with_prefix("onethread-apart-").unwrap(),
            database,
            nats: None,
            parts: Vec::new(),
            imports: 1,
            api: Api::new("127.0.0.1:1"),
            chance: Chance::new(),
            made: Value::Null,
        }
    }

    /// A session on a new device.
    pub(crate) async fn init(&self, user: &Value) -> Reply {
        self.api.post("/widget/v1/init", &self.init_body(user)).await
    }

    /// The body of an init.
    pub(crate) fn init_body(&self, user: &Value) -> Value {
        json!({
            "organization": self.made["organization"],
            "applicationId": self.made["applicationId"],
            "applicationSecret": self.made["applicationSecret"],
            "user": user,
        })
    }

    /// Calls of the organization's owner.
    pub(crate) async fn agent(&self) -> Api {
        let body = json!({
            "organization": self.made["organization"],
            "email": self.made["agent"]["email"],
            "password": self.made["agent"]["password"],
        });
        let login = self.api.post("/v1/login", &body).await.expect(200);
        self.api.with_token(login["token"].as_str().unwrap())
    }

    /// Uploads a file of people and waits for the end of the import.
    pub(super) async fn import(&self, agent: &Api, csv: String) -> Value {
        let upload = agent.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
        let begun = Reply::of(upload.body(csv)).await.expect(202);
        let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
        until("the end of the import", LONG, async || {
            let import = agent.get(&path).await.expect(200);
            ["done", "failed"].iter().any(|state| import["state"] == *state).then_some(import)
        })
        .await
    }

    async fn add(&mut self, service: Service) {
        let folder = format!("{}-{}", service.names().0, self.replicas(service));
        let address = "127.0.0.1:0".to_owned();
        self.parts.push(Part { service, folder, address, knows: None, child: None });
        self.launch(self.parts.len() - 1).await;
    }

    async fn launch(&mut self, at: usize) {
        let Part { service, folder, address, knows, .. } = &self.parts[at];
        let log = self.folder.path().join(format!("{folder}.log"));
        let open = || fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(*service, folder, address);
        if let Some(replica) = knows {
            let only = &self.parts[self.position(Service::Conversation, *replica)].address;
            command.env("ONETHREAD_CONVERSATION_URL", format!("http://{only}"));
        }
        command.stdout(open()).stderr(open());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let (pid, file) = (child.id(), self.folder.path().join(folder).join("run.json"));
        let run: Value = until("run.json of a serving process", LONG, async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{folder} ended with {status}: {}", fs::read_to_string(&log).unwrap());
            }
            let run: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            (run["pid"].as_u64() == pid.map(u64::from)).then_some(run)
        })
        .await;
        let address = run[service.names().1].as_str().expect("its own address").to_owned();
        assert_eq!(run.as_object().unwrap().len(), 2, "{run}");
        self.parts[at].address = address;
        self.parts[at].child = Some(child);
    }

    fn command(&self, service: Service, folder: &str, address: &str) -> Command {
        let (name, _, own) = service.names();
        let mut command = Command::new(beside(name));
        for (name, _) in env::vars() {
            if ["ONETHREAD_", "OTEL_", "RUST_"].iter().any(|ours| name.starts_with(ours)) {
                command.env_remove(name);
            }
        }
        command
            .stdin(Stdio::null())
            .env("ONETHREAD_RATE_LIMITS", "off")
            .env("ONETHREAD_OPERATOR_TOKEN", OPERATOR)
            .env("ONETHREAD_DATA_DIR", self.folder.path().join(folder))
            .env("ONETHREAD_SERVER_KEYS_FILE", self.folder.path().join("server-keys.json"))
            .env(format!("ONETHREAD_{own}_ADDR"), address);
        if let (Some(database), true) = (&self.database, service != Service::Gateway) {
            command.env("ONETHREAD_DATABASE_URL", database.url());
        }
        if service == Service::ContactImport && self.imports > 1 {
            let shared = format!("file://{}/files", self.folder.path().display());
            command.env("ONETHREAD_OBJECT_STORE_URL", shared);
        }
        if let (Some(url), Service::Conversation) = (&self.nats, service) {
            command.env("ONETHREAD_NATS_URL", url);
        }
        for other in STORING {
            let replicas = self.parts.iter().filter(|part| part.service == other);
            let urls: Vec<_> = replicas.map(|part| format!("http://{}", part.address)).collect();
            if !urls.is_empty() {
                command.env(format!("ONETHREAD_{}_URL", other.names().2), urls.join(","));
            }
        }
        command
    }

    fn position(&self, service: Service, replica: usize) -> usize {
        let mut of = self.parts.iter().enumerate().filter(|(_, part)| part.service == service);
        of.nth(replica).expect("there is such a replica").0
    }

    fn part(&mut self, service: Service, replica: usize) -> &mut Part {
        let at = self.position(service, replica);
        &mut self.parts[at]
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for part in &self.parts {
                let log = self.folder.path().join(format!("{}.log", part.folder));
                let log = fs::read_to_string(log).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(15).collect();
                eprintln!("--- {}, the last line first\n{}", part.folder, last.join("\n"));
            }
        }
        for part in &mut self.parts {
            if let Some(child) = &mut part.child {
                // One that has ended by itself is as good.
                let _ = child.start_kill();
            }
        }
    }
}

/// A binary that was built together with the all-in-one.
fn beside(name: &str) -> PathBuf {
    let path = binary().with_file_name(name);
    assert!(path.is_file(), "there is no {name}: run `cargo build --workspace` first");
    path
}
