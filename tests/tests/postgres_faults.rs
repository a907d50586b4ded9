//! PostgreSQL fails under the services, each a process of its own in two replicas: crashes of the
//! server, connections it cuts, a server that is away, and races that only its rules decide. Each
//! test has a server of its own to do that to.

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
use onethread_tests::{Api, Chance, Events, History, Reply, SHORT, Sent, Stored, View, until};
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

/// The longest that any call may wait for its answer, whatever is broken.
const ANSWER: Duration = Duration::from_secs(12);
/// The longest from a database that is there again to messages that go on.
const RECOVERY: Duration = Duration::from_secs(8);
/// The longest that the server may take to be made, or to be there again.
const SERVER: Duration = Duration::from_secs(20);
/// Between one call of a caller and its next, so that the machine is loaded but not full.
const PAUSE: Duration = Duration::from_millis(10);

/// How many send at once for each who writes, and how many begin sessions at once.
const SENDERS: usize = 4;
const ARRIVALS: usize = 4;

const OWN: &str = "/widget/v1/messages";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres");

/// A server of the test's own, gone with its folder when the test ends, however it ends.
pub(crate) struct Postgres {
    folder: TempDir,
    pub(crate) url: String,
    /// Where a small disk of its own is mounted: to remove the folder unmounts the disk everywhere.
    disk: Option<TempDir>,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        // Its user can't look into a folder for temporary files that is somebody's own.
        let folder = TempDir::with_prefix_in("onethread-postgres-", "/tmp").unwrap();
        let mut it = Self { folder, url: String::new(), disk: None };
        it.url = it.script("start").await.trim().to_owned();
        it
    }

    /// Ends it as a crash would.
    async fn halt(&self) {
        self.script("halt").await;
    }

    /// Starts it again on its port; one that runs crashes before.
    pub(crate) async fn restart(&self) {
        self.script("restart").await;
    }

    /// One whose tables lie on a small disk of their own, and where it sees that disk. It does not
    /// outlive the server, which so can't be started again.
    pub(crate) async fn on_a_disk(mib: u32) -> (Self, PathBuf) {
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
        let output = timeout(SERVER, command.output()).await.expect("tests/postgres ends").unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/postgres {word}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A connection of the operator's; waits for a server that recovers.
    async fn operator(&self) -> PgConnection {
        let connect = async || PgConnection::connect(&self.url).await.ok();
        until("a connection to PostgreSQL", SERVER, connect).await
    }

    /// Cuts every connection of the services; gives how many there were.
    async fn terminate(&self) -> i64 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        sqlx::query_scalar(cut).fetch_one(&mut self.operator().await).await.unwrap()
    }

    /// Kills the process behind one connection of the services, upon which the server cuts all
    /// others as well and recovers as after a crash.
    async fn kill_backend(&self, chance: &Chance) {
        let services = "SELECT pid FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid";
        let mut operator = self.operator().await;
        let pids: Vec<i32> = sqlx::query_scalar(services).fetch_all(&mut operator).await.unwrap();
        let pid = pids[usize::try_from(chance.below(pids.len() as u64)).unwrap()];
        assert!(signal("KILL", &pid.to_string()));
        // Unless the server is seen to be gone, it may yet be about to cut what comes next.
        let gone = async || sqlx::query("SELECT 1").execute(&mut operator).await.err().map(drop);
        until("the server to notice", SERVER, gone).await;
        self.operator().await;
    }

    /// Has it stand still, sockets open and silent, as a machine or its disk may.
    fn freeze(&self) {
        let main = self.main_process().expect("it runs");
        assert!(signal("STOP", &main));
        // It makes no new ones now.
        let others = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).unwrap();
        assert!(signal("STOP", &others));
    }

    /// Has it go on. Nothing for one that doesn't run.
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

/// Sends a signal to processes; true when all were there.
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

/// The answer, which has to come in time.
async fn answer(request: reqwest::RequestBuilder) -> Reply {
    timeout(ANSWER, Reply::of(request)).await.expect("an answer within the deadline")
}

/// The answer for a database that is away: when to come again, and nothing of what broke.
#[track_caller]
fn turned_away(reply: Reply) {
    let after = reply.header("retry-after").parse::<u64>();
    assert!(after.is_ok_and(|seconds| (1..=60).contains(&seconds)), "{:?}", reply.headers);
    let text = reply.text.to_lowercase();
    for inner in ["sql", "postgres", "pool", "connection", "database"] {
        assert!(!text.contains(inner), "{inner} stands in {text}");
    }
    let problem = reply.problem(503, "");
    let kinds = ["/problems/unavailable", "/problems/deadline-exceeded"];
    assert!(kinds.contains(&problem["type"].as_str().unwrap()), "{problem}");
}

/// What callers under load have in common.
struct Load {
    over: AtomicBool,
    sent: AtomicU64,
    started: AtomicU64,
    turned_away: AtomicU64,
    chance: Chance,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Repeats a call until it is acknowledged.
    async fn acknowledged(&self, call: impl Fn() -> reqwest::RequestBuilder) -> Value {
        loop {
            let reply = answer(call()).await;
            if (200..300).contains(&reply.status) {
                return reply.body;
            }
            turned_away(reply);
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
    }

    /// Waits until messages are acknowledged and sessions begun that were not even asked for when
    /// this was called.
    async fn recovers(&self, what: &str) {
        for (count, callers) in [(&self.sent, 3 * SENDERS), (&self.started, ARRIVALS)] {
            // More than are under way.
            let enough = count.load(Ordering::Relaxed) + callers as u64 + 1;
            let more = async || (count.load(Ordering::Relaxed) >= enough).then_some(());
            until(what, RECOVERY, more).await;
        }
    }
}

/// Sends one text after the other, each until it is acknowledged.
async fn send(load: Arc<Load>, api: Api, path: String, sender: String) -> Vec<Sent> {
    let mut sent = Vec::new();
    while load.goes_on() {
        let (id, text) = (load.chance.uuid(), format!("{sender} {}", sent.len()));
        let body = json!({"clientMessageId": id, "text": text});
        let call = || api.request(Method::POST, &path).json(&body);
        let stored = Stored::from_json(&load.acknowledged(call).await);
        let acknowledged = Some((stored.id, stored.seq));
        sent.push(Sent { sender: sender.clone(), client_message_id: id, text, acknowledged });
        load.sent.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
    sent
}

/// New people, one after the other. Gives their ids by their user ids.
async fn arrive(load: Arc<Load>, api: Api, bare: Value, who: usize) -> Vec<(String, Value)> {
    let mut people = Vec::new();
    while load.goes_on() {
        let user_id = format!("arrival {who}, {}", people.len());
        let mut body = bare.clone();
        body["user"] = json!({"user_id": user_id, "security_hash": format!("of {user_id}")});
        let call = || api.request(Method::POST, "/widget/v1/init").json(&body);
        let session = load.acknowledged(call).await;
        assert_eq!(session["mode"], "contact", "{session}");
        people.push((user_id, session["contact"]["id"].clone()));
        load.started.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
    people
}

async fn finished<T>(what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(ANSWER * 2, task).await.unwrap_or_else(|_| panic!("{what} did not end"));
    ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The whole server crashes.
    Restart,
    /// All connections are cut.
    Terminate,
    /// One process of the server is killed.
    Kill,
}

/// Each kind three times, in any order.
fn faults(chance: &Chance) -> Vec<Fault> {
    let mut left = [Fault::Restart, Fault::Terminate, Fault::Kill].repeat(3);
    let mut order = Vec::new();
    while !left.is_empty() {
        let at = usize::try_from(chance.below(left.len() as u64)).unwrap();
        order.push(left.swap_remove(at));
    }
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_crashes_of_postgres() {
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let known = json!({"user_id": "12345", "name": "Kim Doe"});
    let session = cluster.init(&known).await.expect(200);
    let phone = with_session(&cluster, &session);
    let laptop = with_session(&cluster, &cluster.init(&known).await.expect(200));
    let agent = cluster.agent().await;
    let agents =
        format!("/v1/conversations/{}/messages", session["contact"]["id"].as_str().unwrap());
    let first = message(&cluster.chance, "phone, first");
    let first = Stored::from_json(&phone.post(OWN, &first).await.expect(201));

    let load = Arc::new(Load {
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
        started: AtomicU64::new(0),
        turned_away: AtomicU64::new(0),
        chance: cluster.chance.clone(),
    });
    let mut senders = Vec::new();
    for (who, api, path) in
        [("phone", &phone, OWN), ("laptop", &laptop, OWN), ("agent", &agent, agents.as_str())]
    {
        senders.extend((0..SENDERS).map(|n| {
            let (path, sender) = (path.to_owned(), format!("{who} {n}"));
            tokio::spawn(send(load.clone(), api.clone(), path, sender))
        }));
    }
    let bare = cluster.init_body(&json!({}));
    let arrivals: Vec<_> = (0..ARRIVALS)
        .map(|n| tokio::spawn(arrive(load.clone(), cluster.api.clone(), bare.clone(), n)))
        .collect();

    load.recovers("a load").await;
    for fault in faults(&cluster.chance) {
        sleep(Duration::from_millis(cluster.chance.below(400))).await;
        match fault {
            Fault::Restart => postgres.restart().await,
            Fault::Terminate => assert!(postgres.terminate().await > 0),
            Fault::Kill => postgres.kill_backend(&cluster.chance).await,
        }
        let begun = Instant::now();
        load.recovers(&format!("a recovery from {fault:?}")).await;
        eprintln!("{fault:?}: recovered in {:?}", begun.elapsed());
    }
    load.over.store(true, Ordering::Relaxed);

    let mut history = History::default();
    history.sent.push(Sent {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text,
        acknowledged: Some((first.id, first.seq)),
    });
    for sender in senders {
        history.sent.extend(finished("a sender", sender).await);
    }
    history.views.push(thread(&phone, OWN, "phone").await);
    history.views.push(thread(&laptop, OWN, "laptop").await);
    history.views.push(thread(&agent, &agents, "agent").await);
    let resumed = phone.request(Method::GET, "/widget/v1/events").header("last-event-id", "0");
    let mut stream = Events::open(resumed).await;
    let mut messages = Vec::new();
    while messages.len() < history.views[0].messages.len() {
        messages.push(Stored::from_json(&stream.expect("message").await));
    }
    history.views.push(View { reader: "stream".to_owned(), after: 0, messages });
    let away = load.turned_away.load(Ordering::Relaxed);
    eprintln!("{} messages, {away} calls turned away", history.sent.len());
    history.check();
    assert_eq!(history.sent.len(), history.views[0].messages.len(), "all were acknowledged");

    // Nobody who was let in is missing, or there twice.
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
    /// Nobody listens at its port.
    Away,
    /// Somebody listens and never answers.
    Frozen,
}

async fn outage(kind: Outage) {
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let known = json!({"user_id": "12345"});
    let session = cluster.init(&known).await.expect(200);
    let phone = with_session(&cluster, &session);
    let agent = cluster.agent().await;
    let text = message(&cluster.chance, "hello");
    phone.post(OWN, &message(&cluster.chance, "before")).await.expect(201);

    match kind {
        Outage::Away => postgres.halt().await,
        Outage::Frozen => postgres.freeze(),
    }
    let away = Instant::now();
    let init = cluster.init_body(&known);
    // More than a service has connections, and one message again and again.
    let calls = (0..24).flat_map(|_| {
        [
            cluster.api.request(Method::POST, "/widget/v1/init").json(&init),
            phone.request(Method::POST, OWN).json(&text),
            phone.request(Method::GET, OWN),
            agent.request(Method::GET, "/v1/contacts"),
            agent.request(Method::GET, "/v1/conversations"),
        ]
    });
    let calls: Vec<_> = calls.map(answer).collect();
    let refused = async {
        for reply in join_all(calls).await {
            turned_away(reply);
        }
    };
    let told = async {
        refused.await;
        eprintln!("all were turned away after {:?}", away.elapsed());
        // Away for no less than 3 s, whoever was told how soon.
        sleep(Duration::from_secs(3).saturating_sub(away.elapsed())).await;
    };
    let watched = async {
        loop {
            for path in ["/healthz", "/readyz"] {
                let begun = Instant::now();
                cluster.api.get(path).await.expect(200);
                assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            }
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = told => {}
        () = watched => {}
    }

    match kind {
        Outage::Away => postgres.restart().await,
        Outage::Frozen => postgres.thaw(),
    }
    let again = Instant::now();
    let back = until("init after the outage", RECOVERY, async || {
        let reply = cluster.init(&known).await;
        (reply.status == 200).then_some(reply.body)
    })
    .await;
    assert_eq!(back["contact"]["id"], session["contact"]["id"]);
    until("a message after the outage", RECOVERY, async || {
        (phone.post(OWN, &text).await.status < 300).then_some(())
    })
    .await;
    eprintln!("recovered in {:?}", again.elapsed());
    let texts: Vec<_> = thread(&phone, OWN, "phone").await.messages;
    let texts: Vec<_> = texts.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["before", "hello"]);
    assert_eq!(agent.all("/v1/contacts").await.len(), 1);
    assert!(cluster.all_run(), "a process ended");
}

#[tokio::test]
async fn a_postgres_that_is_away_is_told_and_found_again() {
    outage(Outage::Away).await;
}

#[tokio::test]
async fn a_postgres_that_is_frozen_is_told_and_found_again() {
    outage(Outage::Frozen).await;
}

/// 64 inits at once.
async fn race(cluster: &Cluster, user: impl Fn(usize) -> Value) -> Vec<Reply> {
    let bodies: Vec<_> = (0..64).map(|n| cluster.init_body(&user(n))).collect();
    let post = |body| answer(cluster.api.request(Method::POST, "/widget/v1/init").json(body));
    let begun = Instant::now();
    let replies = join_all(bodies.iter().map(post)).await;
    assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
    replies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_decides_races_between_two_processes() {
    let postgres = Postgres::start().await;
    let cluster = Cluster::on(&postgres.url).await;
    let contact = |reply: Reply| reply.expect(200)["contact"]["id"].as_str().unwrap().to_owned();

    // One contact, whoever was first.
    let plain = race(&cluster, |_| json!({"user_id": "plain"})).await;
    let plain: HashSet<_> = plain.into_iter().map(contact).collect();
    assert_eq!(plain.len(), 1);
    // The same claim by all is one claim.
    let equal = race(&cluster, |_| json!({"user_id": "equal", "security_hash": "same"})).await;
    let equal: HashSet<_> = equal.into_iter().map(contact).collect();
    assert_eq!(equal.len(), 1);

    // Of different ones the first one counts, on somebody new and on somebody known.
    for user_id in ["different", "plain"] {
        let user = |n| json!({"user_id": user_id, "security_hash": format!("hash {n}")});
        let mut winners = Vec::new();
        for (n, reply) in race(&cluster, user).await.into_iter().enumerate() {
            if reply.status == 200 {
                winners.push((n, contact(reply)));
            } else {
                reply.problem(403, "identity-refused");
            }
        }
        let [(winner, id)] = &winners[..] else { panic!("{user_id}: {winners:?}") };
        // It keeps winning, against all the others once more and without them.
        for (n, reply) in race(&cluster, user).await.into_iter().enumerate() {
            if n == *winner {
                assert_eq!(contact(reply), *id);
            } else {
                reply.problem(403, "identity-refused");
            }
        }
        assert_eq!(contact(cluster.init(&user(*winner)).await), *id);
        cluster.init(&json!({"user_id": user_id})).await.problem(403, "identity-refused");
    }
    assert_eq!(cluster.agent().await.all("/v1/contacts").await.len(), 3);
}
