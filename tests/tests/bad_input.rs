//! What is refused, with which status, and always as a problem body.

use onethread_tests::{Reply, Stage};
use reqwest::{Body, Method};
use serde_json::json;

const JSON: &str = "application/json";

async fn post_raw(stage: &Stage, path: &str, kind: &str, body: impl Into<Body>) -> Reply {
    let request = stage.api.request(Method::POST, path);
    let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
    Reply::of(request.body(body)).await
}

#[tokio::test]
async fn a_body_that_is_no_json_is_400() {
    let stage = Stage::new().await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 7] = [
        b"",
        b"{",
        b"{\"organization\":\"demo\"",
        b"nonsense",
        b"{} {}",
        b"\"\xff\"",
        deep.as_bytes(),
    ];
    for path in ["/widget/v1/init", "/v1/login"] {
        for body in bodies {
            let reply = post_raw(&stage, path, JSON, body.to_vec()).await;
            reply.problem(400, "malformed-json");
        }
    }
    // JSON, but not the object that is wanted.
    for body in ["[]", "7", "null", "\"text\"", "{}", "{\"organization\":7}"] {
        post_raw(&stage, "/widget/v1/init", JSON, body).await.problem(400, "");
    }
}

#[tokio::test]
async fn a_body_too_large_is_413() {
    let stage = Stage::new().await;
    let mut body = stage.init_body(&json!({"name": "n".repeat(256 * 1024)}));
    stage.api.post("/widget/v1/init", &body).await.problem(413, "too-large");
    // The same without a length told beforehand.
    let text = body.to_string().into_bytes();
    let chunks: Vec<_> =
        text.chunks(8192).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    let stream = Body::wrap_stream(futures::stream::iter(chunks));
    post_raw(&stage, "/widget/v1/init", JSON, stream).await.problem(413, "too-large");
    // Just below it is read: the name is too long then, which is a warning.
    body["user"]["name"] = json!("n".repeat(255 * 1024));
    stage.api.post("/widget/v1/init", &body).await.expect(200);
}

#[tokio::test]
async fn a_wrong_content_type_is_415() {
    let stage = Stage::new().await;
    let body = stage.init_body(&json!({})).to_string();
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "text/json"] {
        let reply = post_raw(&stage, "/widget/v1/init", kind, body.clone()).await;
        reply.problem(415, "unsupported-media-type");
    }
    let kind = "application/json; charset=utf-8";
    post_raw(&stage, "/widget/v1/init", kind, body.clone()).await.expect(200);
    let agent = stage.agent().await;
    let upload = agent.api.request(Method::POST, "/v1/imports").header("content-type", JSON);
    Reply::of(upload.body("{}")).await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_wrong_method_405() {
    let stage = Stage::new().await;
    for path in [
        "/nothing",
        "/widget/v1/nothing",
        "/v1/nothing",
        "/widget/v1",
        "/v1/contacts/x/y/z",
        "/%2e%2e",
    ] {
        stage.api.get(path).await.problem(404, "not-found");
        stage.api.post(path, &json!({})).await.problem(404, "not-found");
    }
    for (method, path, allowed) in [
        (Method::GET, "/widget/v1/init", "POST"),
        (Method::DELETE, "/widget/v1/messages", "GET"),
        (Method::PUT, "/v1/login", "POST"),
        (Method::POST, "/v1/contacts/00000000-0000-0000-0000-000000000000/messages/x", ""),
        (Method::POST, "/healthz", "GET"),
        (Method::POST, "/demo", "GET"),
    ] {
        let reply = Reply::of(stage.api.request(method, path)).await;
        if allowed.is_empty() {
            reply.problem(404, "not-found");
        } else {
            assert!(reply.header("allow").contains(allowed), "{path}: {:?}", reply.headers);
            reply.problem(405, "method-not-allowed");
        }
    }
}

#[tokio::test]
async fn lists_are_asked_for_within_bounds() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    for path in ["/v1/contacts", "/v1/conversations", "/v1/imports"] {
        for limit in ["0", "-1", "x"] {
            agent.api.get(&format!("{path}?limit={limit}")).await.problem(400, "");
        }
        for limit in ["200", "100000", "99999999999999999999"] {
            agent.api.get(&format!("{path}?limit={limit}")).await.expect(200);
        }
        agent.api.get(&format!("{path}?cursor=nonsense")).await.problem(400, "");
    }
    agent.api.get("/v1/contacts?sort=password").await.problem(400, "");
    agent.api.get("/v1/conversations?status=nonsense").await.problem(400, "");
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let stage = Stage::new().await;
    let mut body = stage.init_body(&json!({"user_id": "u", "colour": {"deep": [1]}}));
    body["shoeSize"] = json!(44);
    stage.api.post("/widget/v1/init", &body).await.expect(200);
}

#[tokio::test]
async fn pages_of_other_sites_call_the_widget_but_not_v1() {
    let stage = Stage::new().await;
    let preflight = |path: &str| {
        stage
            .api
            .request(Method::OPTIONS, path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
    };
    let widget = Reply::of(preflight("/widget/v1/messages")).await;
    assert!(widget.status < 300, "{}", widget.status);
    assert!(["*", "https://shop.example"].contains(&widget.header("access-control-allow-origin")));
    assert_eq!(widget.header("access-control-allow-credentials"), "");
    let allowed = widget.header("access-control-allow-headers").to_lowercase();
    assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");
    let agents = Reply::of(preflight("/v1/conversations")).await;
    assert_eq!(agents.header("access-control-allow-origin"), "");

    let init = stage.api.request(Method::POST, "/widget/v1/init");
    let init = init.header("origin", "https://shop.example").json(&stage.init_body(&json!({})));
    let init = Reply::of(init).await;
    assert!(["*", "https://shop.example"].contains(&init.header("access-control-allow-origin")));
}
