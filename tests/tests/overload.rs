//! Callers who take connections and memory and give nothing in return: silent ones, and ones who
//! send slowly.

use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use onethread_tests::{
    LONG_TIMEOUT, Options, RawConnection, SHORT_TIMEOUT, TestServer, raise_open_files,
    resident_mib, wait_until,
};
use serde_json::json;

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Another client than the one of the tests, which is on 127.0.0.1.
const fn other_client(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 2 + n)
}

fn options() -> Options {
    Options::default().env("ONETHREAD_RATE_LIMITS", "default")
}

async fn connections(server: &TestServer, from: Ipv4Addr, count: usize) -> Vec<RawConnection> {
    let mut open = Vec::new();
    for _ in 0..count {
        open.push(RawConnection::open(from, server.process.address("http")).await);
    }
    open
}

/// The head of a call whose body has this length, of which nothing is sent.
fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Uses every part of the server: databases, a message, a stream.
async fn use_server(server: &TestServer) {
    let visitor = server.start_session(&json!({"user_id": "u"})).await;
    let mut stream = visitor.events().await;
    visitor.send("Is anyone there?").await;
    assert_eq!(stream.expect("message").await["text"], "Is anyone there?");
    let contacts = server.log_in_owner().await.contacts().await;
    assert!(contacts.iter().any(|contact| contact["userId"] == "u"));
}

#[tokio::test]
async fn no_body_is_read_before_its_caller_is_counted() {
    for (path, calls) in [("/v1/login", 30), ("/v1/agents/accept", 30), ("/widget/v1/init", 300)] {
        let server = TestServer::with(options()).await;
        let mut limited = None;
        for _ in 0..calls {
            let mut call = RawConnection::open(LOCAL, server.process.address("http")).await;
            // The body is malformed as soon as it has one byte.
            call.send(head(path, 1)).await;
            call.send("}").await;
            let answer = call.answer().await;
            if answer.starts_with("HTTP/1.1 429 ") {
                limited = Some(answer);
                break;
            }
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        let answer = limited.unwrap_or_else(|| panic!("nothing limits {path}")).to_lowercase();
        assert!(answer.contains("\r\nretry-after: "), "{answer}");
        let mut silent = RawConnection::open(LOCAL, server.process.address("http")).await;
        silent.send(head(path, 100)).await;
        let answer = silent.answer().await;
        assert!(answer.starts_with("HTTP/1.1 429 "), "{path} waits for its body: {answer}");
    }
}

#[tokio::test]
async fn a_call_without_credentials_is_answered_before_its_body() {
    let server = TestServer::new().await;
    for (path, status) in [
        ("/widget/v1/messages", 401),
        ("/widget/v1/contact", 405),
        ("/v1/contacts", 401),
        ("/v1/contacts/search", 401),
        ("/v1/webhooks", 401),
        ("/v1/organizations", 404),
        ("/nowhere", 404),
    ] {
        let mut call = RawConnection::open(LOCAL, server.process.address("http")).await;
        call.send(head(path, 100)).await;
        let answer = call.answer().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

#[tokio::test]
async fn small_calls_have_small_bodies() {
    let server = TestServer::new().await;
    let session = server.start_session(&json!({"user_id": "u"})).await;
    let refused = async |path: &str, length: usize, token: &str| {
        let mut call = RawConnection::open(LOCAL, server.process.address("http")).await;
        let authorization = format!("\r\nauthorization: Bearer {token}\r\n\r\n");
        call.send(head(path, length).replace("\r\n\r\n", &authorization)).await;
        let answer = call.answer().await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
    };
    let widget = session.api.token();
    refused("/widget/v1/typing", 20_000, widget).await;
    refused("/widget/v1/read", 20_000, widget).await;
    refused("/widget/v1/init", 300_000, "").await;
    refused("/widget/v1/messages", 300_000, widget).await;
    refused("/v1/login", 20_000, "").await;
    refused("/v1/agents/accept", 20_000, "").await;
    // The longest message, written with as many bytes as JSON can take for it.
    let text = "\\ud83d\\ude00".repeat(20_000);
    let body = format!(r#"{{"clientMessageId":"{}","text":"{text}"}}"#, server.random.uuid());
    let request = session.api.request(reqwest::Method::POST, "/widget/v1/messages");
    let request = request.header("content-type", "application/json").body(body);
    onethread_tests::ApiResponse::send(request).await.expect(201);
}

#[tokio::test]
async fn slow_bodies_of_1500_connections_use_little_memory() {
    raise_open_files();
    let server = TestServer::with(options()).await;
    server.start_session(&json!({"user_id": "warm"})).await;
    let before = resident_mib(server.process.pid());
    let mut peak = before;
    let mut open = Vec::new();
    let calls = [("/v1/login", 262_000), ("/widget/v1/init", 250_000), ("/v1/login", 262_000)];
    for (n, (path, length)) in calls.into_iter().cycle().take(1500).enumerate() {
        let from = other_client(u8::try_from(n % 3).unwrap());
        let mut one = RawConnection::open(from, server.process.address("http")).await;
        if one.send(head(path, length)).await {
            one.try_send(&vec![b' '; length - 1000]);
        }
        open.push(one);
        if n % 50 == 0 {
            peak = peak.max(resident_mib(server.process.pid()));
        }
    }
    peak = peak.max(resident_mib(server.process.pid()));
    println!("{before} MiB before, at most {peak} MiB");
    assert!(peak - before < 150.0, "{before} MiB before, {peak} MiB with slow bodies");
    use_server(&server).await;
}

#[tokio::test]
async fn silent_connections_of_one_address_do_not_stop_the_server() {
    raise_open_files();
    let server = TestServer::with(options().ulimit("-n 1024")).await;
    let silent = connections(&server, other_client(0), 1100).await;
    let started = Instant::now();
    use_server(&server).await;
    assert!(started.elapsed() < SHORT_TIMEOUT);
    drop(silent);
}

#[tokio::test]
async fn silent_connections_of_many_addresses_make_room_within_seconds() {
    raise_open_files();
    let server = TestServer::with(options().ulimit("-n 1024")).await;
    let mut silent = Vec::new();
    for n in 0..11 {
        silent.extend(connections(&server, other_client(n), 100).await);
    }
    let started = Instant::now();
    use_server(&server).await;
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let mut first = silent.swap_remove(0);
    assert_eq!(first.answer().await, "", "a silent connection is closed");
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_told_so() {
    let server = TestServer::with(options().ulimit("-n 1024")).await;
    let _open = connections(&server, other_client(0), 192).await;
    let mut one_more = RawConnection::open(other_client(0), server.process.address("http")).await;
    let answer = one_more.answer().await.to_lowercase();
    assert!(answer.starts_with("http/1.1 429 ") && answer.contains("retry-after: "), "{answer}");
    // Everyone else is served.
    server.start_session(&json!({"user_id": "u"})).await;
    // A proxy that is trusted has the connections of all of its clients.
    let proxied = options().ulimit("-n 1024").env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = TestServer::with(proxied).await;
    let _open = connections(&server, other_client(0), 300).await;
    let mut one_more = RawConnection::open(other_client(0), server.process.address("http")).await;
    one_more.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(one_more.answer().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn as_many_files_as_allowed_are_used_and_the_log_says_how_many() {
    let server = TestServer::with(options().ulimit("-Sn 512 && ulimit -Hn 2048")).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> =
        files.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(numbers, ["2048", "2048"]);
    wait_until("the log says it", LONG_TIMEOUT, async || {
        let log = server.process.log();
        let line = log.lines().find(|line| line.contains("accepts connections"))?;
        (line.contains("2048") && line.contains("1792")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_closed() {
    let server = TestServer::new().await;
    let started = Instant::now();
    let mut silent = RawConnection::open(LOCAL, server.process.address("http")).await;
    assert_eq!(silent.answer().await, "");
    assert!(started.elapsed() > Duration::from_secs(3), "a slow network needs a while");
}

#[tokio::test]
async fn messages_and_streams_are_limited_by_address_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    fs::write(&file, "widget_messages_by_address = 4\nstreams = 3\n").unwrap();
    let limits = Options::default().env("ONETHREAD_RATE_LIMITS", file.to_str().unwrap());
    let server = TestServer::with(limits).await;
    let mut devices = Vec::new();
    for _ in 0..6 {
        devices.push(server.start_session(&json!({"user_id": "u"})).await);
    }
    let mut sent = 0;
    for device in &devices {
        let reply = device.try_send("from one of many devices").await;
        if reply.status == 201 {
            sent += 1;
        } else {
            assert!(!reply.header("retry-after").is_empty());
            reply.expect_problem(429, "rate-limited");
        }
    }
    assert!((4..6).contains(&sent), "{sent}");

    let mut streams = Vec::new();
    for device in &devices[..3] {
        streams.push(device.events().await);
    }
    let request = devices[3].api.request(reqwest::Method::GET, "/widget/v1/events");
    let refused = onethread_tests::ApiResponse::send(request).await;
    assert!(!refused.header("retry-after").is_empty());
    refused.expect_problem(429, "rate-limited");
    streams.pop();
    wait_until("a place is free again", SHORT_TIMEOUT, async || {
        let request = devices[3].api.request(reqwest::Method::GET, "/widget/v1/events");
        onethread_tests::Events::try_open(request).await.ok()
    })
    .await;
}
