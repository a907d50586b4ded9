//! SIGKILL and SIGTERM under load. The histories of all conversations are checked afterwards.

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
    Api, Events, History, LONG_TIMEOUT, Options, PostgresDatabase, SHORT_TIMEOUT, SentMessage,
    StoredMessage, TestServer, View, Widget, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

const SEND_INTERVAL: Duration = Duration::from_millis(10);
/// Delay before a failed call is repeated. While the server is down, hundreds of callers do so.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Upper bound of the random number of acknowledged messages between two kills.
const MAX_MESSAGES_BETWEEN_KILLS: u64 = 200;

/// Number of concurrent senders in the busy conversation.
const BUSY_SENDERS: usize = 16;
/// Number of quiet conversations with one sender each.
const QUIET_CONVERSATIONS: usize = 500;
/// One in this many quiet conversations has a live reader.
const READER_RATIO: usize = 25;
/// Upper bound of the random delay between two messages in a quiet conversation.
const MAX_SEND_INTERVAL_MS: u64 = 4000;

const MESSAGES_PATH: &str = "/widget/v1/messages";

/// Sends messages one after another, and repeats each until it is acknowledged.
async fn send(
    server: Arc<Load>,
    api: Api,
    path: String,
    sender: String,
    thinking: u64,
) -> Vec<SentMessage> {
    let mut sent = Vec::new();
    while !server.over.load(Ordering::Relaxed) {
        let client_message_id = server.random.uuid();
        let text = format!("{sender} {}", sent.len());
        let body = json!({"clientMessageId": client_message_id, "text": text});
        let stored = acknowledged(&api, &path, &body).await;
        server.sent.fetch_add(1, Ordering::Relaxed);
        let stored = StoredMessage::from_json(&stored);
        let acknowledged = Some((stored.id, stored.seq));
        sent.push(SentMessage { sender: sender.clone(), client_message_id, text, acknowledged });
        tokio::time::sleep(Duration::from_millis(server.random.below(thinking))).await;
    }
    sent
}

/// Repeats a call until it succeeds. Panics on a 4xx status.
async fn acknowledged(api: &Api, path: &str, body: &Value) -> Value {
    loop {
        match api.try_post(path, body).await {
            Ok(reply) if reply.status < 300 => return reply.body,
            Ok(reply) => assert_eq!(reply.status, 503, "{path}: {}", reply.text),
            Err(_) => {}
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Reads the live stream from its start until `last`, and resumes it after each break.
async fn follow(widget: Widget, mut last: watch::Receiver<Option<i64>>) -> Vec<StoredMessage> {
    let mut seen: Vec<StoredMessage> = Vec::new();
    let done = |seen: &[StoredMessage], last: Option<i64>| {
        last.is_some_and(|last| seen.last().map_or(0, |message| message.seq) >= last)
    };
    loop {
        let after = seen.last().map_or(0, |message| message.seq).to_string();
        let request = widget.api.request(Method::GET, "/widget/v1/events");
        let Ok(mut stream) = Events::try_open(request.header("last-event-id", after)).await else {
            tokio::time::sleep(RETRY_INTERVAL).await;
            continue;
        };
        loop {
            if done(&seen, *last.borrow_and_update()) {
                return seen;
            }
            tokio::select! {
                event = stream.next() => match event {
                    Some(event) if event.name == "message" => {
                        let message = StoredMessage::from_json(&event.data);
                        assert_eq!(event.id, Some(message.seq.to_string()));
                        seen.push(message);
                    }
                    Some(event) => assert_ne!(event.name, "session-ended"),
                    None => break,
                },
                changed = last.changed() => changed.expect("the test is running"),
            }
        }
    }
}

/// Creates visitors one after another, each with a form and a first message. Returns their ids.
async fn visit(load: Arc<Load>) -> Vec<String> {
    let mut ids = Vec::new();
    while !load.over.load(Ordering::Relaxed) {
        let start = acknowledged(&load.api, "/widget/v1/init", &load.bare_init).await;
        let token = start["session"]["token"].as_str().expect("a token");
        let api = load.api.with_token(token);
        let form = json!({"fields": {"name": "Visitor", "email": "visitor@example.com"}});
        let token = acknowledged(&api, "/widget/v1/pre-chat", &form).await;
        let api = load.api.with_token(token["session"]["token"].as_str().expect("a token"));
        let body = json!({"clientMessageId": load.random.uuid(), "text": "hello"});
        acknowledged(&api, "/widget/v1/messages", &body).await;
        ids.push(start["contact"]["id"].as_str().expect("an id").to_owned());
        tokio::time::sleep(SEND_INTERVAL).await;
    }
    ids
}

struct Load {
    api: Api,
    bare_init: Value,
    random: onethread_tests::Random,
    over: AtomicBool,
    /// Number of acknowledged messages.
    sent: AtomicU64,
}

fn kills() -> u64 {
    let kills = std::env::var("ONETHREAD_KILLS").ok();
    kills.map_or(20, |text| text.parse().expect("ONETHREAD_KILLS is a number"))
}

fn whole(reader: &str, messages: Vec<Value>) -> View {
    let messages = messages.iter().map(StoredMessage::from_json).collect();
    View { reader: reader.to_owned(), after: 0, messages }
}

async fn finished<T>(what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(LONG_TIMEOUT, task).await.unwrap_or_else(|_| panic!("{what} did not end"));
    ended.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// A quiet conversation with its sender and reader.
struct QuietConversation {
    widget: Widget,
    sender: JoinHandle<Vec<SentMessage>>,
    reader: Option<Reader>,
}

/// A live reader, and the channel for the number at which it ends.
struct Reader {
    reached: watch::Sender<Option<i64>>,
    seen: JoinHandle<Vec<StoredMessage>>,
}

impl QuietConversation {
    fn begin(load: &Arc<Load>, widget: Widget, read: bool) -> Self {
        let (api, name) = (widget.api.clone(), "the person".to_owned());
        let sender = tokio::spawn(send(
            Arc::clone(load),
            api,
            MESSAGES_PATH.to_owned(),
            name,
            MAX_SEND_INTERVAL_MS,
        ));
        let reader = read.then(|| {
            let (reached, last) = watch::channel(None);
            Reader { reached, seen: tokio::spawn(follow(widget.clone(), last)) }
        });
        Self { widget, sender, reader }
    }

    /// Checks the history, and returns the number of messages.
    async fn end(self) -> usize {
        let sent = finished("a sender", self.sender).await;
        let mut history = History { sent, ..History::default() };
        history.views.push(whole("the thread", self.widget.messages().await));
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

async fn kills_at_any_moment(mut server: TestServer) {
    let user = crate::journey::customer();
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    let agent = server.log_in_owner().await;
    phone.send("the first").await;
    let first = StoredMessage::from_json(&phone.messages().await[0]);
    let load = Arc::new(Load {
        api: server.api.clone(),
        bare_init: server.init_body(&json!({})),
        random: server.random.clone(),
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
    });

    let people = (0..QUIET_CONVERSATIONS).map(|n| {
        let init = server.init_body(&json!({"user_id": format!("one of many, {n}")}));
        let server = &server;
        async move { Widget::new(server, acknowledged(&server.api, "/widget/v1/init", &init).await) }
    });
    let many: Vec<_> = stream::iter(people).buffer_unordered(8).collect().await;
    let agents = format!("/v1/conversations/{}/messages", phone.contact_id());
    let places = [
        ("phone", &phone.api, MESSAGES_PATH),
        ("laptop", &laptop.api, MESSAGES_PATH),
        ("agent", &agent.api, &agents),
    ];
    let busy_senders: Vec<_> = (0..BUSY_SENDERS)
        .map(|n| {
            let (place, api, path) = places[n % places.len()];
            let sender = format!("{place} {n}");
            tokio::spawn(send(Arc::clone(&load), api.clone(), path.to_owned(), sender, 1))
        })
        .collect();
    let (reached, last) = watch::channel(None);
    let readers = [&phone, &laptop].map(|w| tokio::spawn(follow(w.clone(), last.clone())));
    let many = many.into_iter().enumerate();
    let many: Vec<_> = many
        .map(|(n, widget)| QuietConversation::begin(&load, widget, n % READER_RATIO == 0))
        .collect();
    let visitors = tokio::spawn(visit(Arc::clone(&load)));

    for _ in 0..kills() {
        let enough =
            load.sent.load(Ordering::Relaxed) + server.random.below(MAX_MESSAGES_BETWEEN_KILLS);
        let more = async || (load.sent.load(Ordering::Relaxed) >= enough).then_some(());
        wait_until("messages that are acknowledged", LONG_TIMEOUT, more).await;
        tokio::time::sleep(Duration::from_millis(server.random.below(20))).await;
        server.process.kill().await;
        server.process.restart().await;
    }

    load.over.store(true, Ordering::Relaxed);
    let mut history = History::default();
    history.sent.push(SentMessage {
        sender: "phone".to_owned(),
        client_message_id: first.client_message_id,
        text: first.text,
        acknowledged: Some((first.id, first.seq)),
    });
    for sender in busy_senders {
        history.sent.extend(finished("a sender", sender).await);
    }
    history.views.push(whole("phone", phone.messages().await));
    history.views.push(whole("laptop", laptop.messages().await));
    history.views.push(whole("agent", agent.messages(phone.contact_id()).await));
    let fresh = server.start_session(&user).await;
    history.views.push(whole("a new device", fresh.messages().await));
    let stored = history.views[0].messages.len();
    reached.send(Some(i64::try_from(stored).unwrap())).unwrap();
    for (name, reader) in ["the phone's stream", "the laptop's stream"].iter().zip(readers) {
        let messages = finished("a reader", reader).await;
        history.views.push(View { reader: (*name).to_owned(), after: 0, messages });
    }
    history.check();
    assert!(history.sent.len() > 100, "there was hardly any load: {}", history.sent.len());
    let ends: Vec<_> = stream::iter(many)
        .map(QuietConversation::end)
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await;
    let others: usize = ends.iter().sum();
    eprintln!(
        "{stored} messages in one thread, {others} in {QUIET_CONVERSATIONS}, {} kills",
        kills()
    );
    assert!(others > QUIET_CONVERSATIONS, "there was hardly any load: {others}");

    // Every visitor with an acknowledged first message has become a contact.
    let visitors = finished("the visitors", visitors).await;
    assert!(!visitors.is_empty());
    wait_until("every visitor who wrote in Contacts", SHORT_TIMEOUT * 3, async || {
        let contacts = agent.contacts().await;
        let there: std::collections::HashSet<_> =
            contacts.iter().filter_map(|contact| contact["id"].as_str()).collect();
        visitors.iter().all(|id| there.contains(id.as_str())).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_kills_at_any_moment_on_sqlite() {
    kills_at_any_moment(TestServer::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_kills_at_any_moment_on_postgres() {
    let database = PostgresDatabase::new().await;
    let options = Options::default().env("ONETHREAD_DATABASE_URL", database.url());
    kills_at_any_moment(TestServer::with(options).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_loses_no_message() {
    let mut server = TestServer::new().await;
    let user = crate::journey::customer();
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    phone.send("the first").await;
    let mut stream = phone.events_after(0).await;
    let first = StoredMessage::from_json(&stream.expect("message").await);
    let idle = server.start_session(&json!({})).await;
    let mut idle = idle.events().await;
    let load = Arc::new(Load {
        api: server.api.clone(),
        bare_init: server.init_body(&json!({})),
        random: server.random.clone(),
        over: AtomicBool::new(false),
        sent: AtomicU64::new(0),
    });
    let senders =
        [("phone", phone.api.clone()), ("laptop", laptop.api.clone())].map(|(name, api)| {
            tokio::spawn(send(Arc::clone(&load), api, MESSAGES_PATH.to_owned(), name.to_owned(), 1))
        });
    // The load has started: some messages have been acknowledged.
    stream.expect_where("message", |message| message["seq"].as_i64() >= Some(20)).await;

    server.process.send_sigterm();
    stream.until_end(SHORT_TIMEOUT).await;
    idle.until_end(SHORT_TIMEOUT).await;
    let status = server.process.wait_for_exit(SHORT_TIMEOUT * 2).await;
    assert!(status.success(), "{status}");
    assert!(!server.process.data_dir().join("run.json").exists(), "run.json goes at a clean end");
    server.process.restart().await;
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
    history.views.push(whole("phone", phone.messages().await));
    history.views.push(whole("laptop", laptop.messages().await));
    history.check();
}
