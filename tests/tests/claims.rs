//! `security_hash` under the default policy: who may speak as somebody, and what the others get.

use std::time::{Duration, Instant};

use futures::future::join_all;
use onethread_tests::{Device, Reply, Stage, Widget};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody whose every value would be noticed where it doesn't belong.
fn person(hash: &Value) -> Value {
    let mut user = json!({
        "user_id": "canary-id",
        "name": "Canary Name",
        "email": "canary@example.com",
        "phone": "+49 555 019 2837",
        "company": "Canary Company",
    });
    if !hash.is_null() {
        user["security_hash"] = hash.clone();
    }
    user
}

fn only_id(hash: &Value) -> Value {
    json!({"user_id": "canary-id", "security_hash": hash})
}

/// A 403 with a fresh chat in which nothing of the contact stands.
#[track_caller]
pub(crate) fn clean_chat(reply: Reply, contact: &str) -> Value {
    let text = reply.text.clone();
    let body = reply.problem(403, "identity-refused");
    let session = &body["cleanSession"];
    assert_eq!(session["mode"], "visitor", "{body}");
    assert_eq!(session["conversation"]["messages"], json!([]), "{body}");
    assert_eq!(session["conversation"]["lastSeq"], 0, "{body}");
    assert_eq!(session["conversation"]["unread"], 0, "{body}");
    assert_eq!(session["contact"]["nameGenerated"], true, "{body}");
    assert_eq!(session["contact"]["userId"], Value::Null, "{body}");
    // The phone's end as it was written and as it may be kept; its last digits alone stand in many
    // a token and trace id by chance.
    for secret in ["canary", "Canary", "019 2837", "0192837", "the message", "Mallory", contact] {
        assert!(!text.contains(secret), "{secret} stands in {text}");
    }
    session.clone()
}

#[tokio::test]
async fn before_a_claim_anything_but_a_wrong_type_goes() {
    let stage = Stage::new().await;
    let plain = stage.open(&person(&Value::Null)).await;
    plain.say("the message").await;
    for none in [Value::Null, json!("")] {
        let again = stage.open(&only_id(&none)).await;
        assert_eq!(again.contact_id(), plain.contact_id());
        assert_eq!(again.first_texts(), ["the message"]);
    }
    for wrong in [json!(["h"]), json!(7), json!(true), json!({"h": 1}), json!("h".repeat(1025))] {
        stage.init(&only_id(&wrong)).await.refuses("/user/security_hash");
    }
    // None of those claimed it.
    assert_eq!(stage.open(&only_id(&Value::Null)).await.first_texts(), ["the message"]);
    // The longest one does.
    let longest = json!("h".repeat(1024));
    assert_eq!(stage.open(&only_id(&longest)).await.first_texts(), ["the message"]);
    assert_eq!(stage.open(&only_id(&longest)).await.first_texts(), ["the message"]);
    clean_chat(stage.init(&only_id(&Value::Null)).await, plain.contact_id());
}

#[tokio::test]
async fn after_the_claim_the_same_hash_is_needed() {
    let stage = Stage::new().await;
    let right = json!("right-hash");
    let owner = stage.open(&person(&right)).await;
    owner.say("the message").await;
    let profile = owner.start["contact"].clone();

    for none in
        [Value::Null, json!(""), json!("wrong-hash"), json!("Right-hash"), json!("right-hash ")]
    {
        clean_chat(stage.init(&only_id(&none)).await, owner.contact_id());
    }
    // A refused page's profile fields go nowhere.
    let mut forged = only_id(&json!("wrong-hash"));
    forged["name"] = json!("Mallory");
    clean_chat(stage.init(&forged).await, owner.contact_id());
    clean_chat(
        stage.init(&json!({"user_id": "canary-id", "email": null})).await,
        owner.contact_id(),
    );
    for wrong in [json!(["right-hash"]), json!(7), json!({})] {
        stage.init(&only_id(&wrong)).await.refuses("/user/security_hash");
    }

    let back = stage.open(&only_id(&right)).await;
    assert_eq!(back.start["contact"], profile);
    assert_eq!(back.first_texts(), ["the message"]);
    let agent = stage.agent().await;
    assert_eq!(agent.contact(owner.contact_id()).await.unwrap()["verified"], "security_hash");
}

#[tokio::test]
async fn a_claim_is_audited_once_and_shown_to_owners_alone() {
    let stage = Stage::new().await;
    let person = stage.open(&only_id(&json!("right-hash"))).await;
    stage.open(&only_id(&json!("right-hash"))).await;
    clean_chat(stage.init(&only_id(&json!("wrong-hash"))).await, person.contact_id());

    let agent = stage.agent().await;
    let audit = agent.api.get("/v1/audit").await.expect(200);
    assert_eq!(audit["nextCursor"], Value::Null);
    let items = audit["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{audit}");
    let at = &items[0]["at"];
    let claimed = json!({"at": at, "actor": "widget", "action": "claim.set",
        "subject": person.contact_id(), "detail": ""});
    assert_eq!(items[0], claimed);
    let server = stage.api.with_token(stage.bootstrap["apiKey"].as_str().unwrap());
    server.get("/v1/audit").await.problem(403, "forbidden");
    person.api.get("/v1/audit").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_claim_cuts_off_those_who_did_not_prove_it() {
    let stage = Stage::new().await;
    let unproven = stage.open(&person(&Value::Null)).await;
    unproven.say("the message").await;
    let mut cut = unproven.events().await;

    let proven = stage.open(&only_id(&json!("right-hash"))).await;
    let claimed = Instant::now();
    assert_eq!(proven.first_texts(), ["the message"]);
    let mut kept = proven.events().await;

    cut.expect("session-ended").await;
    cut.until_end(Duration::from_secs(1)).await;
    let took = claimed.elapsed();
    assert!(took <= Duration::from_secs(1), "the stream lived on for {took:?}");
    unproven.try_say("still me").await.problem(401, "session-ended");
    unproven.api.get("/widget/v1/messages").await.problem(401, "session-ended");
    unproven
        .api
        .patch("/widget/v1/contact", &json!({"name": "X"}))
        .await
        .problem(401, "session-ended");

    // The one who proved it goes on.
    proven.say("it is me").await;
    assert_eq!(kept.expect_without("message", "session-ended").await["text"], "it is me");
}

#[tokio::test]
async fn a_refusal_leaves_the_device_and_the_claim_as_they_were() {
    let stage = Stage::new().await;
    let owner = stage.open(&person(&json!("right-hash"))).await;
    let visitor = stage.open(&json!({})).await;
    visitor.fill_form(&json!({"name": "Vera", "email": "vera@example.com"})).await.expect(200);
    visitor.say("as a visitor").await;

    let refused = stage.init_on(&visitor.device(), &only_id(&json!("wrong"))).await;
    let clean = clean_chat(refused, owner.contact_id());
    assert_ne!(clean["contact"]["id"], visitor.contact_id());
    let back = stage.open_on(&visitor.device(), &json!({})).await;
    assert_eq!(back.contact_id(), visitor.contact_id());
    assert_eq!(back.first_texts(), ["as a visitor"]);
    assert_eq!(stage.open(&only_id(&json!("right-hash"))).await.contact_id(), owner.contact_id());
}

#[tokio::test]
async fn a_clean_session_is_never_joined_to_anybody() {
    let stage = Stage::new().await;
    let owner = stage.open(&person(&json!("right-hash"))).await;
    let refused = stage.init(&only_id(&json!("wrong"))).await;
    let clean = Widget::new(&stage, clean_chat(refused, owner.contact_id()));
    clean.fill_form(&json!({"name": "Clean", "email": "clean@example.com"})).await.expect(200);
    clean.say("from the clean chat").await;

    let device = Device(clean.start["session"]["deviceToken"].as_str().unwrap().to_owned());
    for user in [json!({"user_id": "somebody-new"}), only_id(&json!("right-hash"))] {
        let joined = stage.open_on(&device, &user).await;
        assert_ne!(joined.contact_id(), clean.contact_id());
        assert_eq!(joined.first_texts(), Vec::<&str>::new());
    }
    assert_eq!(owner.thread_texts().await, Vec::<String>::new());
}

#[tokio::test]
async fn no_other_call_names_an_identity_past_the_check() {
    let stage = Stage::new().await;
    let owner = stage.open(&person(&json!("right-hash"))).await;
    let visitor = stage.open(&json!({})).await;
    let form = json!({"fields": {"name": "Eve", "email": "eve@example.com"}, "user": only_id(&Value::Null)});
    let after_form = visitor.api.post("/widget/v1/pre-chat", &form).await;
    assert_ne!(after_form.body["contact"]["id"], owner.contact_id());
    assert_ne!(after_form.body["contact"]["userId"], "canary-id");
    let message = json!({"clientMessageId": stage.chance.uuid(), "text": "hi", "user": only_id(&Value::Null)});
    visitor.api.post("/widget/v1/messages", &message).await;
    let change = visitor.api.patch("/widget/v1/contact", &only_id(&Value::Null)).await;
    assert_ne!(change.body["userId"], "canary-id");
    assert_eq!(owner.thread_texts().await, Vec::<String>::new());
    let agent = stage.agent().await;
    let with_id = agent.contacts().await.into_iter().filter(|c| c["userId"] == "canary-id");
    assert_eq!(with_id.count(), 1);
}

#[tokio::test]
async fn a_hash_without_a_user_id_is_a_warning() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({"security_hash": "h"})).await;
    assert_eq!(visitor.mode(), "visitor");
    let warnings = visitor.start["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w["pointer"] == "/user/security_hash"), "{warnings:?}");
}

#[tokio::test]
async fn of_64_different_first_hashes_exactly_one_wins() {
    let stage = Stage::new().await;
    let hash = |number: usize| only_id(&json!(format!("hash-{number}")));
    let users: Vec<_> = (0..64).map(hash).collect();
    let replies = join_all(users.iter().map(|user| stage.init(user))).await;
    let won: Vec<_> = (0..64).filter(|n| replies[*n].status == 200).collect();
    let refused = replies.iter().filter(|reply| reply.status == 403).count();
    assert_eq!((won.len(), refused), (1, 63));
    let owner = stage.open(&hash(won[0])).await;
    for number in (0..64).filter(|n| *n != won[0]) {
        clean_chat(stage.init(&hash(number)).await, owner.contact_id());
    }
}

#[tokio::test]
async fn of_64_equal_first_hashes_all_win() {
    let stage = Stage::new().await;
    let user = only_id(&json!("the-hash"));
    let replies = join_all((0..64).map(|_| stage.init(&user))).await;
    let widgets: Vec<_> = replies.into_iter().map(|r| Widget::new(&stage, r.expect(200))).collect();
    assert!(widgets.iter().all(|widget| widget.contact_id() == widgets[0].contact_id()));
    // None of them was cut off by another.
    let calls = widgets.iter().map(|widget| widget.api.get("/widget/v1/messages"));
    assert!(join_all(calls).await.iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn of_64_simultaneous_first_logins_one_contact_comes() {
    let stage = Stage::new().await;
    let user = crate::journey::customer();
    let replies = join_all((0..64).map(|_| stage.init(&user))).await;
    let widgets: Vec<_> = replies.into_iter().map(|r| Widget::new(&stage, r.expect(200))).collect();
    assert!(widgets.iter().all(|widget| widget.contact_id() == widgets[0].contact_id()));
    let ids: Vec<_> = widgets.iter().map(|w| w.start["conversation"]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let contacts = stage.agent().await.contacts().await;
    assert_eq!(contacts.iter().filter(|contact| contact["userId"] == "12345").count(), 1);
}

#[tokio::test]
async fn an_unknown_application_is_one_answer_and_writes_nothing() {
    let stage = Stage::new().await;
    let before = onethread_tests::row_counts(&stage.server.data_dir()).await;
    let wrong = [
        ("organization", json!("nobody")),
        ("applicationId", json!(987_654)),
        ("applicationSecret", json!("wrong")),
        ("applicationSecret", json!("")),
    ];
    let mut bodies = Vec::new();
    for (field, value) in wrong {
        let mut body = stage.init_body(&crate::journey::customer());
        body[field] = value;
        let reply = stage.api.post("/widget/v1/init", &body).await;
        let mut problem = reply.problem(401, "unknown-application");
        problem["traceId"] = Value::Null;
        bodies.push(problem);
    }
    let unknown = json!({"organization": stage.bootstrap["organization"], "appId": stage.chance.uuid(), "user": {}});
    let mut problem =
        stage.api.post("/widget/v1/init", &unknown).await.problem(401, "unknown-application");
    problem["traceId"] = Value::Null;
    bodies.push(problem);
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:#?}");
    assert_eq!(onethread_tests::row_counts(&stage.server.data_dir()).await, before);
}

#[tokio::test]
async fn without_a_token_nothing_of_the_widget_is_had() {
    let stage = Stage::new().await;
    for api in [stage.api.clone(), stage.api.with_token("nonsense")] {
        for path in ["/widget/v1/messages", "/widget/v1/events"] {
            api.get(path).await.problem(401, "session-ended");
        }
        let message = json!({"clientMessageId": stage.chance.uuid(), "text": "hi"});
        api.post("/widget/v1/messages", &message).await.problem(401, "session-ended");
        let change =
            Reply::of(api.request(Method::PATCH, "/widget/v1/contact").json(&json!({}))).await;
        change.problem(401, "session-ended");
    }
}
