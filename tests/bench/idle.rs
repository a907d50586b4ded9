//! Live streams on which nothing happens: the memory that each of them takes of the server, and
//! sends beside them. The clients are this process, the server is another one.

use std::time::Duration;

use futures::{StreamExt, stream};
use hyper::StatusCode;
use onethread_tests::{Stage, resident_mib};
use serde_json::{Value, json};

use crate::{
    http::{Events, Http},
    load::{Seen, crowd},
    report::{Goal, Row, Yardstick},
    server::{Kind, stage},
    widget::{Writer, known},
};

const STREAMS: usize = 10_000;
const WRITERS: usize = 16;
/// Opened at once.
const TOGETHER: usize = 16;
const AGAIN: Duration = Duration::from_millis(100);

/// On the all-in-one with SQLite: its memory is that of all services.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let stage = stage(Kind::Sqlite).await;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        writers.push(Writer::new(&stage, &known(&stage, number).await).await);
    }
    let numbers = stream::iter(0..STREAMS);
    let tokens: Vec<String> =
        numbers.map(|number| login(&stage, number)).buffer_unordered(TOGETHER).collect().await;
    crowd(&mut writers, Duration::from_secs(1), &mut Seen::default()).await;

    let (mut without, mut beside) = (Seen::default(), Seen::default());
    crowd(&mut writers, time / 2, &mut without).await;
    let before = resident_mib(stage.server.pid());
    let opened = stream::iter(&tokens).map(|token| open(&stage, token));
    let mut streams: Vec<Events> = opened.buffered(TOGETHER).collect().await;
    tokio::time::sleep(time / 3).await;
    let held = resident_mib(stage.server.pid());
    crowd(&mut writers, time, &mut beside).await;
    // They live: each hundredth hears what its own person writes.
    for (token, events) in tokens.iter().zip(&mut streams).step_by(100) {
        let id = stage.chance.uuid();
        let body = json!({"clientMessageId": id, "text": id}).to_string();
        let mut http = Http::connect(stage.server.address("http")).await.with_token(token);
        let (status, answer) = http.post("/widget/v1/messages", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:?}");
        events.until(&id.to_string()).await;
    }
    drop(streams);
    tokio::time::sleep(time / 3).await;
    crowd(&mut writers, time / 2, &mut without).await;
    vec![
        Row {
            what: format!("memory of an idle stream, {STREAMS} held"),
            ours: (held - before) * 1024.0 / STREAMS as f64,
            unit: "KiB",
            yardstick: None,
            goal: Goal::Below(24.0),
            notes: format!("{held:.0} MiB in all"),
        },
        Row {
            what: format!("a send beside {STREAMS} idle streams, {WRITERS} senders"),
            ours: beside.percentile(50),
            unit: "ms",
            yardstick: Some(Yardstick { name: "without them", value: without.percentile(50) }),
            goal: Goal::AtMost(1.2),
            notes: beside.words(),
        },
    ]
}

/// Somebody new with a session.
async fn login(stage: &Stage, number: usize) -> String {
    let body = stage.init_body(&json!({"user_id": format!("idle-{number}")})).to_string();
    let mut http = Http::connect(stage.server.address("http")).await;
    let answer = loop {
        let (status, answer) = http.post("/widget/v1/init", body.clone()).await;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(status, StatusCode::OK, "{answer:?}");
            break answer;
        }
        // They come faster than a slow disk takes them.
        tokio::time::sleep(AGAIN).await;
    };
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    answer["session"]["token"].as_str().expect("a session has a token").to_owned()
}

async fn open(stage: &Stage, token: &str) -> Events {
    let http = Http::connect(stage.server.address("http")).await.with_token(token);
    http.events("/widget/v1/events").await
}
