//! kill -9 and SIGTERM under load, held against the checker of histories.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use onethread_tests::{
    Api, Events, History, LONG, Options, PostgresDatabase, SHORT, Sent, Stage, Stored, View,
    Widget, until,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

const PAUSE: Duration = Duration::from_millis(10);
/// Before a call that failed is made again: while the server is away, hundreds do so.
const AGAIN: Duration = Duration::from_millis(250);
/// A kill comes after fewer than so many messages that were acknowledged since the last one.
const BETWEEN: u64 = 200;

/// Who writes into one thread at once, by whose device or in which place.
const CROWD: usize = 16;
/// Threads that somebody writes into at once.
const THREADS: usize = 500;
/// Of those each so manieth has a live reader.
const READ: usize = 25;
/// The longest that somebody in one of the many threads thinks before the next text.
const THINKING: u64 = 4000;

const OWN: &str = "/widget/v1/messages";

/// Sends one text after the other, each until it is acknowledged, however often the server dies.
async fn send(
    stage: Arc<Load>,
    api: Api,
    path: String,
    sender: String,
    thinking: u64,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !stage.over.load(Ordering::Relaxed) {
        let client_message_id = stage.chance.uuid();
        let text = format!("{sender} {}", sent.len());
        let body = json!({"clientMessageId": client_message_id, "text": text});
        let stored = acknowledged(&api, &path, &body).await;
        stage.sent.fetch_add(1, Ordering::Relaxed);
        let told = Stored::from_json(&stored);
        let acknowledged = Some((told.id, told.seq));
        sent.push(Sent { sender: sender.clone(), client_message_id, text, acknowledged });
        tokio::time::sleep(Duration::from_millis(stage.chance.below(thinking))).await;
    }
    sent
}

/// Repeats a call until it succeeds. An answer that blames the caller is no passing failure.
async fn acknowledged(api: &Api, path: &str, body: &Value) -> Value {
    loop {
        match api.try_post(path, body).await {
            Ok(reply) if reply.status < 300 => return reply.body,
            Ok(reply) => assert_eq!(reply.status, 503, "{path}: {}", reply.text),
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Follows the live stream from the start, resuming after each break, until `last` is reached.
async fn follow(widget: Widget, mut last: watch::Receiver<Option<i64>>) -> Vec<Stored> {
    let mut seen: Vec<Stored> = Vec::new();
    let done = |seen: &[Stored], last: Option<i64>| {
        last.is_some_and(|last| seen.last().map_or(0, |message| message.seq) >= last)
    };
    loop {
        let after = seen.last().map_or(0, |message| message.seq).to_string();
        let request = widget.api.request(Method::GET, "/widget/v1/events");
        let Ok(mut stream) = Events::try_open(request.header("last-event-id", after)).await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        loop {
            if done(&seen, *last.borrow_and_update()) {
                return seen;
            }
            tokio::select! {
                event = stream.next() => match event {
                    Some(event) if event.name == "message" => {
                        let message = Stored::from_json(&event.data);
                        assert_eq!(event.id, Some(message.seq.to_string()));
                        seen.push(message);
                    }
                    Some(event) => assert_ne!(event.name, "session-ended"),
                    None => break,
                },
                changed = last.changed() => changed.expect("the test goes on"),
            }
        }
    }
}

/// New visitors, one after the other, each with a form and a first message. Gives their ids.
async fn visit(load: Arc<Load>) -> Vec<String> {
    let mut ids = Vec::new();
    while !load.over.load(Ordering::Relaxed) {
        let start = acknowledged(&load.api, "/widget/v1/init", &load.bare_init).await;
        let token = start["session"]["token"].as_str().expect("a token");
        let api = load.api.with_token(token);
        let form = json!({"fields": {"name": "Visitor", "email": "visitor@example.com"}});
        let token = acknowledged(&api, "/widget/v1/pre-chat", &form).await;
        let api = load.api.with_token(token["session"]["token"].as_str().expect("a token"));
        let body = json!({"clientMessageId": load.chance.uuid(), "text": "hello"});
        acknowledged(&api, "/widget/v1/messages", &body).await;
        ids.push(start["contact"]["id"].as_str().expect("an id").to_owned());
        tokio::time::sleep(PAUSE).await;
    }
    ids
}

struct Load {
    api: Api,
    bare_init: Value,
    chance: onethread_tests::Chance,
    over: AtomicBool,
    /// Messages that were acknowledged.
    sent: AtomicU64,
}

fn kills() -> u64 {
    let said = std::env::var("ONETHREAD_KILLS").ok();
    said.map_or(20, |text| text.parse().expect("ONETHREAD_KILLS is a number"))
}

fn whole(reader: &str, messages: Vec<Value>) -> View {
    let messages = messages.iter().map(Stored::from_json).collect();
    View { reader: reader.to_owned(), after: 0, messages }
}

async fn finished<T>(what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(LONG, task).await.unwrap_or_else(|_| panic!("{what} did not end"));
    ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// One of the many threads: its person and what there is to know of it.
struct Thread {
    widget: Widget,
    sender: JoinHandle<Vec<Sent>>,
    reader: Option<Reader>,
}

/// Somebody who follows live, and how it is told where to end.
struct Reader {
    reached: watch::Sender<Option<i64>>,
    seen: JoinHandle<Vec<Stored>>,
}

impl Thread {
    fn begin(load: &Arc<Load>, widget: Widget, read: bool) -> Self {
        let (api, name) = (widget.api.clone(), "the person".to_owned());
        let sender = tokio::spawn(send(Arc::clone(load), api, OWN.to_owned(), name, THINKING));
        let reader = read.then(|| {
            let (reached, last) = watch::channel(None);
            Reader { reached, seen: tokio::spawn(follow(widget.clone(), last)) }
        });
        Self { widget, sender, reader }
    }

    /// Checks what came of it; gives how many messages it has.
    async fn end(self) -> usize {
        let sent = finished("a sender", self.sender).await;
        let mut history = History { sent, ..History::default() };
        history.views.push(whole("the thread", self.widget.thread().await));
        let stored = history.views[0].messages.len();
        if let Some(Reader { reached, seen }) = self.reader {
            reached.send(Some(i64::try_from(stored).unwrap())).unwrap();
            let messages = finished("a reader", seen).await;
            history.views.push(View { reader: "the stream".to_owned(), after: 0, messages });
        }
        history.check();
        stored
    }
}

async fn kills_at_any_moment(mut stage: Stage) {
    let user = crate::journey::customer();
    let (phone, laptop) = (stage.open(&user).await, stage.open(&user).await);
    let agent = stage.agent().await;
    phone.say("the first").await;
    let first = Stored::from_json(&phone.thread().await[0]);
    let load = Arc::new(Load {
        api: stage.api.clone(),
        bare_init: stage.init_body(&json!({})),
        chance: stage.chance.clone(),
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
    });

    let people = (0..THREADS).map(|n| {
        let init = stage.init_body(&json!({"user_id": format!("one of many, {n}")}));
        let stage = &stage;
        async move { Widget::new(stage, acknowledged(&stage.api, "/widget/v1/init", &init).await) }
    });
    let many: Vec<_> = stream::iter(people).buffer_unordered(8).collect().await;
    let agents = format!("/v1/conversations/{}/messages", phone.contact_id());
    let places =
        [("phone", &phone.api, OWN), ("laptop", &laptop.api, OWN), ("agent", &agent.api, &agents)];
    let crowd: Vec<_> = (0..CROWD)
        .map(|n| {
            let (place, api, path) = places[n % places.len()];
            let sender = format!("{place} {n}");
            tokio::spawn(send(Arc::clone(&load), api.clone(), path.to_owned(), sender, 1))
        })
        .collect();
    let (reached, last) = watch::channel(None);
    let readers = [&phone, &laptop].map(|w| tokio::spawn(follow(w.clone(), last.clone())));
    let many = many.into_iter().enumerate();
    let many: Vec<_> =
        many.map(|(n, widget)| Thread::begin(&load, widget, n % READ == 0)).collect();
    let visitors = tokio::spawn(visit(Arc::clone(&load)));

    for _ in 0..kills() {
        let enough = load.sent.load(Ordering::Relaxed) + stage.chance.below(BETWEEN);
        let more = async || (load.sent.load(Ordering::Relaxed) >= enough).then_some(());
        until("messages that are acknowledged", LONG, more).await;
        tokio::time::sleep(Duration::from_millis(stage.chance.below(20))).await;
        stage.server.kill().await;
        stage.server.restart().await;
    }

    load.over.store(true, Ordering::Relaxed);
    let mut history = History::default();
    history.sent.push(Sent {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text,
        acknowledged: Some((first.id, first.seq)),
    });
    for sender in crowd {
        history.sent.extend(finished("a sender", sender).await);
    }
    history.views.push(whole("phone", phone.thread().await));
    history.views.push(whole("laptop", laptop.thread().await));
    history.views.push(whole("agent", agent.thread(phone.contact_id()).await));
    let fresh = stage.open(&user).await;
    history.views.push(whole("a new device", fresh.thread().await));
    let stored = history.views[0].messages.len();
    reached.send(Some(i64::try_from(stored).unwrap())).unwrap();
    for (name, reader) in ["the phone's stream", "the laptop's stream"].iter().zip(readers) {
        let messages = finished("a reader", reader).await;
        history.views.push(View { reader: (*name).to_owned(), after: 0, messages });
    }
    history.check();
    assert!(history.sent.len() > 100, "there was hardly any load: {}", history.sent.len());
    let ends: Vec<_> =
        stream::iter(many).map(Thread::end).buffer_unordered(8).collect::<Vec<_>>().await;
    let others: usize = ends.iter().sum();
    eprintln!("{stored} messages in one thread, {others} in {THREADS}, {} kills", kills());
    assert!(others > THREADS, "there was hardly any load: {others}");

    // Nobody was lost between a first message and the contact it makes.
    let visitors = finished("the visitors", visitors).await;
    assert!(!visitors.is_empty());
    until("every visitor who wrote in Contacts", SHORT * 3, async || {
        let contacts = agent.contacts().await;
        let there: std::collections::HashSet<_> =
            contacts.iter().filter_map(|contact| contact["id"].as_str()).collect();
        visitors.iter().all(|id| there.contains(id.as_str())).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_at_any_moment_on_sqlite() {
    kills_at_any_moment(Stage::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_at_any_moment_on_postgres() {
    let database = PostgresDatabase::new().await;
    let options = Options::default().env("ONETHREAD_DATABASE_URL", database.url());
    kills_at_any_moment(Stage::with(options).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_and_loses_nothing() {
    let mut stage = Stage::new().await;
    let user = crate::journey::customer();
    let (phone, laptop) = (stage.open(&user).await, stage.open(&user).await);
    phone.say("the first").await;
    let mut stream = phone.events_after(0).await;
    let first = Stored::from_json(&stream.expect("message").await);
    let idle = stage.open(&json!({})).await;
    let mut idle = idle.events().await;
    let load = Arc::new(Load {
        api: stage.api.clone(),
        bare_init: stage.init_body(&json!({})),
        chance: stage.chance.clone(),
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
    });
    let senders =
        [("phone", phone.api.clone()), ("laptop", laptop.api.clone())].map(|(name, api)| {
            tokio::spawn(send(Arc::clone(&load), api, OWN.to_owned(), name.to_owned(), 1))
        });
    // Under load: some messages have come through.
    stream.expect_where("message", |message| message["seq"].as_i64() >= Some(20)).await;

    stage.server.ask_to_end();
    stream.until_end(SHORT).await;
    idle.until_end(SHORT).await;
    let status = stage.server.ended(SHORT * 2).await;
    assert!(status.success(), "{status}");
    assert!(!stage.server.data_dir().join("run.json").exists(), "run.json goes at a clean end");
    stage.server.restart().await;
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
    history.views.push(whole("phone", phone.thread().await));
    history.views.push(whole("laptop", laptop.thread().await));
    history.check();
}
