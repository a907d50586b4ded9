//! Failures of PostgreSQL under separate services with two replicas each: crashes, closed
//! connections, an unavailable server, and races between replicas. Each test has its own server.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command as Blocking, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use onethread_tests::{
    Api, ApiResponse, Events, History, Random, SHORT_TIMEOUT, SentMessage, StoredMessage, View,
    wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::{
    process::Command,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::apart::{cluster::Cluster, message, thread, with_session};

/// How long any call may wait for its response.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// How long the services may take to recover after the database is available again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the server may take to be created or to restart.
const SERVER_TIMEOUT: Duration = Duration::from_secs(20);
/// Delay between two calls of a caller, so that the machine isn't overloaded.
const SEND_INTERVAL: Duration = Duration::from_millis(10);

/// Concurrent senders for each author.
const SENDERS: usize = 4;
/// Concurrent callers that start sessions.
const LOGIN_CALLERS: usize = 4;

const MESSAGES_PATH: &str = "/widget/v1/messages";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres");

/// A PostgreSQL server. It is removed with its folder when this is dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    pub(crate) url: String,
    /// Where a small disk is mounted. Removing the folder unmounts the disk everywhere.
    disk: Option<TempDir>,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        // The server's user can't read another user's folder for temporary files.
        let folder = TempDir::with_prefix_in("onethread-postgres-", "/tmp").unwrap();
        let mut it = Self { folder, url: String::new(), disk: None };
        it.url = it.script("start").await.trim().to_owned();
        it
    }

    /// Crashes the server.
    async fn halt(&self) {
        self.script("halt").await;
    }

    /// Crashes the server if it is running, and starts it again on its port.
    pub(crate) async fn restart(&self) {
        self.script("restart").await;
    }

    /// Starts a server with its tables on a small disk. Returns the server and the path of the disk.
    /// The disk is lost when the server stops, so the server can't be restarted.
    pub(crate) async fn with_disk(mib: u32) -> (Self, PathBuf) {
        let disk = TempDir::with_prefix_in("onethread-disk-", "/tmp").unwrap();
        let folder = TempDir::with_prefix_in("onethread-postgres-", "/tmp").unwrap();
        let mut it = Self { folder, url: String::new(), disk: None };
        let me = fs::metadata("/proc/self").unwrap();
        let (options, then) = if me.uid() == 0 {
            (vec!["--mount"], "uid=$(id -u postgres) && shift && exec \"$@\"".to_owned())
        } else {
            let back = format!("--map-user={} --map-group={}", me.uid(), me.gid());
            (
                vec!["--map-root-user", "--mount"],
                format!("uid=0 && shift && exec unshare --user {back} \"$@\""),
            )
        };
        let (owner, then) = then.split_once(" && ").unwrap();
        let script =
            format!("mount -t tmpfs -o \"size=$0,mode=700,{owner}\" tmpfs \"$1\" && {then}");
        let mut command = Command::new("unshare");
        command.args(options).args(["sh", "-c", &script, &format!("{mib}m")]).arg(disk.path());
        it.url = it.run("start", command.arg(SCRIPT)).await.trim().to_owned();
        let mut operator = it.operator().await;
        let location = disk.path().display();
        for sql in [
            format!("CREATE TABLESPACE small LOCATION '{location}'"),
            "ALTER SYSTEM SET default_tablespace = small".to_owned(),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut operator).await.unwrap();
        }
        let inside = disk.path().strip_prefix("/").unwrap();
        let seen = Path::new("/proc").join(it.main_process().unwrap()).join("root").join(inside);
        it.disk = Some(disk);
        (it, seen)
    }

    async fn script(&self, word: &str) -> String {
        self.run(word, &mut Command::new(SCRIPT)).await
    }

    async fn run(&self, word: &str, command: &mut Command) -> String {
        command.arg(word).arg(self.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(SERVER_TIMEOUT, command.output()).await.expect("tests/postgres ends").unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/postgres {word}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Opens an administrator's connection. Waits if the server is recovering.
    async fn operator(&self) -> PgConnection {
        let connect = async || PgConnection::connect(&self.url).await.ok();
        wait_until("a connection to PostgreSQL", SERVER_TIMEOUT, connect).await
    }

    /// Terminates all connections of the services, and returns their number.
    async fn terminate(&self) -> i64 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        sqlx::query_scalar(cut).fetch_one(&mut self.operator().await).await.unwrap()
    }

    /// Kills the process of one connection. The server then terminates all others and recovers, as
    /// after a crash.
    async fn kill_backend(&self, random: &Random) {
        let services = "SELECT pid FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid";
        let mut operator = self.operator().await;
        let pids: Vec<i32> = sqlx::query_scalar(services).fetch_all(&mut operator).await.unwrap();
        let pid = pids[usize::try_from(random.below(pids.len() as u64)).unwrap()];
        assert!(signal("KILL", &pid.to_string()));
        // Waits for the start of the recovery, which would otherwise hit the next calls.
        let gone = async || sqlx::query("SELECT 1").execute(&mut operator).await.err().map(drop);
        wait_until("the server to notice", SERVER_TIMEOUT, gone).await;
        self.operator().await;
    }

    /// Stops all processes of the server, so that its sockets are open and silent.
    fn freeze(&self) {
        let main = self.main_process().expect("it runs");
        assert!(signal("STOP", &main));
        // The stopped main process starts no new ones.
        let others = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap();
        assert!(signal("STOP", &others));
    }

    /// Continues all processes. Does nothing if the server isn't running.
    fn thaw(&self) {
        let Some(main) = self.main_process() else { return };
        let others = fs::read_to_string(format!("/proc/{main}/task/{main}/children"));
        signal("CONT", &format!("{} {main}", others.unwrap_or_default()));
    }

    fn main_process(&self) -> Option<String> {
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).ok()?;
        file.lines().next().map(str::to_owned)
    }
}

/// Sends a signal to processes. True when all of them exist.
fn signal(name: &str, pids: &str) -> bool {
    let kill = Blocking::new("sh").arg("-c").arg(format!("kill -{name} {pids}")).status();
    kill.is_ok_and(|status| status.success())
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        let stopped = Blocking::new(SCRIPT).arg("stop").arg(self.folder.path()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!("PostgreSQL in {} was not stopped", self.folder.path().display());
        }
    }
}

/// Sends a request with a timeout.
async fn send_request(request: reqwest::RequestBuilder) -> ApiResponse {
    timeout(CALL_TIMEOUT, ApiResponse::send(request)).await.expect("a response within the timeout")
}

/// Checks the response while the database is unavailable: a Retry-After and no internals.
#[track_caller]
fn expect_unavailable(reply: ApiResponse) {
    let after = reply.header("retry-after").parse::<u64>();
    assert!(after.is_ok_and(|seconds| (1..=60).contains(&seconds)), "{:?}", reply.headers);
    let text = reply.text.to_lowercase();
    for inner in ["sql", "postgres", "pool", "connection", "database"] {
        assert!(!text.contains(inner), "{inner} is in {text}");
    }
    let problem = reply.expect_problem(503, "");
    let kinds = ["/problems/unavailable", "/problems/deadline-exceeded"];
    assert!(kinds.contains(&problem["type"].as_str().unwrap()), "{problem}");
}

/// Shared state of the callers.
struct Load {
    over: AtomicBool,
    sent: AtomicU64,
    started: AtomicU64,
    rejected: AtomicU64,
    random: Random,
}

impl Load {
    fn is_running(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Repeats a call until it is acknowledged.
    async fn acknowledged(&self, call: impl Fn() -> reqwest::RequestBuilder) -> Value {
        loop {
            let reply = send_request(call()).await;
            if (200..300).contains(&reply.status) {
                return reply.body;
            }
            expect_unavailable(reply);
            self.rejected.fetch_add(1, Ordering::Relaxed);
            sleep(SEND_INTERVAL).await;
        }
    }

    /// Waits until messages and logins succeed that were sent after this was called.
    async fn wait_for_recovery(&self, what: &str) {
        for (count, callers) in [(&self.sent, 3 * SENDERS), (&self.started, LOGIN_CALLERS)] {
            // More than were already being processed.
            let enough = count.load(Ordering::Relaxed) + callers as u64 + 1;
            let more = async || (count.load(Ordering::Relaxed) >= enough).then_some(());
            wait_until(what, RECOVERY_TIMEOUT, more).await;
        }
    }
}

/// Sends messages one after another, and repeats each until it is acknowledged.
async fn send(load: Arc<Load>, api: Api, path: String, sender: String) -> Vec<SentMessage> {
    let mut sent = Vec::new();
    while load.is_running() {
        let (id, text) = (load.random.uuid(), format!("{sender} {}", sent.len()));
        let body = json!({"clientMessageId": id, "text": text});
        let call = || api.request(Method::POST, &path).json(&body);
        let stored = StoredMessage::from_json(&load.acknowledged(call).await);
        let acknowledged = Some((stored.id, stored.seq));
        sent.push(SentMessage {
            sender: sender.clone(),
            client_message_id: id,
            text,
            acknowledged,
        });
        load.sent.fetch_add(1, Ordering::Relaxed);
        sleep(SEND_INTERVAL).await;
    }
    sent
}

/// Logs in new contacts one after another. Returns their user ids and ids.
async fn log_in_new_contacts(
    load: Arc<Load>,
    api: Api,
    bare: Value,
    who: usize,
) -> Vec<(String, Value)> {
    let mut people = Vec::new();
    while load.is_running() {
        let user_id = format!("arrival {who}, {}", people.len());
        let mut body = bare.clone();
        body["user"] = json!({"user_id": user_id, "security_hash": format!("of {user_id}")});
        let call = || api.request(Method::POST, "/widget/v1/init").json(&body);
        let session = load.acknowledged(call).await;
        assert_eq!(session["mode"], "contact", "{session}");
        people.push((user_id, session["contact"]["id"].clone()));
        load.started.fetch_add(1, Ordering::Relaxed);
        sleep(SEND_INTERVAL).await;
    }
    people
}

async fn finished<T>(what: &str, task: JoinHandle<T>) -> T {
    let ended =
        timeout(CALL_TIMEOUT * 2, task).await.unwrap_or_else(|_| panic!("{what} did not end"));
    ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The whole server crashes.
    Restart,
    /// All connections are terminated.
    Terminate,
    /// One process of the server is killed.
    Kill,
}

/// Returns each kind three times in random order.
fn faults(random: &Random) -> Vec<Fault> {
    let mut left = [Fault::Restart, Fault::Terminate, Fault::Kill].repeat(3);
    let mut order = Vec::new();
    while !left.is_empty() {
        let at = usize::try_from(random.below(left.len() as u64)).unwrap();
        order.push(left.swap_remove(at));
    }
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_crashes_of_postgres() {
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let known = json!({"user_id": "12345", "name": "Kim Doe"});
    let session = cluster.init(&known).await.expect(200);
    let phone = with_session(&cluster, &session);
    let laptop = with_session(&cluster, &cluster.init(&known).await.expect(200));
    let agent = cluster.log_in_owner().await;
    let agents =
        format!("/v1/conversations/{}/messages", session["contact"]["id"].as_str().unwrap());
    let first = message(&cluster.random, "phone, first");
    let first = StoredMessage::from_json(&phone.post(MESSAGES_PATH, &first).await.expect(201));

    let load = Arc::new(Load {
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
        started: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
        random: cluster.random.clone(),
    });
    let mut senders = Vec::new();
    for (who, api, path) in [
        ("phone", &phone, MESSAGES_PATH),
        ("laptop", &laptop, MESSAGES_PATH),
        ("agent", &agent, agents.as_str()),
    ] {
        senders.extend((0..SENDERS).map(|n| {
            let (path, sender) = (path.to_owned(), format!("{who} {n}"));
            tokio::spawn(send(load.clone(), api.clone(), path, sender))
        }));
    }
    let bare = cluster.init_body(&json!({}));
    let arrivals: Vec<_> = (0..LOGIN_CALLERS)
        .map(|n| {
            tokio::spawn(log_in_new_contacts(load.clone(), cluster.api.clone(), bare.clone(), n))
        })
        .collect();

    load.wait_for_recovery("a load").await;
    for fault in faults(&cluster.random) {
        sleep(Duration::from_millis(cluster.random.below(400))).await;
        match fault {
            Fault::Restart => postgres.restart().await,
            Fault::Terminate => assert!(postgres.terminate().await > 0),
            Fault::Kill => postgres.kill_backend(&cluster.random).await,
        }
        let begun = Instant::now();
        load.wait_for_recovery(&format!("a recovery from {fault:?}")).await;
        eprintln!("{fault:?}: recovered in {:?}", begun.elapsed());
    }
    load.over.store(true, Ordering::Relaxed);

    let mut history = History::default();
    history.sent.push(SentMessage {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text,
        acknowledged: Some((first.id, first.seq)),
    });
    for sender in senders {
        history.sent.extend(finished("a sender", sender).await);
    }
    history.views.push(thread(&phone, MESSAGES_PATH, "phone").await);
    history.views.push(thread(&laptop, MESSAGES_PATH, "laptop").await);
    history.views.push(thread(&agent, &agents, "agent").await);
    let resumed = phone.request(Method::GET, "/widget/v1/events").header("last-event-id", "0");
    let mut stream = Events::open(resumed).await;
    let mut messages = Vec::new();
    while messages.len() < history.views[0].messages.len() {
        messages.push(StoredMessage::from_json(&stream.expect("message").await));
    }
    history.views.push(View { reader: "stream".to_owned(), after: 0, messages });
    let away = load.rejected.load(Ordering::Relaxed);
    eprintln!("{} messages, {away} calls rejected", history.sent.len());
    history.check();
    assert_eq!(history.sent.len(), history.views[0].messages.len(), "all were acknowledged");

    // No acknowledged contact is missing or duplicated.
    let mut people = HashMap::from([("12345".to_owned(), session["contact"]["id"].clone())]);
    for arrival in arrivals {
        people.extend(finished("an arrival", arrival).await);
    }
    let contacts = agent.all("/v1/contacts").await;
    let stored = contacts.iter().map(|contact| {
        (contact["userId"].as_str().unwrap_or_default().to_owned(), contact["id"].clone())
    });
    assert_eq!((contacts.len(), stored.collect::<HashMap<_, _>>()), (people.len(), people));
    assert!(cluster.all_run(), "a process ended");
}

enum Outage {
    /// Nothing listens on its port.
    Away,
    /// It accepts connections and never responds.
    Frozen,
}

async fn outage(kind: Outage) {
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let known = json!({"user_id": "12345"});
    let session = cluster.init(&known).await.expect(200);
    let phone = with_session(&cluster, &session);
    let agent = cluster.log_in_owner().await;
    let text = message(&cluster.random, "hello");
    phone.post(MESSAGES_PATH, &message(&cluster.random, "before")).await.expect(201);

    match kind {
        Outage::Away => postgres.halt().await,
        Outage::Frozen => postgres.freeze(),
    }
    let away = Instant::now();
    let init = cluster.init_body(&known);
    // More calls than a service has connections, and one message repeatedly.
    let calls = (0..24).flat_map(|_| {
        [
            cluster.api.request(Method::POST, "/widget/v1/init").json(&init),
            phone.request(Method::POST, MESSAGES_PATH).json(&text),
            phone.request(Method::GET, MESSAGES_PATH),
            agent.request(Method::GET, "/v1/contacts"),
            agent.request(Method::GET, "/v1/conversations"),
        ]
    });
    let calls: Vec<_> = calls.map(send_request).collect();
    let responses = async {
        for reply in join_all(calls).await {
            expect_unavailable(reply);
        }
    };
    let calls = async {
        responses.await;
        eprintln!("all calls were rejected after {:?}", away.elapsed());
        // The outage lasts at least 3 s.
        sleep(Duration::from_secs(3).saturating_sub(away.elapsed())).await;
    };
    let health_checks = async {
        loop {
            for path in ["/healthz", "/readyz"] {
                let begun = Instant::now();
                cluster.api.get(path).await.expect(200);
                assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            }
            sleep(SEND_INTERVAL).await;
        }
    };
    tokio::select! {
        () = calls => {}
        () = health_checks => {}
    }

    match kind {
        Outage::Away => postgres.restart().await,
        Outage::Frozen => postgres.thaw(),
    }
    let again = Instant::now();
    let back = wait_until("init after the outage", RECOVERY_TIMEOUT, async || {
        let reply = cluster.init(&known).await;
        (reply.status == 200).then_some(reply.body)
    })
    .await;
    assert_eq!(back["contact"]["id"], session["contact"]["id"]);
    wait_until("a message after the outage", RECOVERY_TIMEOUT, async || {
        (phone.post(MESSAGES_PATH, &text).await.status < 300).then_some(())
    })
    .await;
    eprintln!("recovered in {:?}", again.elapsed());
    let texts: Vec<_> = thread(&phone, MESSAGES_PATH, "phone").await.messages;
    let texts: Vec<_> = texts.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["before", "hello"]);
    assert_eq!(agent.all("/v1/contacts").await.len(), 1);
    assert!(cluster.all_run(), "a process ended");
}

#[tokio::test]
async fn a_stopped_postgres_is_reported_and_found_after_its_start() {
    outage(Outage::Away).await;
}

#[tokio::test]
async fn a_frozen_postgres_is_reported_and_found_afterwards() {
    outage(Outage::Frozen).await;
}

/// Sends 64 inits at once.
async fn race(cluster: &Cluster, user: impl Fn(usize) -> Value) -> Vec<ApiResponse> {
    let bodies: Vec<_> = (0..64).map(|n| cluster.init_body(&user(n))).collect();
    let post = |body| send_request(cluster.api.request(Method::POST, "/widget/v1/init").json(body));
    let begun = Instant::now();
    let replies = join_all(bodies.iter().map(post)).await;
    assert!(begun.elapsed() < SHORT_TIMEOUT, "{:?}", begun.elapsed());
    replies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn races_between_two_replicas_have_one_winner() {
    let postgres = Postgres::start().await;
    let cluster = Cluster::on(&postgres.url).await;
    let contact =
        |reply: ApiResponse| reply.expect(200)["contact"]["id"].as_str().unwrap().to_owned();

    // One contact is created.
    let plain = race(&cluster, |_| json!({"user_id": "plain"})).await;
    let plain: HashSet<_> = plain.into_iter().map(contact).collect();
    assert_eq!(plain.len(), 1);
    // Equal claims are one claim.
    let equal = race(&cluster, |_| json!({"user_id": "equal", "security_hash": "same"})).await;
    let equal: HashSet<_> = equal.into_iter().map(contact).collect();
    assert_eq!(equal.len(), 1);

    // One of different claims wins, for a new contact and for a known one.
    for user_id in ["different", "plain"] {
        let user = |n| json!({"user_id": user_id, "security_hash": format!("hash {n}")});
        let mut winners = Vec::new();
        for (n, reply) in race(&cluster, user).await.into_iter().enumerate() {
            if reply.status == 200 {
                winners.push((n, contact(reply)));
            } else {
                reply.expect_problem(403, "identity-refused");
            }
        }
        let [(winner, id)] = &winners[..] else { panic!("{user_id}: {winners:?}") };
        // The winner stays the same, together with all others and alone.
        for (n, reply) in race(&cluster, user).await.into_iter().enumerate() {
            if n == *winner {
                assert_eq!(contact(reply), *id);
            } else {
                reply.expect_problem(403, "identity-refused");
            }
        }
        assert_eq!(contact(cluster.init(&user(*winner)).await), *id);
        cluster.init(&json!({"user_id": user_id})).await.expect_problem(403, "identity-refused");
    }
    assert_eq!(cluster.log_in_owner().await.all("/v1/contacts").await.len(), 3);
}
