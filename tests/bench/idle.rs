//! Idle live streams: the memory that the server needs for each, and messages meanwhile. All clients
//! are in this process, and the server is another one.

use std::{net::Ipv4Addr, time::Duration};

use futures::{StreamExt, stream};
use hyper::StatusCode;
use onethread_tests::{TestServer, resident_mib};
use serde_json::{Value, json};

use crate::{
    http::{Events, Http},
    load::{Measurements, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::{Kind, start_server},
    widget::{Writer, log_in},
};

const STREAMS: usize = 10_000;
/// Addresses that the streams come from.
const ADDRESSES: usize = 100;
const WRITERS: usize = 16;
/// Number of streams that are opened concurrently.
const CONCURRENT_OPENS: usize = 16;
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Measures the all-in-one with SQLite, whose memory is that of all services.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let server = start_server(Kind::Sqlite).await;
    let numbers = stream::iter(0..STREAMS);
    let tokens: Vec<String> = numbers
        .map(|number| login(&server, number))
        .buffer_unordered(CONCURRENT_OPENS)
        .collect()
        .await;
    let second = Duration::from_secs(1);
    run_closed_loop(&mut writers(&server).await, second, &mut Measurements::default()).await;

    let (mut alone, mut during) = (Measurements::default(), Measurements::default());
    run_closed_loop(&mut writers(&server).await, time / 2, &mut alone).await;
    let before = resident_mib(server.process.pid());
    let opened = stream::iter(tokens.iter().enumerate());
    let opened = opened.map(|(number, token)| open(&server, number, token));
    let mut streams: Vec<Events> = opened.buffered(CONCURRENT_OPENS).collect().await;
    tokio::time::sleep(time / 3).await;
    let held = resident_mib(server.process.pid());
    run_closed_loop(&mut writers(&server).await, time, &mut during).await;
    // The streams work: every hundredth receives a message of its contact.
    for (token, events) in tokens.iter().zip(&mut streams).step_by(100) {
        let id = server.random.uuid();
        let body = json!({"clientMessageId": id, "text": id}).to_string();
        let mut http = Http::connect(server.process.address("http")).await.with_token(token);
        let (status, answer) = http.post("/widget/v1/messages", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:?}");
        events.wait_for(&id.to_string()).await;
    }
    drop(streams);
    tokio::time::sleep(time / 3).await;
    run_closed_loop(&mut writers(&server).await, time / 2, &mut alone).await;
    vec![
        Row {
            what: format!("memory of an idle stream, {STREAMS} held"),
            ours: (held - before) * 1024.0 / STREAMS as f64,
            unit: "KiB",
            baseline: None,
            goal: Goal::Below(24.0),
            notes: format!("{held:.0} MiB in all"),
        },
        Row {
            what: format!("a message with {STREAMS} idle streams, {WRITERS} senders"),
            ours: during.percentile(50),
            unit: "ms",
            baseline: Some(Baseline { name: "without them", value: alone.percentile(50) }),
            goal: Goal::AtMost(1.2),
            notes: during.summary(),
        },
    ]
}

/// Writers with connections of their own. The server closes those that were silent for too long.
async fn writers(server: &TestServer) -> Vec<Writer> {
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        writers.push(Writer::new(server, &log_in(server, number).await).await);
    }
    writers
}

/// Logs in a new contact, and returns the session token.
async fn login(server: &TestServer, number: usize) -> String {
    let body = server.init_body(&json!({"user_id": format!("idle-{number}")})).to_string();
    let mut http = Http::connect(server.process.address("http")).await;
    let answer = loop {
        let (status, answer) = http.post("/widget/v1/init", body.clone()).await;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(status, StatusCode::OK, "{answer:?}");
            break answer;
        }
        // A slow disk may not be able to store them this fast.
        tokio::time::sleep(RETRY_INTERVAL).await;
    };
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    answer["session"]["token"].as_str().expect("a session has a token").to_owned()
}

/// Opens the stream from one of several addresses: one alone may not have so many connections.
async fn open(server: &TestServer, number: usize, token: &str) -> Events {
    let local = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + number % ADDRESSES).expect("a byte"));
    let http = Http::connect_from(local, server.process.address("http")).await;
    let http = http.with_token(token);
    http.events("/widget/v1/events").await
}
