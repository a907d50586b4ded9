//! Invalid requests, and their problem responses.

use onethread_tests::{ApiResponse, TestServer};
use reqwest::{Body, Method};
use serde_json::json;

const JSON: &str = "application/json";

async fn post_raw(
    server: &TestServer,
    path: &str,
    kind: &str,
    body: impl Into<Body>,
) -> ApiResponse {
    let request = server.api.request(Method::POST, path);
    let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
    ApiResponse::send(request.body(body)).await
}

#[tokio::test]
async fn a_malformed_body_is_400() {
    let server = TestServer::new().await;
    let (deep, deeper) = ("[".repeat(10_000), "[".repeat(100_000));
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
            let reply = post_raw(&server, path, JSON, body.to_vec()).await;
            reply.expect_problem(400, "malformed-json");
        }
    }
    let reply = post_raw(&server, "/widget/v1/init", JSON, deeper.clone()).await;
    reply.expect_problem(400, "malformed-json");
    // A login needs no body of this size.
    post_raw(&server, "/v1/login", JSON, deeper).await.expect_problem(413, "too-large");
    // JSON, but not an object.
    for body in ["[]", "7", "null", "\"text\"", "{}", "{\"organization\":7}"] {
        post_raw(&server, "/widget/v1/init", JSON, body).await.expect_problem(400, "");
    }
}

#[tokio::test]
async fn a_body_too_large_is_413() {
    let server = TestServer::new().await;
    let mut body = server.init_body(&json!({"name": "n".repeat(256 * 1024)}));
    server.api.post("/widget/v1/init", &body).await.expect_problem(413, "too-large");
    // The same without a Content-Length.
    let text = body.to_string().into_bytes();
    let chunks: Vec<_> =
        text.chunks(8192).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    let stream = Body::wrap_stream(futures::stream::iter(chunks));
    post_raw(&server, "/widget/v1/init", JSON, stream).await.expect_problem(413, "too-large");
    // A slightly smaller body is read. Its name is too long, which is a warning.
    body["user"]["name"] = json!("n".repeat(255 * 1024));
    server.api.post("/widget/v1/init", &body).await.expect(200);
}

#[tokio::test]
async fn a_wrong_content_type_is_415() {
    let server = TestServer::new().await;
    let body = server.init_body(&json!({})).to_string();
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "text/json"] {
        let reply = post_raw(&server, "/widget/v1/init", kind, body.clone()).await;
        reply.expect_problem(415, "unsupported-media-type");
    }
    let kind = "application/json; charset=utf-8";
    post_raw(&server, "/widget/v1/init", kind, body.clone()).await.expect(200);
    let agent = server.log_in_owner().await;
    let upload = agent.api.request(Method::POST, "/v1/imports").header("content-type", JSON);
    ApiResponse::send(upload.body("{}")).await.expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_wrong_method_405() {
    let server = TestServer::new().await;
    for path in [
        "/nothing",
        "/widget/v1/nothing",
        "/v1/nothing",
        "/widget/v1",
        "/v1/contacts/x/y/z",
        "/%2e%2e",
    ] {
        server.api.get(path).await.expect_problem(404, "not-found");
        server.api.post(path, &json!({})).await.expect_problem(404, "not-found");
    }
    for (method, path, allowed) in [
        (Method::GET, "/widget/v1/init", "POST"),
        (Method::DELETE, "/widget/v1/messages", "GET"),
        (Method::PUT, "/v1/login", "POST"),
        (Method::POST, "/v1/contacts/00000000-0000-0000-0000-000000000000/messages/x", ""),
        (Method::POST, "/healthz", "GET"),
        (Method::POST, "/demo", "GET"),
    ] {
        let reply = ApiResponse::send(server.api.request(method, path)).await;
        if allowed.is_empty() {
            reply.expect_problem(404, "not-found");
        } else {
            assert!(reply.header("allow").contains(allowed), "{path}: {:?}", reply.headers);
            reply.expect_problem(405, "method-not-allowed");
        }
    }
}

#[tokio::test]
async fn list_parameters_have_bounds() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    for path in ["/v1/contacts", "/v1/conversations", "/v1/imports"] {
        for limit in ["0", "-1", "x"] {
            agent.api.get(&format!("{path}?limit={limit}")).await.expect_problem(400, "");
        }
        for limit in ["200", "100000", "99999999999999999999"] {
            agent.api.get(&format!("{path}?limit={limit}")).await.expect(200);
        }
        agent.api.get(&format!("{path}?cursor=nonsense")).await.expect_problem(400, "");
    }
    agent.api.get("/v1/contacts?sort=password").await.expect_problem(400, "");
    agent.api.get("/v1/conversations?status=nonsense").await.expect_problem(400, "");
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = TestServer::new().await;
    let mut body = server.init_body(&json!({"user_id": "u", "colour": {"deep": [1]}}));
    body["shoeSize"] = json!(44);
    server.api.post("/widget/v1/init", &body).await.expect(200);
}

#[tokio::test]
async fn pages_of_other_sites_call_the_widget_but_not_v1() {
    let server = TestServer::new().await;
    let preflight = |path: &str| {
        server
            .api
            .request(Method::OPTIONS, path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
    };
    let widget = ApiResponse::send(preflight("/widget/v1/messages")).await;
    assert!(widget.status < 300, "{}", widget.status);
    assert!(["*", "https://shop.example"].contains(&widget.header("access-control-allow-origin")));
    assert_eq!(widget.header("access-control-allow-credentials"), "");
    let allowed = widget.header("access-control-allow-headers").to_lowercase();
    assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");
    let agents = ApiResponse::send(preflight("/v1/conversations")).await;
    assert_eq!(agents.header("access-control-allow-origin"), "");

    let init = server.api.request(Method::POST, "/widget/v1/init");
    let init = init.header("origin", "https://shop.example").json(&server.init_body(&json!({})));
    let init = ApiResponse::send(init).await;
    assert!(["*", "https://shop.example"].contains(&init.header("access-control-allow-origin")));
}
