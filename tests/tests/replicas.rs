//! Two replicas of conversation and two gateways on one PostgreSQL server. Messages are delivered
//! between them immediately over NATS and within seconds without it, in spite of kills and restarts.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use onethread_testing::NatsServer;
use onethread_tests::{
    Api, Events, History, LONG_TIMEOUT, Random, SHORT_TIMEOUT, SentMessage, StoredMessage, View,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::apart::{
    cluster::{Cluster, Service},
    message, thread,
};

/// How long a message may take to be delivered without the bus.
const CONVERGENCE_TIMEOUT: Duration = Duration::from_secs(5);

const MESSAGES_PATH: &str = "/widget/v1/messages";
const SEND_INTERVAL: Duration = Duration::from_millis(10);

/// A contact with a device at each gateway, and an agent at each.
struct Participants {
    id: String,
    phone: Api,
    laptop: Api,
    near: Api,
    far: Api,
}

impl Participants {
    async fn of(cluster: &Cluster) -> Self {
        let user = json!({"user_id": "12345", "name": "Kim Doe"});
        let phone = cluster.init(&user).await.expect(200);
        let laptop = cluster.init(&user).await.expect(200);
        let token = |session: &Value| session["session"]["token"].as_str().unwrap().to_owned();
        let login = json!({
            "organization": cluster.made["organization"],
            "email": cluster.made["agent"]["email"],
            "password": cluster.made["agent"]["password"],
        });
        let login = cluster.api.post("/v1/login", &login).await.expect(200);
        let agent = login["token"].as_str().unwrap();
        let gateways = [cluster.gateway(0), cluster.gateway(1)];
        let it = Self {
            id: phone["contact"]["id"].as_str().unwrap().to_owned(),
            phone: gateways[0].with_token(&token(&phone)),
            laptop: gateways[1].with_token(&token(&laptop)),
            near: gateways[0].with_token(agent),
            far: gateways[1].with_token(agent),
        };
        it.phone.post(MESSAGES_PATH, &message(&cluster.random, "first")).await.expect(201);
        it
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/conversations/{}/{what}", self.id)
    }
}

async fn own_events(api: &Api) -> Events {
    Events::open(api.request(Method::GET, "/widget/v1/events")).await
}

/// Opens an agent's stream, and waits for the reload event at its start.
async fn all_events(api: &Api) -> Events {
    let mut events = Events::open(api.request(Method::GET, "/v1/events")).await;
    events.expect("reload").await;
    events
}

#[tokio::test]
async fn messages_of_one_replica_are_delivered_by_the_other_immediately() {
    let nats = NatsServer::start();
    let cluster = Cluster::replicated(Some(nats.url()), true).await;
    let people = Participants::of(&cluster).await;
    let (mut on_phone, mut on_laptop) =
        (own_events(&people.phone).await, own_events(&people.laptop).await);
    let mut at_desk = all_events(&people.far).await;
    // By polling the database every three seconds this would take a minute.
    let rounds = async {
        for round in 0..20 {
            let (question, answer) = (format!("question {round}"), format!("answer {round}"));
            people
                .phone
                .post(MESSAGES_PATH, &message(&cluster.random, &question))
                .await
                .expect(201);
            assert_eq!(on_laptop.expect("message").await["text"], question);
            let at = at_desk.expect("message").await;
            assert_eq!((&at["text"], &at["conversationId"]), (&json!(question), &json!(people.id)));
            let path = people.path("messages");
            people.far.post(&path, &message(&cluster.random, &answer)).await.expect(201);
            for text in [question, answer] {
                assert_eq!(on_phone.expect("message").await["text"], text);
            }
            on_laptop.expect("message").await;
            at_desk.expect("message").await;
        }
    };
    timeout(SHORT_TIMEOUT * 2, rounds).await.expect("each message is delivered immediately");

    // Other events are delivered in both directions as well.
    people.laptop.post("/widget/v1/read", &json!({"seq": 41})).await.expect(204);
    assert_eq!(on_phone.expect("read").await, json!({"side": "contact", "seq": 41}));
    people.far.post(&people.path("read"), &json!({"seq": 40})).await.expect(204);
    assert_eq!(on_phone.expect("read").await, json!({"side": "agent", "seq": 40}));
    people.far.post(&people.path("typing"), &json!({"typing": true})).await.expect(204);
    assert_eq!(on_phone.expect("typing").await, json!({"side": "agent", "typing": true}));
    people.phone.post("/widget/v1/typing", &json!({"typing": true})).await.expect(204);
    assert_eq!(at_desk.expect("typing").await["side"], "contact");
    let closed = json!({"status": "closed"});
    let path = format!("/v1/conversations/{}", people.id);
    people.near.patch(&path, &closed).await.expect(200);
    at_desk.expect_where("conversation", |it| it["status"] == "closed").await;
}

#[tokio::test]
async fn without_a_bus_replicas_converge() {
    let cluster = Cluster::replicated(None, true).await;
    let people = Participants::of(&cluster).await;
    let mut on_laptop = own_events(&people.laptop).await;
    let mut at_desk = all_events(&people.far).await;
    let soon = async |events: &mut Events, name: &str| {
        timeout(CONVERGENCE_TIMEOUT, events.expect(name)).await.expect("the database is looked at")
    };
    for seq in 2..4 {
        people.phone.post(MESSAGES_PATH, &message(&cluster.random, "hello")).await.expect(201);
        let (mine, theirs) =
            tokio::join!(soon(&mut on_laptop, "message"), soon(&mut at_desk, "message"));
        assert_eq!((&mine["seq"], &theirs["seq"]), (&json!(seq), &json!(seq)));
        let item = soon(&mut at_desk, "conversation").await;
        assert_eq!((&item["lastSeq"], &item["unread"]), (&json!(seq), &json!(seq)));
    }
    people.near.post(&people.path("read"), &json!({"seq": 3})).await.expect(204);
    let (mine, theirs) = tokio::join!(soon(&mut on_laptop, "read"), soon(&mut at_desk, "read"));
    assert_eq!((&mine["seq"], &theirs["seq"]), (&json!(3), &json!(3)));
    // A contact that the agents' streams don't know yet.
    let other = cluster.init(&json!({"user_id": "another"})).await.expect(200);
    let other = people.phone.with_token(other["session"]["token"].as_str().unwrap());
    other.post(MESSAGES_PATH, &message(&cluster.random, "I am new")).await.expect(201);
    let new = async { at_desk.expect_where("message", |it| it["text"] == "I am new").await };
    timeout(CONVERGENCE_TIMEOUT, new).await.expect("the database is looked at");
}

/// Sends messages one after another, and repeats each until it is acknowledged.
async fn send(
    api: Api,
    path: String,
    sender: String,
    random: Random,
    over: Arc<AtomicBool>,
) -> Vec<SentMessage> {
    let mut sent = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let (id, text) = (random.uuid(), format!("{sender} {}", sent.len()));
        let stored = api.post(&path, &json!({"clientMessageId": id, "text": text})).await;
        let stored = StoredMessage::from_json(&stored.expect(201));
        let acknowledged = Some((stored.id, stored.seq));
        sent.push(SentMessage {
            sender: sender.clone(),
            client_message_id: id,
            text,
            acknowledged,
        });
        sleep(SEND_INTERVAL).await;
    }
    sent
}

/// Reads a stream up to a message number. Returns the messages and the time of the last one.
async fn read(
    mut events: Events,
    mut last: watch::Receiver<Option<i64>>,
) -> (Vec<StoredMessage>, Instant) {
    let mut seen: Vec<StoredMessage> = Vec::new();
    loop {
        let reached = seen.last().map_or(0, |message| message.seq);
        if last.borrow_and_update().is_some_and(|last| reached >= last) {
            return (seen, Instant::now());
        }
        tokio::select! {
            event = events.next() => {
                let event = event.expect("the stream continues");
                assert_ne!(event.name, "reload");
                if event.name == "message" {
                    seen.push(StoredMessage::from_json(&event.data));
                }
            }
            changed = last.changed() => changed.unwrap(),
        }
    }
}

async fn finished<T>(what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(LONG_TIMEOUT, task).await.unwrap_or_else(|_| panic!("{what} did not end"));
    ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_nats_lose_nothing_and_readers_converge() {
    let mut nats = NatsServer::start();
    let mut cluster = Cluster::replicated(Some(nats.url()), true).await;
    let people = Participants::of(&cluster).await;
    let first = thread(&people.phone, MESSAGES_PATH, "phone").await.messages.remove(0);
    let (reached, last) = watch::channel(None);
    let streams = [
        ("the phone's stream", own_events(&people.phone).await),
        ("the laptop's stream", own_events(&people.laptop).await),
        ("the stream near the phone", all_events(&people.near).await),
        ("the stream far from it", all_events(&people.far).await),
    ];
    let readers = streams.map(|(name, events)| (name, tokio::spawn(read(events, last.clone()))));
    let over = Arc::new(AtomicBool::new(false));
    let senders = [
        ("phone", &people.phone, MESSAGES_PATH.to_owned()),
        ("laptop", &people.laptop, MESSAGES_PATH.to_owned()),
        ("near", &people.near, people.path("messages")),
        ("far", &people.far, people.path("messages")),
    ]
    .map(|(name, api, path)| {
        let name = name.to_owned();
        tokio::spawn(send(api.clone(), path, name, cluster.random.clone(), over.clone()))
    });
    for _ in 0..5 {
        sleep(Duration::from_millis(cluster.random.below(800))).await;
        nats.kill();
        // Messages are sent meanwhile, and each of them has to be acknowledged.
        sleep(Duration::from_millis(cluster.random.below(1500))).await;
        nats.restart();
    }
    let back = Instant::now();
    over.store(true, Ordering::Relaxed);
    let mut history = History::default();
    history.sent.push(SentMessage {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text.clone(),
        acknowledged: Some((first.id.clone(), first.seq)),
    });
    for sender in senders {
        history.sent.extend(finished("a sender", sender).await);
    }
    history.views.push(thread(&people.phone, MESSAGES_PATH, "phone").await);
    history.views.push(thread(&people.far, &people.path("messages"), "agent").await);
    let stored = history.views[0].messages.last().unwrap().seq;
    let settled = Instant::now();
    reached.send(Some(stored)).unwrap();
    for (name, reader) in readers {
        let (messages, at) = finished(name, reader).await;
        let late = at.saturating_duration_since(settled.max(back));
        eprintln!("{name} was through {late:?} after NATS was back and all was stored");
        assert!(late < CONVERGENCE_TIMEOUT, "{name}: {late:?}");
        history.views.push(View { reader: name.to_owned(), after: first.seq, messages });
    }
    eprintln!("{stored} messages over 5 kills of NATS");
    history.check();
    assert!(stored > 100, "there was hardly any load");
    assert!(cluster.all_run(), "a process ended");
}

/// A load balancer, which checks the readiness of each gateway repeatedly.
async fn balance(gateways: [Api; 2], ready: Arc<[AtomicBool; 2]>) {
    loop {
        for (gateway, ready) in gateways.iter().zip(ready.iter()) {
            let asked = gateway.try_get("/readyz").await;
            ready.store(asked.is_ok_and(|reply| reply.status == 200), Ordering::Relaxed);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Makes calls to a ready gateway. Each of them has to succeed.
async fn call(
    ways: [(Api, Api); 2],
    ready: Arc<[AtomicBool; 2]>,
    random: Random,
    over: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
) -> Vec<SentMessage> {
    let mut sent = Vec::new();
    for turn in 0_usize.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let [zero, one] = [0, 1].map(|n| ready[n].load(Ordering::Relaxed));
        let at = if zero && one { turn % 2 } else { usize::from(one) };
        let (own, agent) = &ways[at];
        let (id, text) = (random.uuid(), format!("call {turn}"));
        let stored =
            own.try_post(MESSAGES_PATH, &json!({"clientMessageId": id, "text": text})).await;
        let stored = stored.unwrap_or_else(|error| panic!("gateway {at}: {error:?}")).expect(201);
        let stored = StoredMessage::from_json(&stored);
        let acknowledged = Some((stored.id, stored.seq));
        let sender = "phone".to_owned();
        sent.push(SentMessage { sender, client_message_id: id, text, acknowledged });
        let listed = agent.try_get("/v1/conversations").await;
        listed.unwrap_or_else(|error| panic!("gateway {at}: {error:?}")).expect(200);
        calls.fetch_add(1, Ordering::Relaxed);
        sleep(SEND_INTERVAL).await;
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_call() {
    let nats = NatsServer::start();
    let mut cluster = Cluster::replicated(Some(nats.url()), false).await;
    let people = Participants::of(&cluster).await;
    let first = thread(&people.phone, MESSAGES_PATH, "phone").await.messages.remove(0);
    let gateways = [cluster.gateway(0), cluster.gateway(1)];
    let ready = Arc::new([AtomicBool::new(true), AtomicBool::new(true)]);
    let balancer = tokio::spawn(balance(gateways.clone(), ready.clone()));
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let own = people.phone.token().to_owned();
    let staff = people.near.token().to_owned();
    let ways = gateways.clone().map(|api| (api.with_token(&own), api.with_token(&staff)));
    let caller = call(ways, ready.clone(), cluster.random.clone(), over.clone(), calls.clone());
    let caller = tokio::spawn(caller);
    // A reader that reconnects to a ready gateway and resumes.
    let (reached, mut last) = watch::channel(None);
    let reading = {
        let (gateways, token, ready) = (gateways.clone(), own.clone(), ready.clone());
        tokio::spawn(async move {
            let mut seen: Vec<StoredMessage> = Vec::new();
            for turn in 0_usize.. {
                let after = seen.last().map_or(1, |message| message.seq).to_string();
                let at =
                    if ready[turn % 2].load(Ordering::Relaxed) { turn % 2 } else { 1 - turn % 2 };
                let api = gateways[at].with_token(&token);
                let open = api.request(Method::GET, "/widget/v1/events");
                let Ok(mut events) = Events::try_open(open.header("last-event-id", after)).await
                else {
                    sleep(SEND_INTERVAL).await;
                    continue;
                };
                loop {
                    let reached = seen.last().map_or(0, |message| message.seq);
                    if last.borrow_and_update().is_some_and(|last| reached >= last) {
                        return seen;
                    }
                    tokio::select! {
                        event = events.next() => match event {
                            Some(event) if event.name == "message" => {
                                seen.push(StoredMessage::from_json(&event.data));
                            }
                            Some(event) => assert_ne!(event.name, "session-ended"),
                            None => break,
                        },
                        changed = last.changed() => changed.unwrap(),
                    }
                }
            }
            seen
        })
    };
    for service in [Service::Gateway, Service::Conversation] {
        for replica in 0..2 {
            // Calls must reach each replica before the next one is restarted.
            let enough = calls.load(Ordering::Relaxed) + 10;
            let more = async || (calls.load(Ordering::Relaxed) >= enough).then_some(());
            onethread_tests::wait_until("the load", LONG_TIMEOUT, more).await;
            assert!(!caller.is_finished(), "a call failed");
            let status = cluster.terminate(service, replica, SHORT_TIMEOUT * 2).await;
            assert!(status.success(), "{service:?}: {status}");
            cluster.restart(service, replica).await;
            if service == Service::Gateway {
                let there = async || ready[replica].load(Ordering::Relaxed).then_some(());
                onethread_tests::wait_until("the gateway in the turn again", SHORT_TIMEOUT, there)
                    .await;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut history = History::default();
    history.sent.push(SentMessage {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text.clone(),
        acknowledged: Some((first.id.clone(), first.seq)),
    });
    history.sent.extend(finished("the caller", caller).await);
    history.views.push(thread(&gateways[0].with_token(&own), MESSAGES_PATH, "phone").await);
    let stored = history.views[0].messages.last().unwrap().seq;
    reached.send(Some(stored)).unwrap();
    let messages = finished("the reader", reading).await;
    history.views.push(View { reader: "stream".to_owned(), after: first.seq, messages });
    history.check();
    eprintln!("{} rounds of calls over four restarts", calls.load(Ordering::Relaxed));
    balancer.abort();
}
