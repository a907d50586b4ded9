//! The four services as separate processes, on SQLite and on PostgreSQL: the main journey, kills
//! under load, unavailable services, and invalid configurations.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

pub(crate) mod cluster;
mod joins;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use onethread_tests::{
    Api, ApiResponse, Events, History, LONG_TIMEOUT, Random, SHORT_TIMEOUT, SentMessage,
    StoredMessage, View, contacts_csv, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};

use self::cluster::{Cluster, OPERATOR, Service, Storage, WITH_DATABASE};

/// How long a process may take to exit: a little longer than its own shutdown timeout.
const EXIT_TIMEOUT: Duration = Duration::from_secs(12);

fn known() -> Value {
    json!({"user_id": "12345", "name": "Kim Doe", "email": "kim@example.com"})
}

pub(crate) fn with_session(cluster: &Cluster, session: &Value) -> Api {
    cluster.api.with_token(session["session"]["token"].as_str().unwrap())
}

pub(crate) fn message(random: &Random, text: &str) -> Value {
    json!({"clientMessageId": random.uuid(), "text": text})
}

async fn main_journey(storage: Storage) {
    let cluster = Cluster::start(storage).await;
    assert_eq!(cluster.made["agent"]["email"], "owner@example.com");
    let phone = cluster.init(&known()).await.expect(200);
    assert_eq!(phone["mode"], "contact");
    let laptop = cluster.init(&known()).await.expect(200);
    let id = phone["contact"]["id"].as_str().unwrap();
    assert_eq!(laptop["contact"]["id"], id);
    let (phone, laptop) = (with_session(&cluster, &phone), with_session(&cluster, &laptop));
    let agent = cluster.log_in_owner().await;

    let mut on_laptop = Events::open(laptop.request(Method::GET, "/widget/v1/events")).await;
    let mut at_desk = Events::open(agent.request(Method::GET, "/v1/events")).await;
    phone.post("/widget/v1/messages", &message(&cluster.random, "hello")).await.expect(201);
    assert_eq!(on_laptop.expect("message").await["text"], "hello");
    assert_eq!(at_desk.expect("message").await["conversationId"], id);

    let path = format!("/v1/conversations/{id}/messages");
    agent.post(&path, &message(&cluster.random, "hello yourself")).await.expect(201);
    let answer = on_laptop.expect("message").await;
    assert_eq!((&answer["seq"], &answer["text"]), (&json!(2), &json!("hello yourself")));
    let item = agent.get(&format!("/v1/conversations/{id}")).await.expect(200);
    assert_eq!(item["contact"]["name"], "Kim Doe");

    // A claim locks out logins without it, and ends earlier sessions.
    let mut claimed = known();
    claimed["security_hash"] = json!("the one and only");
    cluster.init(&claimed).await.expect(200);
    let refused = cluster.init(&known()).await.expect_problem(403, "identity-refused");
    assert!(refused["cleanSession"]["session"]["token"].is_string(), "{refused}");
    on_laptop.expect("session-ended").await;

    let done = cluster.import(&agent, contacts_csv("crowd", 100)).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!((&done["created"], &done["rejected"]), (&json!(100), &json!(0)), "{done}");
    assert_eq!(agent.all("/v1/contacts").await.len(), 101);
}

#[tokio::test]
async fn the_main_journey_on_sqlite() {
    main_journey(Storage::Sqlite).await;
}

#[tokio::test]
async fn the_main_journey_on_postgres() {
    main_journey(Storage::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_first_claims_wins_through_two_replicas() {
    let cluster = Cluster::start(Storage::Postgres).await;
    let inits = async |users: Vec<Value>| {
        let all = join_all(users.iter().map(|user| cluster.init(user))).await;
        let mut by_status = HashMap::<u16, usize>::new();
        for reply in all {
            *by_status.entry(reply.status).or_default() += 1;
        }
        by_status
    };
    let claims = |id: &str, hash: fn(usize) -> String| {
        let user = |n| json!({"user_id": id, "security_hash": hash(n)});
        (0..64).map(user).collect::<Vec<_>>()
    };
    let equal = inits(claims("equal", |_| "the same".to_owned())).await;
    assert_eq!(equal, HashMap::from([(200, 64)]));
    let different = inits(claims("different", |n| format!("another {n}"))).await;
    assert_eq!(different, HashMap::from([(200, 1), (403, 63)]));
    let plain = inits((0..64).map(|_| json!({"user_id": "plain"})).collect()).await;
    assert_eq!(plain, HashMap::from([(200, 64)]));
    assert_eq!(cluster.log_in_owner().await.all("/v1/contacts").await.len(), 3);
}

/// Sends messages one after another, and repeats each until it is acknowledged.
async fn send(
    api: Api,
    path: String,
    sender: &'static str,
    random: Random,
    over: Arc<AtomicBool>,
) -> Vec<SentMessage> {
    let mut sent = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let (id, text) = (random.uuid(), format!("{sender} {}", sent.len()));
        let body = json!({"clientMessageId": id, "text": text});
        let stored = loop {
            match api.try_post(&path, &body).await {
                Ok(reply) if reply.status < 300 => break StoredMessage::from_json(&reply.body),
                Ok(reply) => {
                    assert_eq!(reply.status, 503, "{}", reply.text);
                    assert!(!reply.header("retry-after").is_empty());
                }
                Err(error) => assert!(error.is_connect() || error.is_request(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let acknowledged = Some((stored.id, stored.seq));
        sent.push(SentMessage {
            sender: sender.to_owned(),
            client_message_id: id,
            text,
            acknowledged,
        });
    }
    sent
}

pub(crate) async fn thread(api: &Api, path: &str, reader: &str) -> View {
    let mut messages: Vec<StoredMessage> = Vec::new();
    loop {
        let after = messages.last().map_or(0, |message| message.seq);
        let page = api.get(&format!("{path}?afterSeq={after}&limit=200")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        if items.is_empty() {
            return View { reader: reader.to_owned(), after: 0, messages };
        }
        messages.extend(items.iter().map(StoredMessage::from_json));
    }
}

async fn kills_under_load(storage: Storage) {
    const ROUNDS: usize = 12;
    let mut cluster = Cluster::start(storage).await;
    let phone = cluster.init(&known()).await.expect(200);
    let path = format!("/v1/conversations/{}/messages", phone["contact"]["id"].as_str().unwrap());
    let (phone, agent) = (with_session(&cluster, &phone), cluster.log_in_owner().await);
    let random = cluster.random.clone();
    let first = phone.post("/widget/v1/messages", &message(&random, "first")).await.expect(201);
    let first = StoredMessage::from_json(&first);
    let over = Arc::new(AtomicBool::new(false));
    let own = "/widget/v1/messages".to_owned();
    let senders = [("phone", phone.clone(), own.clone()), ("agent", agent.clone(), path.clone())]
        .map(|(name, api, path)| tokio::spawn(send(api, path, name, random.clone(), over.clone())));
    let csv = contacts_csv("crowd", 2000);
    let upload = agent.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let import = onethread_tests::ApiResponse::send(upload.body(csv)).await.expect(202);

    for round in 0..ROUNDS {
        let services =
            [Service::Identity, Service::Conversation, Service::ContactImport, Service::Gateway];
        let service = services[round % services.len()];
        let replica = round / services.len() % cluster.replicas(service);
        tokio::time::sleep(Duration::from_millis(50 + random.below(400))).await;
        cluster.kill(service, replica).await;
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        cluster.restart(service, replica).await;
    }

    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::Relaxed);
    let mut history = History::default();
    history.sent.push(SentMessage {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text,
        acknowledged: Some((first.id, first.seq)),
    });
    for sender in senders {
        history.sent.extend(tokio::time::timeout(LONG_TIMEOUT, sender).await.unwrap().unwrap());
    }
    history.views.push(thread(&phone, &own, "phone").await);
    history.views.push(thread(&agent, &path, "agent").await);
    let mut live =
        Events::open(phone.request(Method::GET, "/widget/v1/events").header("last-event-id", "0"))
            .await;
    let mut streamed = Vec::new();
    while streamed.len() < history.views[0].messages.len() {
        streamed.push(StoredMessage::from_json(&live.expect("message").await));
    }
    history.views.push(View { reader: "stream".to_owned(), after: 0, messages: streamed });
    eprintln!("{} messages over {ROUNDS} kills", history.sent.len());
    history.check();
    assert!(history.sent.len() > 50, "there was hardly any load");

    // The import has continued, and no contact is missing or duplicated.
    let state = format!("/v1/imports/{}", import["id"].as_str().unwrap());
    let done = wait_until("the end of the import", LONG_TIMEOUT, async || {
        let import = agent.get(&state).await.expect(200);
        ["done", "failed"].iter().any(|state| import["state"] == *state).then_some(import)
    })
    .await;
    assert_eq!((&done["state"], &done["created"]), (&json!("done"), &json!(2000)), "{done}");
    assert_eq!(agent.all("/v1/contacts").await.len(), 2001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_kills_of_each_service_on_sqlite() {
    kills_under_load(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_kills_of_each_service_on_postgres() {
    kills_under_load(Storage::Postgres).await;
}

#[tokio::test]
async fn an_unavailable_service_is_reported_quickly_and_found_after_its_restart() {
    let mut cluster = Cluster::start(Storage::Sqlite).await;
    let session = cluster.init(&known()).await.expect(200);
    let phone = with_session(&cluster, &session);
    cluster.kill(Service::Identity, 0).await;
    for _ in 0..3 {
        let begun = Instant::now();
        let reply = cluster.init(&known()).await;
        assert!(!reply.header("retry-after").is_empty());
        reply.expect_problem(503, "unavailable");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    // The gateway stays ready, because some calls don't need identity.
    cluster.api.get("/readyz").await.expect(200);
    cluster.restart(Service::Identity, 0).await;
    wait_until("identity found again", Duration::from_secs(3), async || {
        (cluster.init(&known()).await.status == 200).then_some(())
    })
    .await;

    cluster.kill(Service::Conversation, 0).await;
    let text = message(&cluster.random, "hello");
    phone.post("/widget/v1/messages", &text).await.expect_problem(503, "unavailable");
    cluster.restart(Service::Conversation, 0).await;
    wait_until("conversation found again", Duration::from_secs(3), async || {
        (phone.post("/widget/v1/messages", &text).await.status < 300).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_process_shuts_down_with_open_streams() {
    let mut cluster = Cluster::start(Storage::Sqlite).await;
    let session = cluster.init(&known()).await.expect(200);
    let phone = with_session(&cluster, &session);
    let agent = cluster.log_in_owner().await;
    let mut stream = Events::open(phone.request(Method::GET, "/widget/v1/events")).await;
    let mut desk = Events::open(agent.request(Method::GET, "/v1/events")).await;
    phone.post("/widget/v1/messages", &message(&cluster.random, "hello")).await.expect(201);
    stream.expect("message").await;
    desk.expect("message").await;
    for service in
        [Service::Conversation, Service::ContactImport, Service::Identity, Service::Gateway]
    {
        let begun = Instant::now();
        let status = cluster.terminate(service, 0, EXIT_TIMEOUT).await;
        assert!(status.success(), "{service:?}: {status}");
        // A process doesn't wait for streams of our other processes.
        assert!(begun.elapsed() < Duration::from_secs(2), "{service:?}: {:?}", begun.elapsed());
    }
    stream.until_end(SHORT_TIMEOUT).await;
    desk.until_end(SHORT_TIMEOUT).await;
}

#[tokio::test]
async fn replicas_that_share_files_work_on_each_others_imports() {
    let mut cluster = Cluster::with_two_import_replicas().await;
    let agent = cluster.log_in_owner().await;
    let upload = agent.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let begun = ApiResponse::send(upload.body(contacts_csv("shared", 20_000))).await.expect(202);
    // Each replica in turn is the only one, so one of them continues an import of the other.
    for replica in [0, 1] {
        assert!(cluster.terminate(Service::ContactImport, replica, EXIT_TIMEOUT).await.success());
        wait_until("some more rows", LONG_TIMEOUT, async || {
            let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
            let import = agent.get(&path).await;
            // The gateway may not have found the other replica yet.
            let least = if replica == 0 { 1 } else { 20_000 };
            (import.status == 200 && import.body["processed"].as_i64() >= Some(least)).then_some(())
        })
        .await;
        cluster.restart(Service::ContactImport, replica).await;
    }
    let done = wait_until("the import", LONG_TIMEOUT, async || {
        let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
        let import = agent.get(&path).await;
        (import.status == 200).then_some(import.body)
    })
    .await;
    assert_eq!((&done["state"], &done["created"]), (&json!("done"), &json!(20_000)), "{done}");
}

#[tokio::test]
async fn only_the_operator_can_create_organizations() {
    let cluster = Cluster::start(Storage::Sqlite).await;
    let body = json!({
        "organization": "second.example",
        "agentEmail": "ann@example.com",
        "agentPassword": "a long password",
    });
    let path = "/v1/organizations";
    cluster.api.post(path, &body).await.expect_problem(404, "not-found");
    let half = &OPERATOR[..OPERATOR.len() - 1];
    cluster.api.with_token(half).post(path, &body).await.expect_problem(404, "not-found");
    let key = cluster.made["apiKey"].as_str().unwrap();
    cluster.api.with_token(key).post(path, &body).await.expect_problem(404, "not-found");

    let operator = cluster.api.with_token(OPERATOR);
    let made = operator.post(path, &body).await.expect(201);
    assert_eq!(made["organization"], "second.example");
    assert_eq!(made["agent"], json!({"email": "ann@example.com", "password": "a long password"}));
    operator.post(path, &body).await.expect_problem(409, "organization-exists");
    // The new organization works, and is separate from the first one.
    let init = json!({"organization": "second.example", "appId": made["appId"], "user": {}});
    assert_eq!(cluster.api.post("/widget/v1/init", &init).await.expect(200)["mode"], "visitor");
    let server = cluster.api.with_token(made["apiKey"].as_str().unwrap());
    assert!(server.all("/v1/contacts").await.is_empty());
    let login = json!({
        "organization": "second.example",
        "email": "ann@example.com",
        "password": "a long password",
    });
    let login = cluster.api.post("/v1/login", &login).await.expect(200);
    assert_eq!(login["agent"]["role"], "owner");

    for (member, bad) in [
        ("organization", json!("Not A Domain")),
        ("organization", Value::Null),
        ("agentEmail", json!("nobody")),
        ("agentPassword", json!("short")),
        ("agentPassword", json!(5)),
    ] {
        let mut body = body.clone();
        body["organization"] = json!("third.example");
        body[member] = bad;
        operator.post(path, &body).await.expect_invalid(&format!("/{member}"));
    }
}

/// A service, its environment, and a part of the expected message.
type Case<'a> = (Service, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn a_bad_configuration_is_reported_in_one_line_with_exit_status_64() {
    let cluster = Cluster::unstarted(Storage::Sqlite).await;
    let cases: [Case<'_>; 7] = [
        (Service::Identity, &[("ONETHREAD_IDENTITY_ADDR", "0.0.0.0:0")], "ONETHREAD_TLS=off"),
        (
            Service::Gateway,
            &[("ONETHREAD_IDENTITY_URL", "dns://identity:50051")],
            "ONETHREAD_TLS=off",
        ),
        (Service::Gateway, &[("ONETHREAD_IDENTITY_URL", "identity")], "--identity-url"),
        (Service::Conversation, &[("ONETHREAD_DATABASE_URL", "mysql://x")], "--database-url"),
        (Service::ContactImport, &[("ONETHREAD_LOG_FORMAT", "xml")], "--log-format"),
        (Service::Conversation, &[("ONETHREAD_NATS_URL", "http://nats:4222")], "--nats-url"),
        (Service::Conversation, &[("ONETHREAD_NATS_URL", "nats://nats:4222")], "ONETHREAD_TLS=off"),
    ];
    for (service, environment, word) in cases {
        let (code, stderr) = cluster.run_to_exit(service, environment).await;
        assert_eq!((code, stderr.lines().count()), (Some(64), 1), "{stderr}");
        assert!(stderr.contains(word), "{word} is not in {stderr}");
    }
}

#[tokio::test]
async fn no_service_serves_a_database_with_an_outdated_schema() {
    let cluster = Cluster::unstarted(Storage::Postgres).await;
    for service in WITH_DATABASE {
        let (code, stderr) = cluster.run_to_exit(service, &[]).await;
        assert_eq!(code, Some(64), "{stderr}");
        assert!(stderr.contains(&format!("`{} migrate`", service.names().0)), "{stderr}");
        // A second migration changes nothing.
        assert!(cluster.migrate(service).await.success());
        assert!(cluster.migrate(service).await.success());
    }
}
