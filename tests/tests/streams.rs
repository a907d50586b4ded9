//! Live streams as browsers use them: they can be resumed, report changes of the contact, and slow
//! readers don't affect others. Each test runs on both databases.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, time::Duration};

use futures::{StreamExt, stream};
use onethread_tests::{
    Agent, Events, LONG_TIMEOUT, Onethread, Options, PostgresDatabase, SHORT_TIMEOUT,
    StoredMessage, TestServer, Widget,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Creates two tests of each function.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::TestServer::new().await).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let database = super::PostgresDatabase::new().await;
                let options = super::Options::default();
                let options = options.env("ONETHREAD_DATABASE_URL", database.url());
                super::$test(super::TestServer::with(options).await).await;
            })+
        }
    };
}

on_both! {
    a_dropped_stream_can_be_resumed,
    a_client_that_never_reads_is_disconnected_and_can_resume,
    both_sides_receive_read_marks_and_counts,
    only_other_devices_of_the_contact_receive_profile_changes,
    a_stream_ends_with_its_session_and_reloads_if_it_cannot_resume,
}

/// Sends messages concurrently: most by the contact, some by the agent, and every fifth is a note,
/// which the contact doesn't see. Returns the messages that the contact sees, in order.
async fn send_many(phone: &Widget, agent: &Agent, count: u128) -> Vec<StoredMessage> {
    let path = format!("/v1/conversations/{}/messages", phone.contact_id());
    let sends = (0..count).map(|n| {
        let (path, text) = (&path, format!("text {n}"));
        async move {
            match n % 5 {
                3 => (agent.reply(phone.contact_id(), &text).await, true),
                4 => {
                    let note = json!({"clientMessageId": uuid::Uuid::from_u128(n), "text": text,
                        "kind": "note"});
                    (agent.api.post(path, &note).await.expect(201), false)
                }
                _ => (phone.send(&text).await, true),
            }
        }
    });
    let stored = stream::iter(sends).buffer_unordered(16);
    let stored = stored.filter_map(async |(message, public)| public.then_some(message));
    let mut stored: Vec<_> =
        stored.map(|message| StoredMessage::from_json(&message)).collect().await;
    stored.sort_by_key(|message| message.seq);
    stored
}

/// Returns the next messages of a stream, and checks that none is missing.
async fn messages(events: &mut Events, count: usize, mut after: i64) -> Vec<StoredMessage> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let event = events.expect_next().await;
        assert_eq!(event.name, "message", "{event:?}");
        assert_eq!(event.id, Some(event.data["seq"].to_string()));
        assert_eq!(event.data["prevSeq"], after, "nothing is left out");
        after = event.data["seq"].as_i64().unwrap();
        seen.push(StoredMessage::from_json(&event.data));
    }
    seen
}

async fn a_dropped_stream_can_be_resumed(server: TestServer) {
    let user = json!({"user_id": "u"});
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    let agent = server.log_in_owner().await;
    let mut stream = laptop.events().await;
    phone.send("the first").await;
    assert_eq!(stream.expect("message").await["seq"], 1);
    drop(stream);
    let missed = send_many(&phone, &agent, 625).await;
    assert_eq!(missed.len(), 500);
    let path = "/widget/v1/events?afterSeq=1";
    let by_query = Events::open(laptop.api.request(Method::GET, path)).await;
    let by_header = laptop.events_after(1).await;
    let next = phone.send("live").await;
    for mut stream in [by_query, by_header] {
        assert_eq!(messages(&mut stream, missed.len(), 1).await, missed);
        // Then live messages follow, and none is repeated.
        let event = stream.expect_next().await;
        assert_eq!((event.name.as_str(), &event.data["id"]), ("message", &next["id"]));
    }
}

/// Returns the memory of the server in KiB.
fn resident(server: &Onethread) -> u64 {
    let run: Value =
        serde_json::from_slice(&fs::read(server.data_dir().join("run.json")).unwrap()).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", run["pid"])).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

async fn a_client_that_never_reads_is_disconnected_and_can_resume(server: TestServer) {
    const MESSAGES: i64 = 800;
    let user = json!({"user_id": "u"});
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    let mut idle = laptop.events().await;
    let mut reader = phone.events().await;
    // The longest messages: 80 kB each.
    let text = "\u{1f5e8}".repeat(20_000);
    phone.send(&text).await;
    reader.expect("message").await;
    let before = resident(&server.process);
    // The active reader must not fall behind, even on a slow machine.
    let work = async {
        for first in (2..=MESSAGES).step_by(8) {
            let some = first..=MESSAGES.min(first + 7);
            let sends = stream::iter(some.clone()).for_each_concurrent(8, |_| async {
                phone.send(&text).await;
            });
            let read = async {
                for seq in some {
                    assert_eq!(reader.expect("message").await["seq"], seq);
                }
            };
            tokio::join!(sends, read);
        }
    };
    timeout(LONG_TIMEOUT, work).await.expect("others are not held up");
    let grown = resident(&server.process).saturating_sub(before);
    // Of the 64 MB for the idle client, 4 MiB are queued, and some more is in socket buffers.
    assert!(grown < 40 * 1024, "{grown} KiB more");
    let begun: Vec<_> =
        idle.until_end(LONG_TIMEOUT).await.into_iter().map(|event| event.data).collect();
    let seen = i64::try_from(begun.len()).unwrap();
    assert!(seen < MESSAGES, "it was not cut off");
    assert!((1..).zip(&begun).all(|(seq, message)| message["seq"] == seq), "a hole");
    let mut resumed = laptop.events_after(seen).await;
    for seq in seen + 1..=MESSAGES {
        assert_eq!(resumed.expect_next().await.data["seq"], seq);
    }
}

async fn both_sides_receive_read_marks_and_counts(server: TestServer) {
    let user = json!({"user_id": "u"});
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    let agent = server.log_in_owner().await;
    let id = phone.contact_id().to_owned();
    let item = async || agent.api.get(&format!("/v1/conversations/{id}")).await.expect(200);
    let own = async || server.start_session(&user).await.start["conversation"].clone();
    phone.send("one").await;
    phone.send("two").await;
    agent.reply(&id, "three").await;
    assert_eq!(item().await["unread"], 2);
    assert_eq!(own().await["unread"], 1);

    let mut on_laptop = laptop.events().await;
    let mut at_desk = agent.events().await;
    at_desk.expect("reload").await;
    let mark = |seq: i64| json!({"seq": seq});
    let path = format!("/v1/conversations/{id}/read");
    agent.api.post(&path, &mark(1)).await.expect(204);
    assert_eq!(on_laptop.expect("read").await, json!({"side": "agent", "seq": 1}));
    assert_eq!(at_desk.expect("read").await["seq"], 1);
    assert_eq!(at_desk.expect("conversation").await["unread"], 1);
    phone.api.post("/widget/v1/read", &mark(3)).await.expect(204);
    assert_eq!(on_laptop.expect("read").await, json!({"side": "contact", "seq": 3}));
    let read = at_desk.expect("read").await;
    assert_eq!((&read["side"], &read["seq"]), (&json!("contact"), &json!(3)));
    assert_eq!((&own().await["unread"], &item().await["unread"]), (&json!(0), &json!(1)));
    // A mark never moves back, and no event is sent for such a call.
    phone.api.post("/widget/v1/read", &mark(2)).await.expect(204);
    agent.api.post(&path, &mark(3)).await.expect(204);
    assert_eq!(on_laptop.expect("read").await, json!({"side": "agent", "seq": 3}));
    assert_eq!(item().await["unread"], 0);
}

async fn only_other_devices_of_the_contact_receive_profile_changes(server: TestServer) {
    let user = json!({"user_id": "u", "email": "uma@example.com"});
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    let other = server.start_session(&json!({"user_id": "v"})).await;
    let agent = server.log_in_owner().await;
    let id = phone.contact_id().to_owned();
    let mut on_laptop = laptop.events().await;
    let mut elsewhere = other.events().await;

    phone.api.patch("/widget/v1/contact", &json!({"name": "Uma"})).await.expect(200);
    let heard = on_laptop.expect("contact").await;
    let expected = json!({"id": id, "userId": "u", "name": "Uma", "nameGenerated": false,
        "email": "uma@example.com", "phone": null, "company": null, "customData": {}});
    assert_eq!(heard, expected);

    let path = format!("/v1/contacts/{id}");
    agent.api.patch(&path, &json!({"customData": {"plan": "gold"}})).await.expect(200);
    assert_eq!(on_laptop.expect("contact").await["customData"], json!({"plan": "gold"}));
    // No event is sent for fields that contacts don't see: the next event is the login's.
    agent.api.patch(&path, &json!({"tags": ["vip"]})).await.expect(200);
    let login = server.start_session(&json!({"user_id": "u", "company": "Acme"})).await;
    assert_eq!(login.contact_id(), id);
    let heard = on_laptop.expect("contact").await;
    assert_eq!((&heard["company"], &heard["customData"]["plan"]), (&json!("Acme"), &json!("gold")));
    // A repeated login changes only the time of the last visit.
    server.start_session(&json!({"user_id": "u", "company": "Acme"})).await;
    phone.api.patch("/widget/v1/contact", &json!({"phone": "+49 30 1"})).await.expect(200);
    assert_eq!(on_laptop.expect("contact").await["phone"], "+49 30 1");

    // The stream continues with the new name, and no one else received an event.
    phone.send("hello").await;
    assert_eq!(on_laptop.expect_without("message", "contact").await["author"]["name"], "Uma");
    other.send("nothing happened").await;
    assert_eq!(elsewhere.expect_without("message", "contact").await["seq"], 1);
}

async fn a_stream_ends_with_its_session_and_reloads_if_it_cannot_resume(server: TestServer) {
    let user = json!({"user_id": "u"});
    let (phone, laptop) = (server.start_session(&user).await, server.start_session(&user).await);
    phone.send("one").await;
    // A number that this thread doesn't have.
    let events = laptop.events_after(7).await.until_end(SHORT_TIMEOUT).await;
    assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["reload"]);

    let mut ends = laptop.events().await;
    let mut stays = phone.events().await;
    laptop.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    let events = ends.until_end(Duration::from_secs(2)).await;
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.name.as_str(), &event.data), ("session-ended", &json!({})));
    phone.send("two").await;
    assert_eq!(stays.expect_without("message", "session-ended").await["text"], "two");
}
