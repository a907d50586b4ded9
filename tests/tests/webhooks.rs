//! Webhooks, from the subscription to the signed body.

use hmac::{Hmac, KeyInit, Mac};
use onethread_tests::{
    Api, ApiResponse, Options, SHORT_TIMEOUT, Tenant, TestServer, WebhookReceiver,
    check_webhook_body, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

async fn start_server() -> TestServer {
    TestServer::with_operator(
        Options::default().env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow"),
    )
    .await
}

/// Creates a webhook for these events. Returns its id and secret.
async fn subscribe(owner: &Api, url: &str, events: &[&str]) -> (String, String) {
    let made = json!({"url": url, "events": events});
    let made = owner.post("/v1/webhooks", &made).await.expect(201);
    let text = |name: &str| made[name].as_str().expect("a webhook has both").to_owned();
    (text("id"), text("secret"))
}

async fn close(tenant: &Tenant, conversation: &str) -> Value {
    let path = format!("/v1/conversations/{conversation}");
    tenant.with_api_key().patch(&path, &json!({"status": "closed"})).await.expect(200)
}

#[tokio::test]
async fn messages_and_closes_are_delivered_after_the_subscription() {
    let server = start_server().await;
    let owner = server.log_in_owner().await;
    let kim = server.start_session(&json!({"user_id": "kim", "name": "Kim"})).await;
    kim.send("before").await;
    let mut hook = WebhookReceiver::start().await;
    let (id, secret) =
        subscribe(&owner.api, hook.url(), &["message.created", "conversation.closed"]).await;

    let mine = kim.send("hello").await;
    let delivery = hook.next().await;
    // The signature is as documented.
    let (time, signed) = delivery.signature.split_once(",v1=").expect("a time and a signature");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{}.{}", time.strip_prefix("t=").unwrap(), delivery.text).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(signed, expected);
    assert_eq!(delivery.body["event"], "message.created");
    assert_eq!(delivery.body["id"], mine["id"], "one message, one id");
    // The message as in the API, with its conversation.
    let mut wanted = mine.clone();
    wanted["conversationId"] = json!(kim.contact_id());
    assert_eq!(delivery.body["data"], wanted);
    let address = server.process.address("http");
    check_webhook_body(address, &delivery.body).await;

    // Repeated messages, notes and events are not delivered.
    let again = json!({"clientMessageId": mine["clientMessageId"], "text": "hello"});
    kim.api.post("/widget/v1/messages", &again).await.expect(200);
    let note = json!({"clientMessageId": server.random.uuid(), "text": "a note", "kind": "note"});
    let path = format!("/v1/conversations/{}/messages", kim.contact_id());
    owner.api.post(&path, &note).await.expect(201);
    owner.reply(kim.contact_id(), "answer").await;
    let delivery = hook.next().await.body;
    assert_eq!(delivery["data"]["text"], "answer", "{delivery}");
    check_webhook_body(address, &delivery).await;
    assert_eq!(delivery["data"]["author"]["kind"], "agent");
    assert_ne!(delivery["data"]["author"]["name"], "Team", "an agent has a name");
    assert_eq!(delivery["data"]["prevSeq"], mine["seq"], "texts alone are counted");

    close(&server, kim.contact_id()).await;
    close(&server, kim.contact_id()).await;
    let delivery = hook.next().await.body;
    assert_eq!(delivery["event"], "conversation.closed", "{delivery}");
    check_webhook_body(address, &delivery).await;
    let data = &delivery["data"];
    assert_eq!((&data["id"], &data["status"]), (&json!(kim.contact_id()), &json!("closed")));
    assert_eq!(data["contact"]["name"], "Kim");
    assert_eq!(data["closedBy"]["name"], "Team", "an API key is no agent");
    // A message reopens the conversation, so that closing it again is another event.
    kim.send("once more").await;
    assert_eq!(hook.next().await.body["data"]["text"], "once more");
    close(&server, kim.contact_id()).await;
    let again = hook.next().await.body;
    assert_eq!(again["event"], "conversation.closed");
    assert_ne!(again["id"], delivery["id"]);

    let deliveries = format!("/v1/webhooks/{id}/deliveries");
    let deliveries = owner.api.get(&deliveries).await.expect(200);
    assert_eq!(deliveries["items"].as_array().map(Vec::len), Some(5), "{deliveries}");
}

#[tokio::test]
async fn only_subscribed_events_are_delivered() {
    let server = start_server().await;
    let other = server.organization("other.example").await;
    let owner = server.log_in_owner().await;
    let (mut closes, mut texts) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    let (id, _) = subscribe(&owner.api, closes.url(), &["conversation.closed"]).await;
    let theirs = other.log_in_owner().await;
    subscribe(&theirs.api, texts.url(), &["message.created"]).await;

    let kim = server.start_session(&json!({"user_id": "kim"})).await;
    kim.send("not told").await;
    let stranger = other.start_session(&json!({"user_id": "kim"})).await;
    stranger.send("told").await;
    let delivery = texts.next().await.body;
    assert_eq!(delivery["data"]["text"], "told", "{delivery}");
    close(&server, kim.contact_id()).await;
    assert_eq!(closes.next().await.body["data"]["id"], kim.contact_id());
    close(&other, stranger.contact_id()).await;

    // The subscription is changed from closes to messages.
    let path = format!("/v1/webhooks/{id}");
    owner.api.patch(&path, &json!({"events": ["message.created"]})).await.expect(200);
    close(&server, kim.contact_id()).await;
    kim.send("told as well").await;
    close(&server, kim.contact_id()).await;
    kim.send("and this").await;
    let mut deliveries = [closes.next().await.body, closes.next().await.body];
    deliveries.sort_by_key(|one| one["data"]["seq"].as_i64());
    let delivered: Vec<_> = deliveries.iter().map(|one| one["data"]["text"].clone()).collect();
    assert_eq!(delivered, ["told as well", "and this"]);

    // Without webhooks no deliveries are written.
    ApiResponse::send(owner.api.request(Method::DELETE, &path)).await.expect(204);
    kim.send("to nobody").await;
    stranger.send("the last one").await;
    assert_eq!(texts.next().await.body["data"]["text"], "the last one");
    assert!(closes.has_no_delivery());
    owner
        .api
        .post("/v1/webhooks", &json!({"url": closes.url(), "events": ["message.read"]}))
        .await
        .expect_invalid("/events/0");
}

#[tokio::test]
async fn events_are_delivered_after_identity_and_the_receiver_were_unavailable() {
    let mut server = start_server().await;
    let owner = server.log_in_owner().await;
    let mut hook = WebhookReceiver::start().await;
    subscribe(&owner.api, hook.url(), &["message.created"]).await;
    let kim = server.start_session(&json!({"user_id": "kim"})).await;
    let texts: Vec<_> = (0..10).map(|n| format!("text {n}")).collect();
    for text in &texts {
        kim.send(text).await;
    }
    // The process is killed during deliveries.
    server.process.kill().await;
    server.process.restart().await;
    let mut delivered = std::collections::BTreeSet::new();
    wait_until("all texts delivered", SHORT_TIMEOUT * 3, async || {
        delivered.insert(hook.next().await.body["data"]["text"].as_str()?.to_owned());
        (delivered.len() == texts.len()).then_some(())
    })
    .await;
    assert_eq!(delivered, texts.into_iter().collect());
}

#[tokio::test]
async fn contact_events_are_as_documented() {
    let server = start_server().await;
    let owner = server.log_in_owner().await;
    let mut hook = WebhookReceiver::start().await;
    subscribe(&owner.api, hook.url(), &["contact.created", "contact.updated"]).await;
    let kim = json!({"user_id": "kim", "name": "Kim", "custom_data": {"plan": "pro", "seats": 5}});
    server.start_session(&kim).await;
    let created = hook.next().await.body;
    assert_eq!(
        (&created["event"], &created["data"]["userId"]),
        (&json!("contact.created"), &json!("kim"))
    );
    check_webhook_body(server.process.address("http"), &created).await;
    server.start_session(&json!({"user_id": "kim", "phone": "+49 30 1"})).await;
    let updated = hook.next().await.body;
    assert_eq!(
        (&updated["event"], &updated["data"]["phone"]),
        (&json!("contact.updated"), &json!("+49 30 1"))
    );
    check_webhook_body(server.process.address("http"), &updated).await;
}
