//! `security_hash` under the default policy: who can log in as a contact, and what others get.

use std::time::{Duration, Instant};

use futures::future::join_all;
use onethread_tests::{ApiResponse, Device, TestServer, Widget};
use reqwest::Method;
use serde_json::{Value, json};

/// Returns a user all of whose values are recognizable in other places.
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

/// Checks that the response is a 403 with a new session without any data of the contact.
#[track_caller]
pub(crate) fn clean_chat(reply: ApiResponse, contact: &str) -> Value {
    let text = reply.text.clone();
    let body = reply.expect_problem(403, "identity-refused");
    let session = &body["cleanSession"];
    assert_eq!(session["mode"], "visitor", "{body}");
    assert_eq!(session["conversation"]["messages"], json!([]), "{body}");
    assert_eq!(session["conversation"]["lastSeq"], 0, "{body}");
    assert_eq!(session["conversation"]["unread"], 0, "{body}");
    assert_eq!(session["contact"]["nameGenerated"], true, "{body}");
    assert_eq!(session["contact"]["userId"], Value::Null, "{body}");
    // The end of the phone number as it was sent and as it may be stored. Its last digits alone may
    // be in tokens and trace ids by chance.
    for secret in ["canary", "Canary", "019 2837", "0192837", "the message", "Mallory", contact] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    session.clone()
}

#[tokio::test]
async fn without_a_claim_any_well_formed_hash_is_accepted() {
    let server = TestServer::new().await;
    let plain = server.start_session(&person(&Value::Null)).await;
    plain.send("the message").await;
    for none in [Value::Null, json!("")] {
        let again = server.start_session(&only_id(&none)).await;
        assert_eq!(again.contact_id(), plain.contact_id());
        assert_eq!(again.initial_texts(), ["the message"]);
    }
    for wrong in [json!(["h"]), json!(7), json!(true), json!({"h": 1}), json!("h".repeat(1025))] {
        server.init(&only_id(&wrong)).await.expect_invalid("/user/security_hash");
    }
    // None of them has claimed it.
    assert_eq!(server.start_session(&only_id(&Value::Null)).await.initial_texts(), ["the message"]);
    // The longest allowed hash claims it.
    let longest = json!("h".repeat(1024));
    assert_eq!(server.start_session(&only_id(&longest)).await.initial_texts(), ["the message"]);
    assert_eq!(server.start_session(&only_id(&longest)).await.initial_texts(), ["the message"]);
    clean_chat(server.init(&only_id(&Value::Null)).await, plain.contact_id());
}

#[tokio::test]
async fn with_a_claim_the_same_hash_is_required() {
    let server = TestServer::new().await;
    let right = json!("right-hash");
    let owner = server.start_session(&person(&right)).await;
    owner.send("the message").await;
    let profile = owner.start["contact"].clone();

    for none in
        [Value::Null, json!(""), json!("wrong-hash"), json!("Right-hash"), json!("right-hash ")]
    {
        clean_chat(server.init(&only_id(&none)).await, owner.contact_id());
    }
    // Profile fields of a rejected init are not stored.
    let mut forged = only_id(&json!("wrong-hash"));
    forged["name"] = json!("Mallory");
    clean_chat(server.init(&forged).await, owner.contact_id());
    clean_chat(
        server.init(&json!({"user_id": "canary-id", "email": null})).await,
        owner.contact_id(),
    );
    for wrong in [json!(["right-hash"]), json!(7), json!({})] {
        server.init(&only_id(&wrong)).await.expect_invalid("/user/security_hash");
    }

    let back = server.start_session(&only_id(&right)).await;
    assert_eq!(back.start["contact"], profile);
    assert_eq!(back.initial_texts(), ["the message"]);
    let agent = server.log_in_owner().await;
    assert_eq!(agent.contact(owner.contact_id()).await.unwrap()["verified"], "security_hash");
}

#[tokio::test]
async fn a_claim_is_audited_once_and_shown_to_owners_only() {
    let server = TestServer::new().await;
    let person = server.start_session(&only_id(&json!("right-hash"))).await;
    server.start_session(&only_id(&json!("right-hash"))).await;
    clean_chat(server.init(&only_id(&json!("wrong-hash"))).await, person.contact_id());

    let agent = server.log_in_owner().await;
    let audit = agent.api.get("/v1/audit").await.expect(200);
    assert_eq!(audit["nextCursor"], Value::Null);
    let items = audit["items"].as_array().unwrap();
    let items: Vec<_> = items.iter().filter(|item| item["action"] == "claim.set").collect();
    assert_eq!(items.len(), 1, "{audit}");
    let at = &items[0]["at"];
    let claimed = json!({"at": at, "actor": "widget", "action": "claim.set",
        "subject": person.contact_id(), "detail": ""});
    assert_eq!(*items[0], claimed);
    let by_api_key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    by_api_key.get("/v1/audit").await.expect_problem(403, "forbidden");
    person.api.get("/v1/audit").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_claim_ends_sessions_that_did_not_prove_it() {
    let server = TestServer::new().await;
    let unproven = server.start_session(&person(&Value::Null)).await;
    unproven.send("the message").await;
    let mut cut = unproven.events().await;

    let proven = server.start_session(&only_id(&json!("right-hash"))).await;
    let claimed = Instant::now();
    assert_eq!(proven.initial_texts(), ["the message"]);
    let mut kept = proven.events().await;

    cut.expect("session-ended").await;
    cut.until_end(Duration::from_secs(1)).await;
    let took = claimed.elapsed();
    assert!(took <= Duration::from_secs(1), "the stream lived on for {took:?}");
    unproven.try_send("still me").await.expect_problem(401, "session-ended");
    unproven.api.get("/widget/v1/messages").await.expect_problem(401, "session-ended");
    unproven
        .api
        .patch("/widget/v1/contact", &json!({"name": "X"}))
        .await
        .expect_problem(401, "session-ended");

    // The session that proved it continues.
    proven.send("it is me").await;
    assert_eq!(kept.expect_without("message", "session-ended").await["text"], "it is me");
}

#[tokio::test]
async fn a_rejection_changes_neither_the_device_nor_the_claim() {
    let server = TestServer::new().await;
    let owner = server.start_session(&person(&json!("right-hash"))).await;
    let visitor = server.start_session(&json!({})).await;
    visitor.submit_form(&json!({"name": "Vera", "email": "vera@example.com"})).await.expect(200);
    visitor.send("as a visitor").await;

    let refused = server.init_on(&visitor.device(), &only_id(&json!("wrong"))).await;
    let clean = clean_chat(refused, owner.contact_id());
    assert_ne!(clean["contact"]["id"], visitor.contact_id());
    let back = server.start_session_on(&visitor.device(), &json!({})).await;
    assert_eq!(back.contact_id(), visitor.contact_id());
    assert_eq!(back.initial_texts(), ["as a visitor"]);
    assert_eq!(
        server.start_session(&only_id(&json!("right-hash"))).await.contact_id(),
        owner.contact_id()
    );
}

#[tokio::test]
async fn a_clean_session_is_never_merged() {
    let server = TestServer::new().await;
    let owner = server.start_session(&person(&json!("right-hash"))).await;
    let refused = server.init(&only_id(&json!("wrong"))).await;
    let clean = Widget::new(&server, clean_chat(refused, owner.contact_id()));
    clean.submit_form(&json!({"name": "Clean", "email": "clean@example.com"})).await.expect(200);
    clean.send("from the clean chat").await;

    let device = Device(clean.start["session"]["deviceToken"].as_str().unwrap().to_owned());
    for user in [json!({"user_id": "somebody-new"}), only_id(&json!("right-hash"))] {
        let joined = server.start_session_on(&device, &user).await;
        assert_ne!(joined.contact_id(), clean.contact_id());
        assert_eq!(joined.initial_texts(), Vec::<&str>::new());
    }
    assert_eq!(owner.message_texts().await, Vec::<String>::new());
}

#[tokio::test]
async fn no_other_call_can_set_an_identity() {
    let server = TestServer::new().await;
    let owner = server.start_session(&person(&json!("right-hash"))).await;
    let visitor = server.start_session(&json!({})).await;
    let form = json!({"fields": {"name": "Eve", "email": "eve@example.com"}, "user": only_id(&Value::Null)});
    let after_form = visitor.api.post("/widget/v1/pre-chat", &form).await;
    assert_ne!(after_form.body["contact"]["id"], owner.contact_id());
    assert_ne!(after_form.body["contact"]["userId"], "canary-id");
    let message = json!({"clientMessageId": server.random.uuid(), "text": "hi", "user": only_id(&Value::Null)});
    visitor.api.post("/widget/v1/messages", &message).await;
    let change = visitor.api.patch("/widget/v1/contact", &only_id(&Value::Null)).await;
    assert_ne!(change.body["userId"], "canary-id");
    assert_eq!(owner.message_texts().await, Vec::<String>::new());
    let agent = server.log_in_owner().await;
    let with_id = agent.contacts().await.into_iter().filter(|c| c["userId"] == "canary-id");
    assert_eq!(with_id.count(), 1);
}

#[tokio::test]
async fn a_hash_without_a_user_id_is_a_warning() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({"security_hash": "h"})).await;
    assert_eq!(visitor.mode(), "visitor");
    let warnings = visitor.start["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w["pointer"] == "/user/security_hash"), "{warnings:?}");
}

#[tokio::test]
async fn one_of_64_concurrent_first_hashes_wins() {
    let server = TestServer::new().await;
    let hash = |number: usize| only_id(&json!(format!("hash-{number}")));
    let users: Vec<_> = (0..64).map(hash).collect();
    let replies = join_all(users.iter().map(|user| server.init(user))).await;
    let won: Vec<_> = (0..64).filter(|n| replies[*n].status == 200).collect();
    let refused = replies.iter().filter(|reply| reply.status == 403).count();
    assert_eq!((won.len(), refused), (1, 63));
    let owner = server.start_session(&hash(won[0])).await;
    for number in (0..64).filter(|n| *n != won[0]) {
        clean_chat(server.init(&hash(number)).await, owner.contact_id());
    }
}

#[tokio::test]
async fn all_of_64_equal_concurrent_first_hashes_win() {
    let server = TestServer::new().await;
    let user = only_id(&json!("the-hash"));
    let replies = join_all((0..64).map(|_| server.init(&user))).await;
    let widgets: Vec<_> =
        replies.into_iter().map(|r| Widget::new(&server, r.expect(200))).collect();
    assert!(widgets.iter().all(|widget| widget.contact_id() == widgets[0].contact_id()));
    // None of their sessions has ended.
    let calls = widgets.iter().map(|widget| widget.api.get("/widget/v1/messages"));
    assert!(join_all(calls).await.iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn concurrent_first_logins_create_one_contact() {
    let server = TestServer::new().await;
    let user = crate::journey::customer();
    let replies = join_all((0..64).map(|_| server.init(&user))).await;
    let widgets: Vec<_> =
        replies.into_iter().map(|r| Widget::new(&server, r.expect(200))).collect();
    assert!(widgets.iter().all(|widget| widget.contact_id() == widgets[0].contact_id()));
    let ids: Vec<_> = widgets.iter().map(|w| w.start["conversation"]["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let contacts = server.log_in_owner().await.contacts().await;
    assert_eq!(contacts.iter().filter(|contact| contact["userId"] == "12345").count(), 1);
}

#[tokio::test]
async fn unknown_applications_get_the_same_response_and_write_nothing() {
    let server = TestServer::new().await;
    let before = onethread_tests::row_counts(&server.process.data_dir()).await;
    let wrong = [
        ("organization", json!("nobody")),
        ("applicationId", json!(987_654)),
        ("applicationSecret", json!("wrong")),
        ("applicationSecret", json!("")),
    ];
    let mut bodies = Vec::new();
    for (field, value) in wrong {
        let mut body = server.init_body(&crate::journey::customer());
        body[field] = value;
        let reply = server.api.post("/widget/v1/init", &body).await;
        let mut problem = reply.expect_problem(401, "unknown-application");
        problem["traceId"] = Value::Null;
        bodies.push(problem);
    }
    let unknown = json!({"organization": server.bootstrap["organization"], "appId": server.random.uuid(), "user": {}});
    let mut problem = server
        .api
        .post("/widget/v1/init", &unknown)
        .await
        .expect_problem(401, "unknown-application");
    problem["traceId"] = Value::Null;
    bodies.push(problem);
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:#?}");
    assert_eq!(onethread_tests::row_counts(&server.process.data_dir()).await, before);
}

#[tokio::test]
async fn the_widget_s_calls_require_a_token() {
    let server = TestServer::new().await;
    for api in [server.api.clone(), server.api.with_token("nonsense")] {
        for path in ["/widget/v1/messages", "/widget/v1/events"] {
            api.get(path).await.expect_problem(401, "session-ended");
        }
        let message = json!({"clientMessageId": server.random.uuid(), "text": "hi"});
        api.post("/widget/v1/messages", &message).await.expect_problem(401, "session-ended");
        let change =
            ApiResponse::send(api.request(Method::PATCH, "/widget/v1/contact").json(&json!({})))
                .await;
        change.expect_problem(401, "session-ended");
    }
}
