//! The main journey: one contact, one thread, two devices, and an agent who replies.

use onethread_tests::{Events, Onethread, Options, TestServer, Widget};
use reqwest::Method;
use serde_json::{Value, json};

/// The user object of the classic snippet.
pub(crate) fn customer() -> Value {
    json!({
        "email": "kim@example.com",
        "name": "Kim Doe",
        "phone": "+1 555 0100",
        "company": "Example Ltd",
        "user_id": "12345",
    })
}

#[tokio::test]
async fn two_devices_and_an_agent_share_one_thread() {
    let server = TestServer::new().await;

    let phone = server.start_session(&customer()).await;
    assert_eq!(phone.mode(), "contact");
    assert_eq!(phone.start["preChat"]["show"], false);
    let contact = &phone.start["contact"];
    for (field, value) in [
        ("userId", "12345"),
        ("name", "Kim Doe"),
        ("email", "kim@example.com"),
        ("phone", "+1 555 0100"),
        ("company", "Example Ltd"),
    ] {
        assert_eq!(contact[field], value, "{contact}");
    }
    assert_eq!(contact["nameGenerated"], false);
    assert_eq!(phone.start["conversation"]["id"], contact["id"]);
    assert_eq!(phone.start["conversation"]["messages"], json!([]));
    assert_eq!(phone.start["warnings"], json!([]));

    let first = phone.send("from the phone").await;
    assert_eq!((&first["seq"], &first["prevSeq"]), (&json!(1), &json!(0)));
    assert_eq!(first["author"]["kind"], "contact");
    assert_eq!(first["author"]["name"], "Kim Doe");
    assert_eq!(first["kind"], "text");

    let laptop = server.start_session(&customer()).await;
    assert_eq!(laptop.contact_id(), phone.contact_id());
    assert_ne!(laptop.start["session"]["token"], phone.start["session"]["token"]);
    assert_eq!(laptop.initial_texts(), ["from the phone"]);
    assert_eq!(laptop.start["conversation"]["lastSeq"], 1);

    let (mut on_phone, mut on_laptop) = (phone.events().await, laptop.events().await);
    let second = laptop.send("from the laptop").await;
    for stream in [&mut on_phone, &mut on_laptop] {
        let event = stream.expect_next().await;
        assert_eq!((event.name.as_str(), event.id.as_deref()), ("message", Some("2")));
        assert_eq!(event.data, second);
    }

    let agent = server.log_in_owner().await;
    let mut at_desk = agent.events().await;
    assert_eq!(at_desk.expect_next().await.name, "reload");
    let id = phone.contact_id();
    let list = agent.api.get("/v1/conversations").await.expect(200);
    let item = &list["items"][0];
    assert_eq!(item["id"], id);
    assert_eq!(item["status"], "open");
    assert_eq!(item["assigneeId"], Value::Null);
    assert_eq!(item["contact"]["id"], id);
    assert_eq!(item["contact"]["name"], "Kim Doe");
    assert_eq!(item["contact"]["email"], "kim@example.com");
    assert_eq!(item["contact"]["userId"], "12345");
    assert_eq!(item["lastMessage"]["text"], "from the laptop");
    assert_eq!((&item["lastSeq"], &item["unread"]), (&json!(2), &json!(2)));

    let profile = agent.api.get(&format!("/v1/contacts/{id}")).await.expect(200);
    assert_eq!(profile["phone"], "+1 555 0100");
    assert_eq!(profile["source"], "identified");
    assert_eq!(profile["verified"], "none");
    assert_eq!(profile["devices"].as_array().map(Vec::len), Some(2), "{profile}");

    let answer = agent.reply(id, "from the agent").await;
    assert_eq!(answer["seq"], 3);
    for stream in [&mut on_phone, &mut on_laptop] {
        let message = stream.expect("message").await;
        assert_eq!((&message["seq"], &message["text"]), (&json!(3), &json!("from the agent")));
        assert_eq!(message["author"]["kind"], "agent");
        assert!(message["author"]["name"].as_str().is_some_and(|name| !name.is_empty()));
    }
    let seen = at_desk.expect_where("message", |m| m["seq"] == 3).await;
    assert_eq!(seen["conversationId"], id);

    let texts = ["from the phone", "from the laptop", "from the agent"];
    assert_eq!(phone.message_texts().await, texts);
    assert_eq!(laptop.message_texts().await, texts);
    let at_agents: Vec<_> = agent.messages(id).await.iter().map(|m| m["text"].clone()).collect();
    assert_eq!(at_agents, texts);
}

#[tokio::test]
async fn both_sides_see_read_marks_and_unread_counts() {
    let server = TestServer::new().await;
    let (phone, agent) = (server.start_session(&customer()).await, server.log_in_owner().await);
    let id = phone.contact_id();
    phone.send("hello").await;
    agent.reply(id, "hello yourself").await;
    let mut stream = phone.events().await;
    let mut at_desk = agent.events().await;

    let read = json!({"seq": 2});
    assert_eq!(agent.api.post(&format!("/v1/conversations/{id}/read"), &read).await.status, 204);
    assert_eq!(stream.expect("read").await, json!({"side": "agent", "seq": 2}));
    let item = agent.api.get(&format!("/v1/conversations/{id}")).await.expect(200);
    assert_eq!(item["unread"], 0);

    let laptop = server.start_session(&customer()).await;
    assert_eq!(laptop.start["conversation"]["unread"], 1);
    assert_eq!(laptop.api.post("/widget/v1/read", &read).await.status, 204);
    let event = at_desk.expect_where("read", |event| event["side"] == "contact").await;
    assert_eq!(event["seq"], 2);
    assert_eq!(server.start_session(&customer()).await.start["conversation"]["unread"], 0);
}

#[tokio::test]
async fn a_repeated_init_changes_nothing_and_ends_no_stream() {
    let server = TestServer::new().await;
    let first = server.start_session(&customer()).await;
    let mut stream = first.events().await;
    let again = server.start_session_on(&first.device(), &customer()).await;
    assert_eq!(again.start["contact"], first.start["contact"]);
    again.send("still there?").await;
    let message = stream.expect_without("message", "session-ended").await;
    assert_eq!(message["text"], "still there?");
}

#[tokio::test]
async fn an_application_can_be_named_by_its_public_id() {
    let server = TestServer::new().await;
    let body = json!({
        "organization": server.bootstrap["organization"],
        "appId": server.bootstrap["appId"],
        "user": customer(),
    });
    let session = server.api.post("/widget/v1/init", &body).await.expect(200);
    let by_number = server.start_session(&customer()).await;
    assert_eq!(Widget::new(&server, session).contact_id(), by_number.contact_id());
}

#[tokio::test]
async fn an_agent_logs_in_and_out() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let me = agent.api.get("/v1/me").await.expect(200);
    assert_eq!(me["agent"]["email"], server.bootstrap["agent"]["email"], "{me}");
    assert_eq!(me["agent"]["role"], "owner");
    let wrong = |field: &str, value: &str| {
        let mut body = json!({
            "organization": server.bootstrap["organization"],
            "email": server.bootstrap["agent"]["email"],
            "password": server.bootstrap["agent"]["password"],
        });
        body[field] = json!(value);
        body
    };
    let mut bodies = Vec::new();
    for (field, value) in
        [("organization", "nobody"), ("email", "nobody@example.com"), ("password", "wrong")]
    {
        let reply = server.api.post("/v1/login", &wrong(field, value)).await;
        let mut body = reply.expect_problem(401, "login-refused");
        body["traceId"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    let out = agent.api.post("/v1/logout", &json!({})).await.status;
    assert!(out == 200 || out == 204, "{out}");
    agent.api.get("/v1/me").await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn a_server_can_read_and_write_with_an_api_key() {
    let server = TestServer::new().await;
    let phone = server.start_session(&customer()).await;
    let key = server.bootstrap["apiKey"].as_str().unwrap();
    let by_api_key = server.api.with_token(key);
    let contact = by_api_key.get(&format!("/v1/contacts/{}", phone.contact_id())).await.expect(200);
    assert_eq!(contact["userId"], "12345");
    phone.send("hello").await;
    let path = format!("/v1/conversations/{}/messages", phone.contact_id());
    let body = json!({"clientMessageId": server.random.uuid(), "text": "your order left"});
    assert_eq!(by_api_key.post(&path, &body).await.expect(201)["author"]["kind"], "agent");
}

#[tokio::test]
async fn the_server_starts_quickly() {
    // The best of several starts, because the machine has other work as well.
    let mut best = std::time::Duration::MAX;
    for _ in 0..5 {
        let by_api_key = Onethread::start(Options::default()).await;
        best = best.min(by_api_key.startup_time());
    }
    let debug = onethread_tests::binary().parent().is_some_and(|folder| folder.ends_with("debug"));
    let limit = std::time::Duration::from_millis(if debug { 10_000 } else { 500 });
    assert!(best <= limit, "the best start took {best:?}");
}

#[tokio::test]
async fn the_start_prints_addresses_and_the_demo_login() {
    let server = TestServer::new().await;
    let printed = server.process.stdout();
    let http = server.process.address("http");
    let agent = &server.bootstrap["agent"];
    for text in [
        &format!("http://{http}/demo"),
        &format!("http://{http}/inbox"),
        agent["email"].as_str().unwrap(),
        agent["password"].as_str().unwrap(),
    ] {
        assert!(printed.contains(text), "{text} is not in:\n{printed}");
    }
    for (path, kind) in [
        ("/demo", "text/html"),
        ("/inbox", "text/html"),
        ("/widget.js", "text/javascript"),
        ("/healthz", ""),
        ("/readyz", ""),
    ] {
        let reply = server.api.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").starts_with(kind), "{path}");
    }
    let mode = std::os::unix::fs::MetadataExt::mode(
        &server.process.data_dir().join("bootstrap.json").metadata().unwrap(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_first_password_is_shown_once() {
    let mut server = TestServer::new().await;
    let password = server.bootstrap["agent"]["password"].as_str().unwrap().to_owned();
    let count = |server: &TestServer| {
        let stdout = server.process.stdout();
        assert!(!server.process.log().contains(&password));
        (stdout.matches("Onethread serves.").count(), stdout.matches(&password).count())
    };
    assert_eq!(count(&server), (1, 1));
    server.process.terminate(std::time::Duration::from_secs(30)).await;
    server.process.restart().await;
    assert_eq!(count(&server), (2, 1));
    assert!(server.process.stdout().contains("bootstrap.json"));
    server.log_in_owner().await;
}

#[tokio::test]
async fn only_the_owner_of_the_data_folder_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    fn modes(path: &std::path::Path, found: &mut Vec<(std::path::PathBuf, u32)>) {
        let metadata = path.symlink_metadata().unwrap();
        found.push((path.to_owned(), metadata.permissions().mode() & 0o777));
        for entry in path.read_dir().into_iter().flatten() {
            modes(&entry.unwrap().path(), found);
        }
    }
    let expect_private = |server: &TestServer| {
        let mut found = Vec::new();
        modes(&server.process.data_dir(), &mut found);
        assert!(found.len() > 8, "{found:?}");
        for (path, mode) in &found {
            assert!(mode & 0o077 == 0, "{} has mode {mode:o}", path.display());
        }
        found
    };
    let mut server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    crate::imports::import(&agent, "email,name\na@example.com,Ann\n").await;
    let found = expect_private(&server);
    server.process.kill().await;
    for (path, _) in found.iter().filter(|(path, _)| path.exists()) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    server.process.restart().await;
    server.start_session(&customer()).await.send("after").await;
    expect_private(&server);
}

#[tokio::test]
async fn everything_still_exists_after_a_restart() {
    let mut server = TestServer::new().await;
    let phone = server.start_session(&customer()).await;
    phone.send("before").await;
    let status = server.process.terminate(std::time::Duration::from_secs(30)).await;
    assert!(status.success(), "{status}");
    server.process.restart().await;
    assert_eq!(server.process.bootstrap(), server.bootstrap);
    // The session is still valid.
    phone.send("after").await;
    assert_eq!(server.start_session(&customer()).await.initial_texts(), ["before", "after"]);
    let request = phone.api.request(Method::GET, "/widget/v1/events?afterSeq=1");
    assert_eq!(Events::open(request).await.expect("message").await["text"], "after");
}
