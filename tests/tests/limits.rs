//! The default rate limits.

use onethread_tests::{Options, Reply, Stage};
use reqwest::Method;
use serde_json::json;

async fn limited() -> Stage {
    Stage::with(Options::default().env("ONETHREAD_RATE_LIMITS", "default")).await
}

#[track_caller]
fn too_many(reply: Reply) {
    let seconds: u64 = reply.header("retry-after").parse().expect("Retry-After is a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    reply.problem(429, "rate-limited");
}

#[tokio::test]
async fn inits_of_one_address_are_limited() {
    let stage = limited().await;
    let mut taken = 0;
    let refused = loop {
        // Whatever a client claims to pass on for: nobody is trusted.
        let request = stage.api.request(Method::POST, "/widget/v1/init");
        let request = request.header("x-forwarded-for", format!("192.0.2.{}", taken % 250));
        let reply = Reply::of(request.json(&stage.init_body(&json!({})))).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 400, "nothing limits inits");
    };
    too_many(refused);
    // 120 at once, and what came back meanwhile.
    assert!((120..=200).contains(&taken), "{taken}");
}

#[tokio::test]
async fn new_contacts_of_one_address_are_limited() {
    let stage = limited().await;
    let known = stage.open(&json!({"user_id": "u"})).await;
    let mut taken = 0;
    let refused = loop {
        let visitor = stage.open(&json!({})).await;
        let reply = visitor.fill_form(&json!({"name": "V", "email": "v@example.com"})).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 60, "nothing limits new contacts");
    };
    too_many(refused);
    assert!((20..=30).contains(&taken), "{taken}");
    // Those who are known go on.
    known.say("hello").await;
    stage.open(&json!({"user_id": "u"})).await;
}

#[tokio::test]
async fn logins_are_limited() {
    let stage = limited().await;
    let body = json!({"organization": stage.bootstrap["organization"], "email": "x@example.com", "password": "p"});
    let mut taken = 0;
    let refused = loop {
        let reply = stage.api.post("/v1/login", &body).await;
        if reply.status != 401 {
            break reply;
        }
        taken += 1;
        assert!(taken < 20, "nothing limits logins");
    };
    too_many(refused);
    assert!((5..=6).contains(&taken), "{taken}");
}

#[tokio::test]
async fn messages_of_one_device_are_limited() {
    let stage = limited().await;
    let (phone, laptop) =
        (stage.open(&json!({"user_id": "u"})).await, stage.open(&json!({"user_id": "u"})).await);
    let mut taken = 0;
    let refused = loop {
        let reply = phone.try_say("again").await;
        if reply.status != 201 {
            break reply;
        }
        taken += 1;
        assert!(taken < 200, "nothing limits messages");
    };
    too_many(refused);
    assert!((60..=100).contains(&taken), "{taken}");
    laptop.say("another device").await;
}
