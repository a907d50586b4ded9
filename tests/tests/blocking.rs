//! Blocked addresses, as a trusted proxy tells of them.

use std::time::{Duration, Instant};

use onethread_tests::{Api, Events, Options, Reply, Stage};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn from(request: RequestBuilder, address: &str) -> RequestBuilder {
    request.header("x-forwarded-for", format!("198.51.100.7, {address}"))
}

async fn init(stage: &Stage, address: &str, user: &Value) -> Reply {
    let request = stage.api.request(Method::POST, "/widget/v1/init");
    Reply::of(from(request.json(&stage.init_body(user)), address)).await
}

async fn delete(api: &Api, path: &str) -> Reply {
    Reply::of(api.request(Method::DELETE, path)).await
}

#[tokio::test]
async fn from_a_blocked_address_no_widget_is_served() {
    let proxied = Options::default().env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.0/8");
    let stage = Stage::with(proxied).await;
    let agent = stage.agent().await;
    let session = init(&stage, "192.0.2.7", &json!({"user_id": "u"})).await.expect(200);
    let api = stage.api.with_token(session["session"]["token"].as_str().unwrap());
    let open = async |address| {
        Events::open(from(api.request(Method::GET, "/widget/v1/events"), address)).await
    };
    let (mut cut, mut kept) = (open("192.0.2.7").await, open("192.0.2.8").await);

    let body = json!({"address": "192.0.2.7", "reason": "spam"});
    let blocked = agent.api.post("/v1/blocked-addresses", &body).await.expect(201);
    let since = Instant::now();
    cut.expect("session-ended").await;
    cut.until_end(Duration::from_secs(1)).await;
    assert!(since.elapsed() <= Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(agent.api.post("/v1/blocked-addresses", &body).await.expect(200), blocked);

    let message = || json!({"clientMessageId": stage.chance.uuid(), "text": "buy"});
    for (method, path, body) in [
        (Method::POST, "/widget/v1/messages", message()),
        (Method::POST, "/widget/v1/typing", json!({"typing": true})),
        (Method::POST, "/widget/v1/track", json!({"name": "e"})),
        (Method::PATCH, "/widget/v1/contact", json!({"name": "N"})),
        (Method::GET, "/widget/v1/messages", Value::Null),
        (Method::GET, "/widget/v1/events", Value::Null),
        (Method::POST, "/widget/v1/logout", json!({})),
    ] {
        let request = api.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        Reply::of(from(request, "::ffff:192.0.2.7")).await.problem(403, "blocked");
    }
    for user in [json!({}), json!({"user_id": "u"}), json!({"user_id": "new"})] {
        init(&stage, "192.0.2.7", &user).await.problem(403, "blocked");
    }
    // The person at another address goes on, and so do agents at this one.
    let said = api.request(Method::POST, "/widget/v1/messages").json(&message());
    Reply::of(from(said, "192.0.2.8")).await.expect(201);
    kept.expect_without("message", "session-ended").await;
    Reply::of(from(agent.api.request(Method::GET, "/v1/me"), "192.0.2.7")).await.expect(200);

    let listed = agent.api.get("/v1/blocked-addresses").await.expect(200);
    assert_eq!(listed["items"], json!([blocked]));
    let path = format!("/v1/blocked-addresses/{}", blocked["id"].as_str().unwrap());
    assert_eq!(delete(&agent.api, &path).await.status, 204);
    delete(&agent.api, &path).await.problem(404, "not-found");
    init(&stage, "192.0.2.7", &json!({})).await.expect(200);
}

#[tokio::test]
async fn only_owners_block_and_only_addresses() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let server = stage.api.with_token(stage.bootstrap["apiKey"].as_str().unwrap());
    let visitor = stage.open(&json!({})).await;
    let good = json!({"address": "192.0.2.7"});
    for nobody in [&server, &visitor.api] {
        nobody.post("/v1/blocked-addresses", &good).await.problem(403, "forbidden");
        nobody.get("/v1/blocked-addresses").await.problem(403, "forbidden");
    }
    for (wrong, pointer) in [
        (json!({}), "/address"),
        (json!({"address": 7}), "/address"),
        (json!({"address": "example.com"}), "/address"),
        (json!({"address": "0.0.0.0/0"}), "/address"),
        (json!({"address": "192.0.2.7", "reason": ["spam"]}), "/reason"),
        (json!({"address": "192.0.2.7", "reason": "x".repeat(1025)}), "/reason"),
    ] {
        agent.api.post("/v1/blocked-addresses", &wrong).await.refuses(pointer);
    }
    let listed = agent.api.get("/v1/blocked-addresses").await.expect(200);
    assert_eq!(listed, json!({"items": [], "nextCursor": null}));
}
