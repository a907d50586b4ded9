//! The whole trace of each journey, over all hops, compared with the expected tree in
//! `trace_trees/*.txt`: in one process on SQLite, and apart on PostgreSQL and NATS with two replicas.
//! `ONETHREAD_UPDATE_TRACES=1` writes the files again.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod journeys;
mod lint;
mod tree;

use std::{env, fs, path::PathBuf, time::Duration};

use onethread_testing::NatsServer;
use onethread_tests::{Api, Collector, LONG_TIMEOUT, Options, Random, TestServer, wait_until};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::apart::cluster::{Cluster, Service};

/// Time without new spans after which the process counts as idle, and which it then stays so.
const SETTLE_TIME: Duration = Duration::from_secs(4);
const IDLE_TIME: Duration = Duration::from_secs(10);

/// Where the journeys take place.
struct Stage {
    collector: Collector,
    /// Two gateways, or twice the same.
    near: Api,
    far: Api,
    /// Names of the organization and its owner.
    made: Value,
    random: Random,
    deployment: Deployment,
}

enum Deployment {
    OneProcess(#[expect(dead_code, reason = "it ends the process")] Box<TestServer>),
    Apart(Box<Cluster>, #[expect(dead_code, reason = "it ends the server")] NatsServer),
}

fn environment(collector: &Collector) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint().to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500".to_owned()),
        ("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow".to_owned()),
    ]
}

impl Stage {
    async fn one_process() -> Self {
        let collector = Collector::start().await;
        let mut options = Options::default();
        for (name, value) in environment(&collector) {
            options = options.env(name, value);
        }
        let server = TestServer::with(options).await;
        Self {
            near: server.api.clone(),
            far: server.api.clone(),
            made: server.bootstrap.clone(),
            random: Random::new(),
            collector,
            deployment: Deployment::OneProcess(Box::new(server)),
        }
    }

    async fn apart() -> Self {
        let collector = Collector::start().await;
        let nats = NatsServer::start();
        let environment = environment(&collector);
        let mut cluster = Cluster::replicated_with(Some(nats.url()), true, environment).await;
        // When identity was started, there was no conversation that it could know.
        for replica in 0..2 {
            cluster.kill(Service::Identity, replica).await;
            cluster.restart(Service::Identity, replica).await;
        }
        for replica in 0..2 {
            let gateway = cluster.gateway(replica);
            wait_until("identity found again", LONG_TIMEOUT, async || {
                let body = cluster.init_body(&json!({}));
                let reply = gateway.post("/widget/v1/init", &body).await;
                (reply.status == 200).then_some(())
            })
            .await;
        }
        Self {
            near: cluster.gateway(0),
            far: cluster.gateway(1),
            made: cluster.made.clone(),
            random: Random::new(),
            collector,
            deployment: Deployment::Apart(Box::new(cluster), nats),
        }
    }

    fn is_apart(&self) -> bool {
        matches!(self.deployment, Deployment::Apart(..))
    }

    async fn kill(&mut self, service: Service) {
        let Deployment::Apart(cluster, _) = &mut self.deployment else { panic!("one process") };
        cluster.kill(service, 0).await;
    }

    fn init_body(&self, user: &Value) -> Value {
        json!({
            "organization": self.made["organization"],
            "applicationId": self.made["applicationId"],
            "applicationSecret": self.made["applicationSecret"],
            "user": user,
        })
    }

    fn credentials(&self) -> Value {
        json!({
            "organization": self.made["organization"],
            "email": self.made["agent"]["email"],
            "password": self.made["agent"]["password"],
        })
    }

    /// A new login of the owner, which no gateway has cached.
    async fn agent(&self, gateway: &Api) -> Api {
        let login = gateway.post("/v1/login", &self.credentials()).await.expect(200);
        gateway.with_token(login["token"].as_str().unwrap())
    }

    /// A new session of a user, and the contact's id.
    async fn session(&self, gateway: &Api, user: &Value) -> (Api, String) {
        let session = gateway.post("/widget/v1/init", &self.init_body(user)).await.expect(200);
        let token = session["session"]["token"].as_str().unwrap();
        (gateway.with_token(token), session["contact"]["id"].as_str().unwrap().to_owned())
    }

    fn message(&self, text: &str) -> Value {
        json!({"clientMessageId": self.random.uuid(), "text": text})
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/trace_trees").join(name)
}

/// Runs the journeys and compares their trees with those in the file.
async fn compare(mut stage: Stage, name: &str) {
    let path = file(name);
    let is_update = env::var_os("ONETHREAD_UPDATE_TRACES").is_some();
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let trees = journeys::run(&mut stage, if is_update { None } else { Some(&expected) }).await;
    lint::check(&stage.collector);
    lint::check_metrics(&stage.collector).await;
    if stage.is_apart() {
        lint::check_instances(&stage.collector);
    }
    if is_update {
        update_readme(&expected, &trees);
        fs::write(&path, trees).unwrap();
    } else {
        assert!(trees == expected, "other trees than in {name}:\n{}", diff(&expected, &trees));
    }
}

/// The document that shows some of the trees.
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../libs/README.md");
const DOCUMENTED: [&str; 2] = ["reply", "webhook of a message"];

/// A journey's tree as a block of the document.
fn block(trees: &str, title: &str) -> Option<String> {
    let (_, tree) = trees.split_once(&format!("# {title}\n\n"))?;
    let (tree, _) = tree.split_once("\n\n")?;
    Some(format!("```text\n{tree}\n```"))
}

fn update_readme(before: &str, now: &str) {
    let mut readme = fs::read_to_string(README).unwrap();
    for title in DOCUMENTED {
        if let (Some(before), Some(now)) = (block(before, title), block(now, title)) {
            readme = readme.replace(&before, &now);
        }
    }
    fs::write(README, readme).unwrap();
}

#[test]
fn the_documented_trees_are_the_expected_ones() {
    let expected = fs::read_to_string(file("apart.txt")).unwrap();
    let readme = fs::read_to_string(README).unwrap();
    for title in DOCUMENTED {
        let block = block(&expected, title).expect("there is such a journey");
        assert!(readme.contains(&block), "{title}\n{block}");
    }
}

/// The lines that differ, each with the title of its journey.
fn diff(expected: &str, trees: &str) -> String {
    let sections = |text: &str| {
        let sections = text.split("\n# ").map(|part| part.trim_start_matches("# ").to_owned());
        sections.collect::<Vec<_>>()
    };
    let (expected, trees) = (sections(expected), sections(trees));
    let changed = trees.iter().filter(|tree| !expected.contains(tree));
    changed.map(|tree| format!("# {tree}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_journey_is_one_trace_in_one_process() {
    compare(Stage::one_process().await, "one_process.txt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_journey_is_one_trace_apart() {
    compare(Stage::apart().await, "apart.txt").await;
}

/// Opens streams and sends messages, and then waits.
async fn is_silent_when_idle(stage: Stage) {
    let (phone, _) = stage.session(&stage.near, &json!({"user_id": "idle", "name": "Ida"})).await;
    let agent = stage.agent(&stage.far).await;
    let _widget = journeys::open(&phone, "/widget/v1/events").await;
    let _desk = journeys::open(&agent, "/v1/events").await;
    phone.post("/widget/v1/messages", &stage.message("hello")).await.expect(201);
    // Probes, as a platform sends them.
    let probes = async {
        loop {
            for gateway in [&stage.near, &stage.far] {
                gateway.get("/healthz").await.expect(200);
                gateway.get("/readyz").await.expect(200);
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let watch = async {
        sleep(SETTLE_TIME).await;
        let before = stage.collector.spans().len();
        assert!(before > 0, "nothing is traced");
        sleep(IDLE_TIME).await;
        let spans = stage.collector.spans();
        let names: Vec<_> = spans[before..].iter().map(|span| &span.name).collect();
        assert!(names.is_empty(), "spans without work: {names:?}");
    };
    tokio::select! {
        () = watch => {}
        () = probes => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_process_exports_no_span() {
    is_silent_when_idle(Stage::one_process().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_services_export_no_span() {
    is_silent_when_idle(Stage::apart().await).await;
}
