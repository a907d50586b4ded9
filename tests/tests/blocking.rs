//! Blocked addresses, behind a trusted proxy.

use std::time::{Duration, Instant};

use onethread_tests::{Api, ApiResponse, Events, Options, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn from(request: RequestBuilder, address: &str) -> RequestBuilder {
    request.header("x-forwarded-for", format!("198.51.100.7, {address}"))
}

async fn init(server: &TestServer, address: &str, user: &Value) -> ApiResponse {
    let request = server.api.request(Method::POST, "/widget/v1/init");
    ApiResponse::send(from(request.json(&server.init_body(user)), address)).await
}

async fn delete(api: &Api, path: &str) -> ApiResponse {
    ApiResponse::send(api.request(Method::DELETE, path)).await
}

#[tokio::test]
async fn widgets_of_a_blocked_address_are_rejected() {
    let proxied = Options::default().env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = TestServer::with(proxied).await;
    let agent = server.log_in_owner().await;
    let session = init(&server, "192.0.2.7", &json!({"user_id": "u"})).await.expect(200);
    let api = server.api.with_token(session["session"]["token"].as_str().unwrap());
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

    let message = || json!({"clientMessageId": server.random.uuid(), "text": "buy"});
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
        ApiResponse::send(from(request, "::ffff:192.0.2.7")).await.expect_problem(403, "blocked");
    }
    for user in [json!({}), json!({"user_id": "u"}), json!({"user_id": "new"})] {
        init(&server, "192.0.2.7", &user).await.expect_problem(403, "blocked");
    }
    // The same contact at another address is not blocked, and neither are agents at this one.
    let message = api.request(Method::POST, "/widget/v1/messages").json(&message());
    ApiResponse::send(from(message, "192.0.2.8")).await.expect(201);
    kept.expect_without("message", "session-ended").await;
    ApiResponse::send(from(agent.api.request(Method::GET, "/v1/me"), "192.0.2.7"))
        .await
        .expect(200);

    let listed = agent.api.get("/v1/blocked-addresses").await.expect(200);
    assert_eq!(listed["items"], json!([blocked]));
    let path = format!("/v1/blocked-addresses/{}", blocked["id"].as_str().unwrap());
    assert_eq!(delete(&agent.api, &path).await.status, 204);
    delete(&agent.api, &path).await.expect_problem(404, "not-found");
    init(&server, "192.0.2.7", &json!({})).await.expect(200);
}

#[tokio::test]
async fn only_owners_can_block_and_only_valid_addresses() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let by_api_key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    let visitor = server.start_session(&json!({})).await;
    let good = json!({"address": "192.0.2.7"});
    for caller in [&by_api_key, &visitor.api] {
        caller.post("/v1/blocked-addresses", &good).await.expect_problem(403, "forbidden");
        caller.get("/v1/blocked-addresses").await.expect_problem(403, "forbidden");
    }
    for (wrong, pointer) in [
        (json!({}), "/address"),
        (json!({"address": 7}), "/address"),
        (json!({"address": "example.com"}), "/address"),
        (json!({"address": "0.0.0.0/0"}), "/address"),
        (json!({"address": "192.0.2.7", "reason": ["spam"]}), "/reason"),
        (json!({"address": "192.0.2.7", "reason": "x".repeat(1025)}), "/reason"),
    ] {
        agent.api.post("/v1/blocked-addresses", &wrong).await.expect_invalid(pointer);
    }
    let listed = agent.api.get("/v1/blocked-addresses").await.expect(200);
    assert_eq!(listed, json!({"items": [], "nextCursor": null}));
}
