//! What companies' servers are told of conversations, from the subscription to the signed body.

use hmac::{Hmac, KeyInit, Mac};
use onethread_tests::{Api, Hook, Options, Reply, SHORT, Stage, Tenant, check_notice, until};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

async fn stage() -> Stage {
    Stage::with_operator(Options::default().env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow"))
        .await
}

/// A webhook of these events; answers its id and secret.
async fn subscribe(owner: &Api, url: &str, events: &[&str]) -> (String, String) {
    let made = json!({"url": url, "events": events});
    let made = owner.post("/v1/webhooks", &made).await.expect(201);
    let text = |name: &str| made[name].as_str().expect("a webhook has both").to_owned();
    (text("id"), text("secret"))
}

async fn close(tenant: &Tenant, conversation: &str) -> Value {
    let path = format!("/v1/conversations/{conversation}");
    tenant.company().patch(&path, &json!({"status": "closed"})).await.expect(200)
}

#[tokio::test]
async fn texts_and_closes_are_told_from_the_subscription_on() {
    let stage = stage().await;
    let owner = stage.agent().await;
    let kim = stage.open(&json!({"user_id": "kim", "name": "Kim"})).await;
    kim.say("before").await;
    let mut hook = Hook::start().await;
    let (id, secret) =
        subscribe(&owner.api, hook.url(), &["message.created", "conversation.closed"]).await;

    let mine = kim.say("hello").await;
    let told = hook.next().await;
    // Signed as the README says.
    let (time, signed) = told.signature.split_once(",v1=").expect("a time and a signature");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{}.{}", time.strip_prefix("t=").unwrap(), told.text).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(signed, expected);
    assert_eq!(told.body["event"], "message.created");
    assert_eq!(told.body["id"], mine["id"], "one message, one id");
    // The message as the API has it, with its conversation.
    let mut wanted = mine.clone();
    wanted["conversationId"] = json!(kim.contact_id());
    assert_eq!(told.body["data"], wanted);
    let address = stage.server.address("http");
    check_notice(address, &told.body).await;

    // A repeat is no other text, and notes and events are none.
    let again = json!({"clientMessageId": mine["clientMessageId"], "text": "hello"});
    kim.api.post("/widget/v1/messages", &again).await.expect(200);
    let note = json!({"clientMessageId": stage.chance.uuid(), "text": "a note", "kind": "note"});
    let path = format!("/v1/conversations/{}/messages", kim.contact_id());
    owner.api.post(&path, &note).await.expect(201);
    owner.answer(kim.contact_id(), "answer").await;
    let told = hook.next().await.body;
    assert_eq!(told["data"]["text"], "answer", "{told}");
    check_notice(address, &told).await;
    assert_eq!(told["data"]["author"]["kind"], "agent");
    assert_ne!(told["data"]["author"]["name"], "Team", "an agent has a name");
    assert_eq!(told["data"]["prevSeq"], mine["seq"], "texts alone are counted");

    close(&stage, kim.contact_id()).await;
    close(&stage, kim.contact_id()).await;
    let told = hook.next().await.body;
    assert_eq!(told["event"], "conversation.closed", "{told}");
    check_notice(address, &told).await;
    let data = &told["data"];
    assert_eq!((&data["id"], &data["status"]), (&json!(kim.contact_id()), &json!("closed")));
    assert_eq!(data["contact"]["name"], "Kim");
    assert_eq!(data["closedBy"]["name"], "Team", "an API key is no agent");
    // Reopened by a text, and closed again, which is another close.
    kim.say("once more").await;
    assert_eq!(hook.next().await.body["data"]["text"], "once more");
    close(&stage, kim.contact_id()).await;
    let again = hook.next().await.body;
    assert_eq!(again["event"], "conversation.closed");
    assert_ne!(again["id"], told["id"]);

    let deliveries = format!("/v1/webhooks/{id}/deliveries");
    let deliveries = owner.api.get(&deliveries).await.expect(200);
    assert_eq!(deliveries["items"].as_array().map(Vec::len), Some(5), "{deliveries}");
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask() {
    let stage = stage().await;
    let other = stage.organization("other.example").await;
    let owner = stage.agent().await;
    let (mut closes, mut texts) = (Hook::start().await, Hook::start().await);
    let (id, _) = subscribe(&owner.api, closes.url(), &["conversation.closed"]).await;
    let theirs = other.agent().await;
    subscribe(&theirs.api, texts.url(), &["message.created"]).await;

    let kim = stage.open(&json!({"user_id": "kim"})).await;
    kim.say("not told").await;
    let stranger = other.open(&json!({"user_id": "kim"})).await;
    stranger.say("told").await;
    let told = texts.next().await.body;
    assert_eq!(told["data"]["text"], "told", "{told}");
    close(&stage, kim.contact_id()).await;
    assert_eq!(closes.next().await.body["data"]["id"], kim.contact_id());
    close(&other, stranger.contact_id()).await;

    // Another wish: from now on texts, and closes no longer.
    let path = format!("/v1/webhooks/{id}");
    owner.api.patch(&path, &json!({"events": ["message.created"]})).await.expect(200);
    close(&stage, kim.contact_id()).await;
    kim.say("told as well").await;
    close(&stage, kim.contact_id()).await;
    kim.say("and this").await;
    let mut told = [closes.next().await.body, closes.next().await.body];
    told.sort_by_key(|one| one["data"]["seq"].as_i64());
    let told: Vec<_> = told.iter().map(|one| one["data"]["text"].clone()).collect();
    assert_eq!(told, ["told as well", "and this"]);

    // Without a webhook nothing is written for one.
    Reply::of(owner.api.request(Method::DELETE, &path)).await.expect(204);
    kim.say("to nobody").await;
    stranger.say("the last one").await;
    assert_eq!(texts.next().await.body["data"]["text"], "the last one");
    assert!(closes.is_silent());
    owner
        .api
        .post("/v1/webhooks", &json!({"url": closes.url(), "events": ["message.read"]}))
        .await
        .refuses("/events/0");
}

#[tokio::test]
async fn what_was_said_while_identity_and_receiver_were_away_is_told_later() {
    let mut stage = stage().await;
    let owner = stage.agent().await;
    let mut hook = Hook::start().await;
    subscribe(&owner.api, hook.url(), &["message.created"]).await;
    let kim = stage.open(&json!({"user_id": "kim"})).await;
    let texts: Vec<_> = (0..10).map(|n| format!("text {n}")).collect();
    for text in &texts {
        kim.say(text).await;
    }
    // Whatever was under way, the process is gone.
    stage.server.kill().await;
    stage.server.restart().await;
    let mut told = std::collections::BTreeSet::new();
    until("all texts told", SHORT * 3, async || {
        told.insert(hook.next().await.body["data"]["text"].as_str()?.to_owned());
        (told.len() == texts.len()).then_some(())
    })
    .await;
    assert_eq!(told, texts.into_iter().collect());
}

#[tokio::test]
async fn contacts_are_told_as_the_document_says() {
    let stage = stage().await;
    let owner = stage.agent().await;
    let mut hook = Hook::start().await;
    subscribe(&owner.api, hook.url(), &["contact.created", "contact.updated"]).await;
    let kim = json!({"user_id": "kim", "name": "Kim", "custom_data": {"plan": "pro", "seats": 5}});
    stage.open(&kim).await;
    let created = hook.next().await.body;
    assert_eq!(
        (&created["event"], &created["data"]["userId"]),
        (&json!("contact.created"), &json!("kim"))
    );
    check_notice(stage.server.address("http"), &created).await;
    stage.open(&json!({"user_id": "kim", "phone": "+49 30 1"})).await;
    let updated = hook.next().await.body;
    assert_eq!(
        (&updated["event"], &updated["data"]["phone"]),
        (&json!("contact.updated"), &json!("+49 30 1"))
    );
    check_notice(stage.server.address("http"), &updated).await;
}
