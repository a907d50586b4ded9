//! Agents' work in the inbox besides replies: assign, close, reopen, filter, type, write first.

use onethread_tests::{Agent, TestServer};
use serde_json::{Value, json};

async fn change(agent: &Agent, id: &str, body: &Value) -> Value {
    agent.api.patch(&format!("/v1/conversations/{id}"), body).await.expect(200)
}

async fn listed(agent: &Agent, filter: &str) -> Vec<String> {
    let items = agent.api.all(&format!("/v1/conversations?{filter}")).await;
    items.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_conversation_is_assigned_closed_and_reopened() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    uma.send("help").await;
    let id = uma.contact_id();
    let me = agent.api.get("/v1/me").await.expect(200)["agent"].clone();
    let both = json!({"status": "closed", "assigneeId": me["id"]});
    let changed = change(&agent, id, &both).await;
    assert_eq!((&changed["status"], &changed["assigneeId"]), (&json!("closed"), &me["id"]));
    assert_eq!((&changed["lastSeq"], &changed["unread"]), (&json!(3), &json!(1)));
    // A change to the current state writes nothing.
    assert_eq!(change(&agent, id, &both).await, changed);
    assert_eq!(change(&agent, id, &json!({})).await, changed);

    let mut stream = uma.events().await;
    let again = uma.send("again").await;
    assert_eq!((&again["seq"], &again["prevSeq"]), (&json!(5), &json!(1)));
    assert_eq!(stream.expect("message").await["seq"], 5);
    assert_eq!(uma.message_texts().await, ["help", "again"]);
    let thread = agent.messages(id).await;
    let assigned = format!("assigned to {}", me["id"].as_str().unwrap_or_default());
    let expected =
        [("text", "help"), ("event", &assigned), ("event", "closed"), ("event", "reopened")];
    for (message, (kind, text)) in thread.iter().zip(expected) {
        assert_eq!((&message["kind"], &message["text"]), (&json!(kind), &json!(text)));
    }
    assert_eq!(thread[2]["author"], json!({"kind": "system", "id": me["id"], "name": me["name"]}));
    assert_eq!(thread[3]["author"]["id"], Value::Null);
    let now = agent.api.get(&format!("/v1/conversations/{id}")).await.expect(200);
    assert_eq!((&now["status"], &now["assigneeId"]), (&json!("open"), &me["id"]));
    assert_eq!(change(&agent, id, &json!({"assigneeId": null})).await["assigneeId"], Value::Null);
}

#[tokio::test]
async fn invalid_changes_name_their_fields_and_change_nothing() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    uma.send("help").await;
    let path = format!("/v1/conversations/{}", uma.contact_id());
    for (body, pointer) in [
        (json!({"status": "gone"}), "/status"),
        (json!({"status": null}), "/status"),
        (json!({"status": 1}), "/status"),
        (json!({"status": "closed", "assigneeId": "me"}), "/assigneeId"),
        (json!({"status": "closed", "assigneeId": 7}), "/assigneeId"),
    ] {
        agent.api.patch(&path, &body).await.expect_invalid(pointer);
    }
    let stranger = json!({"status": "closed", "assigneeId": server.random.uuid()});
    agent.api.patch(&path, &stranger).await.expect_problem(404, "not-found");
    let nowhere = format!("/v1/conversations/{}", server.random.uuid());
    agent.api.patch(&nowhere, &json!({"status": "closed"})).await.expect_problem(404, "not-found");
    assert_eq!(agent.messages(uma.contact_id()).await.len(), 1);
    for filter in ["assignee=you", "status=gone"] {
        let name = filter.split('=').next().unwrap_or_default();
        let path = format!("/v1/conversations?{filter}");
        agent.api.get(&path).await.expect_invalid(&format!("/{name}"));
    }
}

#[tokio::test]
async fn pages_of_filtered_lists_skip_and_repeat_nothing() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let mut people = Vec::new();
    for n in 0..7 {
        let one = server.start_session(&json!({"user_id": format!("u{n}")})).await;
        one.send("hi").await;
        people.push(one);
    }
    let ids: Vec<_> = people.iter().rev().map(|one| one.contact_id().to_owned()).collect();
    let first = agent.api.get("/v1/conversations?limit=3").await.expect(200);
    // The oldest conversation becomes the newest one between two pages.
    people[0].send("me first").await;
    let mut seen: Vec<_> = first["items"].as_array().cloned().unwrap_or_default();
    let mut cursor = first["nextCursor"].clone();
    while let Some(next) = cursor.as_str() {
        let path = format!("/v1/conversations?limit=3&cursor={next}");
        let page = agent.api.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().cloned().unwrap_or_default());
        cursor = page["nextCursor"].clone();
    }
    let seen: Vec<_> = seen.iter().map(|item| item["id"].as_str().unwrap_or_default()).collect();
    assert_eq!(seen, ids);

    let me = agent.api.get("/v1/me").await.expect(200)["agent"]["id"].clone();
    change(&agent, &ids[1], &json!({"assigneeId": me})).await;
    change(&agent, &ids[2], &json!({"status": "closed"})).await;
    assert_eq!(listed(&agent, "assignee=me").await, [ids[1].clone()]);
    let of_me = format!("assignee={}", me.as_str().unwrap_or_default());
    assert_eq!(listed(&agent, &of_me).await, [ids[1].clone()]);
    assert_eq!(listed(&agent, "status=closed").await, [ids[2].clone()]);
    assert_eq!(listed(&agent, "status=open&assignee=none").await.len(), 5);
    assert_eq!(listed(&agent, "status=all").await.len(), 7);
}

#[tokio::test]
async fn each_side_sees_only_the_other_side_typing() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    uma.send("help").await;
    let id = uma.contact_id();
    let (mut hers, mut theirs) = (uma.events().await, agent.events().await);
    theirs.expect("reload").await;
    uma.api.post("/widget/v1/typing", &json!({"typing": true})).await.expect(204);
    let heard = json!({"side": "contact", "typing": true, "conversationId": id});
    assert_eq!(theirs.expect("typing").await, heard);
    let path = format!("/v1/conversations/{id}/typing");
    agent.api.post(&path, &json!({"typing": true})).await.expect(204);
    // The first typing event of each side is the other's. It ends without a call.
    assert_eq!(hers.expect("typing").await, json!({"side": "agent", "typing": true}));
    agent.api.post(&path, &json!({"typing": false})).await.expect(204);
    assert_eq!(hers.expect("typing").await, json!({"side": "agent", "typing": false}));
    let ended = json!({"side": "contact", "typing": false, "conversationId": id});
    assert_eq!(theirs.expect("typing").await, ended);

    for odd in [json!({}), json!({"typing": "yes"}), json!({"typing": null})] {
        uma.api.post("/widget/v1/typing", &odd).await.expect_invalid("/typing");
        agent.api.post(&path, &odd).await.expect_invalid("/typing");
    }
    let nowhere = format!("/v1/conversations/{}/typing", server.random.uuid());
    agent.api.post(&nowhere, &json!({"typing": true})).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn an_agent_can_write_first_and_the_contact_sees_it_at_the_next_visit() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    let id = uma.contact_id().to_owned();
    let body = json!({"clientMessageId": server.random.uuid(), "text": "Hello Uma"});
    let path = format!("/v1/contacts/{id}/messages");
    let first = agent.api.post(&path, &body).await.expect(201);
    assert_eq!((&first["seq"], &first["author"]["kind"]), (&json!(1), &json!("agent")));
    assert_eq!(agent.api.post(&path, &body).await.expect(200), first);
    let next = server.start_session(&json!({"user_id": "u"})).await;
    assert_eq!(next.initial_texts(), ["Hello Uma"]);
    assert_eq!(next.start["conversation"]["unread"], 1);
    assert_eq!(listed(&agent, "status=open").await, [id]);

    let unknown = format!("/v1/contacts/{}/messages", server.random.uuid());
    agent.api.post(&unknown, &body).await.expect_problem(404, "not-found");
    let empty = json!({"clientMessageId": server.random.uuid(), "text": ""});
    agent.api.post(&path, &empty).await.expect_invalid("/text");
}
