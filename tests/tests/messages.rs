//! Sending and reading messages, and streams.

use futures::future::join_all;
use onethread_tests::{Events, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn sending_is_idempotent() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    let body = json!({"clientMessageId": server.random.uuid(), "text": "once"});
    let first = uma.api.post("/widget/v1/messages", &body).await.expect(201);
    uma.send("another").await;
    assert_eq!(uma.api.post("/widget/v1/messages", &body).await.expect(200), first);
    let mut other = body.clone();
    other["text"] = json!("twice");
    uma.api.post("/widget/v1/messages", &other).await.expect_problem(409, "message-id-reused");
    // Ids are scoped by sender: the agent may use the same one.
    let path = format!("/v1/conversations/{}/messages", uma.contact_id());
    let agent = server.log_in_owner().await;
    assert_eq!(agent.api.post(&path, &other).await.expect(201)["seq"], 3);
    assert_eq!(uma.message_texts().await, ["once", "another", "twice"]);
}

#[tokio::test]
async fn sending_a_message_64_times_at_once_stores_it_once() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    let body = json!({"clientMessageId": server.random.uuid(), "text": "once"});
    let replies = join_all((0..64).map(|_| uma.api.post("/widget/v1/messages", &body))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(replies.iter().all(|r| r.status < 300 && r.body == replies[0].body));
    assert_eq!(uma.message_texts().await, ["once"]);
}

#[tokio::test]
async fn texts_are_stored_byte_for_byte_and_have_bounds() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    let mut stream = uma.events().await;
    let kept = [
        "😀".repeat(20_000),
        " ".to_owned(),
        "\u{feff}e\u{301}\u{202e}\u{2028}\r\n\t\u{1}\u{7f}</script>'\"\\ \u{10ffff}".to_owned(),
        "data: x\n\nevent: session-ended\ndata: {}\n\n".to_owned(),
    ];
    for text in &kept {
        assert_eq!(uma.send(text).await["text"], text.as_str());
        assert_eq!(stream.expect("message").await["text"], text.as_str());
    }
    assert_eq!(uma.message_texts().await, kept);

    let refused = ["😀".repeat(20_001), String::new(), "a\u{0}b".to_owned()];
    for text in &refused {
        uma.try_send(text).await.expect_invalid("/text");
    }
    for text in [Value::Null, json!(7), json!(["hi"])] {
        let body = json!({"clientMessageId": server.random.uuid(), "text": text});
        uma.api.post("/widget/v1/messages", &body).await.expect_invalid("/text");
    }
    for id in [Value::Null, json!(7), json!("mine"), json!("")] {
        let body = json!({"clientMessageId": id, "text": "hi"});
        uma.api.post("/widget/v1/messages", &body).await.expect_invalid("/clientMessageId");
    }
    assert_eq!(uma.message_texts().await, kept, "nothing of those is stored");
}

#[tokio::test]
async fn a_stream_can_be_resumed() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    for number in 1..=250 {
        uma.send(&format!("text {number}")).await;
    }
    let resumed = |path: &str, header: Option<&str>| {
        let request = uma.api.request(Method::GET, path);
        match header {
            Some(id) => request.header("last-event-id", id),
            None => request,
        }
    };
    for (path, header, after) in [
        ("/widget/v1/events", Some("3"), 3),
        ("/widget/v1/events?afterSeq=249", None, 249),
        ("/widget/v1/events?afterSeq=0", None, 0),
    ] {
        let mut stream = Events::open(resumed(path, header)).await;
        for seq in after + 1..=250 {
            let event = stream.expect_next().await;
            assert_eq!(event.name, "message");
            assert_eq!(event.data["seq"], seq);
            assert_eq!(event.data["prevSeq"], seq - 1);
            assert_eq!(event.id, Some(seq.to_string()));
            assert_eq!(event.data["text"], format!("text {seq}"));
        }
    }
    // Without a number a stream starts now. Messages that are missed and live arrive once.
    let (mut now, mut last) = (uma.events().await, uma.events_after(250).await);
    uma.send("live").await;
    for stream in [&mut now, &mut last] {
        assert_eq!(stream.expect_next().await.data["seq"], 251);
    }
    onethread_tests::ApiResponse::send(resumed("/widget/v1/events", Some("x")))
        .await
        .expect_problem(400, "");
    onethread_tests::ApiResponse::send(resumed("/widget/v1/events?afterSeq=-1", None))
        .await
        .expect_problem(400, "");
}

#[tokio::test]
async fn messages_can_be_paged_in_both_directions() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    for number in 1..=60 {
        uma.send(&format!("text {number}")).await;
    }
    let seqs = async |query: &str| -> Vec<i64> {
        let page = uma.api.get(&format!("/widget/v1/messages{query}")).await.expect(200);
        assert_eq!(page["lastSeq"], 60);
        page["items"].as_array().unwrap().iter().map(|m| m["seq"].as_i64().unwrap()).collect()
    };
    assert_eq!(seqs("?afterSeq=10&limit=3").await, [11, 12, 13]);
    assert_eq!(seqs("?beforeSeq=10&limit=3").await, [7, 8, 9]);
    assert_eq!(seqs("?beforeSeq=3").await, [1, 2]);
    assert_eq!(seqs("?afterSeq=60").await, Vec::<i64>::new());
    assert_eq!(seqs("").await, (11..=60).collect::<Vec<_>>());
    assert_eq!(seqs("?afterSeq=0&limit=1000").await, (1..=60).collect::<Vec<_>>());
    uma.api.get("/widget/v1/messages?limit=0").await.expect_problem(400, "");
    uma.api.get("/widget/v1/messages?limit=x").await.expect_problem(400, "");
    // Init returns the last 50.
    let start = server.start_session(&json!({"user_id": "u"})).await.start;
    assert_eq!(start["conversation"]["messages"].as_array().unwrap().len(), 50);
    assert_eq!(start["conversation"]["messages"][0]["seq"], 11);
}

#[tokio::test]
async fn concurrent_senders_leave_no_gap() {
    let server = TestServer::new().await;
    let user = json!({"user_id": "u"});
    let widgets = join_all((0..8).map(|_| server.start_session(&user))).await;
    let mut stream = widgets[0].events().await;
    join_all(widgets.iter().map(|widget| async {
        for number in 0..25 {
            widget.send(&format!("text {number}")).await;
        }
    }))
    .await;
    for seq in 1..=200 {
        assert_eq!(stream.expect_next().await.data["seq"], seq);
    }
    assert_eq!(widgets[7].messages().await.len(), 200);
}

#[tokio::test]
async fn only_agents_see_notes() {
    let server = TestServer::new().await;
    let (uma, agent) =
        (server.start_session(&json!({"user_id": "u"})).await, server.log_in_owner().await);
    uma.send("one").await;
    let mut stream = uma.events().await;
    let path = format!("/v1/conversations/{}/messages", uma.contact_id());
    let note = json!({"clientMessageId": server.random.uuid(), "text": "a note", "kind": "note"});
    assert_eq!(agent.api.post(&path, &note).await.expect(201)["seq"], 2);
    agent.reply(uma.contact_id(), "an answer").await;

    let event = stream.expect_next().await;
    assert_eq!((&event.data["seq"], &event.data["prevSeq"]), (&json!(3), &json!(1)));
    assert_eq!(uma.message_texts().await, ["one", "an answer"]);
    let start = server.start_session(&json!({"user_id": "u"})).await;
    assert_eq!(start.initial_texts(), ["one", "an answer"]);
    assert_eq!(agent.messages(uma.contact_id()).await.len(), 3);
    let own = json!({"clientMessageId": server.random.uuid(), "text": "mine", "kind": "note"});
    let reply = uma.api.post("/widget/v1/messages", &own).await;
    assert!(reply.status == 400 || reply.body["kind"] == "text", "{}", reply.text);
}
