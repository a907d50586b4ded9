//! The services as separate processes, each with a data folder, as an operator starts them.

use std::{
    env, fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use onethread_tests::{
    Api, ApiResponse, LONG_TIMEOUT, PostgresDatabase, Random, SHORT_TIMEOUT, binary, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The operator token.
pub(super) const OPERATOR: &str = "the-operators-own-token";

/// Kind of the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// A file for each service.
    Sqlite,
    /// One server for all, and two replicas of services whose only state is in the database.
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
    /// Returns the binary, the name in `run.json`, and the name in environment variables.
    pub(super) fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Identity => ("onethread-identity", "identity", "IDENTITY"),
            Self::Conversation => ("onethread-conversation", "conversation", "CONVERSATION"),
            Self::ContactImport => ("onethread-contact-import", "contactImport", "CONTACT_IMPORT"),
            Self::Gateway => ("onethread-gateway", "http", "HTTP"),
        }
    }
}

/// The services with a database.
pub(super) const WITH_DATABASE: [Service; 3] =
    [Service::Identity, Service::Conversation, Service::ContactImport];

/// A process.
struct Part {
    service: Service,
    folder: String,
    address: String,
    /// The only replica of conversation that a gateway uses; `None` if it uses all.
    knows: Option<usize>,
    child: Option<Child>,
}

/// All processes, and an organization.
pub(crate) struct Cluster {
    folder: TempDir,
    database: Option<PostgresDatabase>,
    /// The bus between the replicas of conversation.
    nats: Option<String>,
    parts: Vec<Part>,
    /// Replicas of contact-import.
    imports: usize,
    /// Environment variables of all processes.
    environment: Vec<(&'static str, String)>,
    /// Calls without a token.
    pub(crate) api: Api,
    /// Source of random values.
    pub(crate) random: Random,
    /// Response of the call that created the organization.
    pub(crate) made: Value,
}

impl Cluster {
    /// Starts all services and creates an organization.
    pub(super) async fn start(storage: Storage) -> Self {
        let conversations = if storage == Storage::Postgres { 2 } else { 1 };
        Self::unstarted(storage).await.serving(conversations).await
    }

    /// Starts all services on PostgreSQL with two replicas of conversation and two gateways. If they
    /// are `apart`, each gateway uses one replica, so that messages reach the other gateway only
    /// through the database or the bus.
    pub(crate) async fn replicated(nats: Option<String>, apart: bool) -> Self {
        Self::replicated_with(nats, apart, Vec::new()).await
    }

    /// The same with these environment variables.
    pub(crate) async fn replicated_with(
        nats: Option<String>,
        apart: bool,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        let mut it = Self::unstarted(Storage::Postgres).await;
        it.nats = nats;
        it.environment = environment;
        let mut it = it.serving(2).await;
        it.add(Service::Gateway).await;
        if apart {
            for replica in 0..2 {
                it.terminate(Service::Gateway, replica, LONG_TIMEOUT).await;
                it.part(Service::Gateway, replica).knows = Some(replica);
                it.restart(Service::Gateway, replica).await;
            }
        }
        it
    }

    /// Returns a client of one of the gateways, without a token.
    pub(crate) fn gateway(&self, replica: usize) -> Api {
        Api::new(&self.parts[self.position(Service::Gateway, replica)].address)
    }

    /// Starts all services on this PostgreSQL server, with two replicas where that is possible, and
    /// creates an organization.
    pub(crate) async fn on(server: &str) -> Self {
        Self::in_database(Some(PostgresDatabase::on(server).await)).serving(2).await
    }

    /// Starts all services on PostgreSQL, with two replicas of contact-import that share a folder for
    /// files, and creates an organization.
    pub(super) async fn with_two_import_replicas() -> Self {
        let mut it = Self::unstarted(Storage::Postgres).await;
        it.imports = 2;
        it.serving(1).await
    }

    async fn serving(self, conversations: usize) -> Self {
        let mut it = self;
        if it.database.is_some() {
            for service in WITH_DATABASE {
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
        it.made = wait_until("an organization", SHORT_TIMEOUT, async || {
            let reply =
                it.create_organization("example.com", "Owner@example.com", "a long password").await;
            (reply.status != 503).then(|| reply.expect(201))
        })
        .await;
        it
    }

    /// Creates an organization as the operator.
    pub(crate) async fn create_organization(
        &self,
        organization: &str,
        email: &str,
        password: &str,
    ) -> ApiResponse {
        let body = json!({
            "organization": organization, "agentEmail": email, "agentPassword": password,
        });
        self.api.with_token(OPERATOR).post("/v1/organizations", &body).await
    }

    /// Returns the number of processes of a service.
    pub(super) fn replicas(&self, service: Service) -> usize {
        self.parts.iter().filter(|part| part.service == service).count()
    }

    /// True when no process has exited.
    pub(crate) fn all_run(&mut self) -> bool {
        self.parts.iter_mut().all(|part| {
            part.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
        })
    }

    /// Kills a process.
    pub(crate) async fn kill(&mut self, service: Service, replica: usize) {
        let mut child = self.part(service, replica).child.take().expect("it runs");
        child.kill().await.unwrap();
    }

    /// Starts a process again on the same folder and port.
    pub(crate) async fn restart(&mut self, service: Service, replica: usize) {
        let at = self.position(service, replica);
        self.launch(at).await;
    }

    /// Sends SIGTERM to a process, as a service manager does, and waits for its exit.
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

    /// Runs the `migrate` command of a service.
    pub(super) async fn migrate(&self, service: Service) -> ExitStatus {
        let mut command = self.command(service, "migrate", "127.0.0.1:0");
        // Flags may be before or after the command.
        let data = self.folder.path().join("migrate");
        command.args(["--log-format", "text", "migrate", "--data-dir"]).arg(data);
        let output = command.stderr(Stdio::piped()).output().await.unwrap();
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status
    }

    /// Runs a process that should exit. Returns its exit status and its output on stderr.
    pub(super) async fn run_to_exit(
        &self,
        service: Service,
        environment: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let mut command = self.command(service, "refused", "127.0.0.1:0");
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = tokio::time::timeout(SHORT_TIMEOUT, command.kill_on_drop(true).output()).await;
        let output = output.expect("it ends by itself").unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Creates a folder and a database without any process.
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
            environment: Vec::new(),
            api: Api::new("127.0.0.1:1"),
            random: Random::new(),
            made: Value::Null,
        }
    }

    /// Sends an init from a new device.
    pub(crate) async fn init(&self, user: &Value) -> ApiResponse {
        self.api.post("/widget/v1/init", &self.init_body(user)).await
    }

    /// Returns the body of an init.
    pub(crate) fn init_body(&self, user: &Value) -> Value {
        json!({
            "organization": self.made["organization"],
            "applicationId": self.made["applicationId"],
            "applicationSecret": self.made["applicationSecret"],
            "user": user,
        })
    }

    /// Logs in the owner of the organization.
    pub(crate) async fn log_in_owner(&self) -> Api {
        let body = json!({
            "organization": self.made["organization"],
            "email": self.made["agent"]["email"],
            "password": self.made["agent"]["password"],
        });
        let login = self.api.post("/v1/login", &body).await.expect(200);
        self.api.with_token(login["token"].as_str().unwrap())
    }

    /// Imports a file and waits for the end of the import.
    pub(super) async fn import(&self, agent: &Api, csv: String) -> Value {
        let upload = agent.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
        let begun = ApiResponse::send(upload.body(csv)).await.expect(202);
        let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
        wait_until("the end of the import", LONG_TIMEOUT, async || {
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
        let run: Value = wait_until("run.json of a serving process", LONG_TIMEOUT, async || {
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
        let mut command = Command::new(sibling_binary(name));
        for (name, _) in env::vars() {
            if ["ONETHREAD_", "OTEL_", "RUST_"].iter().any(|ours| name.starts_with(ours)) {
                command.env_remove(name);
            }
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
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
        for other in WITH_DATABASE {
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
                // It fails when the process has already exited, which is fine.
                let _ = child.start_kill();
            }
        }
    }
}

/// Returns the path of a binary in the folder of the all-in-one binary.
fn sibling_binary(name: &str) -> PathBuf {
    let path = binary().with_file_name(name);
    assert!(path.is_file(), "there is no {name}: run `cargo build --workspace` first");
    path
}
