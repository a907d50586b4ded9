//! Pages of other sites can do nothing with a logged-in browser. All operations of `/openapi.json`
//! are tested.

use onethread_tests::{Api, ApiResponse, TestServer, row_counts};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

const FOREIGN_ORIGIN: &str = "https://evil.example";

/// Returns method, path and documentation of each operation under this prefix, with an unknown id.
async fn calls(server: &TestServer, prefix: &str) -> Vec<(Method, String, Value)> {
    let document =
        ApiResponse::send(server.api.request(Method::GET, "/openapi.json")).await.expect(200);
    let id = server.random.uuid().to_string();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let parts = path.split('/').map(|part| if part.starts_with('{') { &*id } else { part });
            let path = parts.collect::<Vec<_>>().join("/");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            if path.starts_with(prefix) {
                calls.push((method, path, operation.clone()));
            }
        }
    }
    calls
}

/// True when the operation accepts the session cookie, according to its `security`.
fn takes_cookies(operation: &Value) -> bool {
    let schemes = operation["security"].as_array().expect("schemes");
    schemes.iter().any(|one| one.get("cookie").is_some())
}

fn with_body(request: RequestBuilder, path: &str) -> RequestBuilder {
    match path {
        "/v1/imports" => request.header("content-type", "text/csv").body("email\na@example.com\n"),
        _ => request.json(&json!({"name": "Mallory", "email": "m@example.com", "role": "owner"})),
    }
}

/// Logs the owner in. Returns the cookie and a client with the token.
async fn login(server: &TestServer) -> (String, Api) {
    let api = server.log_in_owner().await.api;
    (format!("onethread_session={}", api.token()), api)
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_the_cookie() {
    let server = TestServer::new().await;
    let (cookie, _) = login(&server).await;
    let changing: Vec<_> = calls(&server, "/v1/")
        .await
        .into_iter()
        .filter(|(method, _, operation)| *method != Method::GET && takes_cookies(operation))
        .collect();
    assert!(changing.len() > 30, "{}", changing.len());
    let before = row_counts(&server.process.data_dir()).await;
    let ours = format!("http://{}", server.process.address("http"));
    let almost = format!("{ours}.evil.example");
    for (method, path, _) in &changing {
        for origin in [None, Some("null"), Some(FOREIGN_ORIGIN), Some(&*almost)] {
            let request = server.api.request(method.clone(), path).header("cookie", &cookie);
            let request = with_body(request, path);
            let request = origin.into_iter().fold(request, |r, origin| r.header("origin", origin));
            let reply = ApiResponse::send(request).await;
            reply.expect_problem(403, "forbidden");
        }
    }
    assert_eq!(row_counts(&server.process.data_dir()).await, before);
    // The session still exists, and reads need no origin.
    let me = server.api.request(Method::GET, "/v1/me").header("cookie", &cookie);
    ApiResponse::send(me).await.expect(200);

    for (method, path, _) in &changing {
        // Our own pages, and clients with a token instead of a cookie, get another response, for
        // example that the id is unknown.
        let (cookie, api) = login(&server).await;
        let by_cookie = server.api.request(method.clone(), path).header("cookie", &cookie);
        let reply = ApiResponse::send(with_body(by_cookie.header("origin", &ours), path)).await;
        assert_ne!(reply.status, 403, "{method} {path}: {}", reply.text);
        let by_token = api.request(method.clone(), path).header("origin", FOREIGN_ORIGIN);
        let reply = ApiResponse::send(with_body(by_token, path)).await;
        assert_ne!(reply.status, 403, "{method} {path}: {}", reply.text);
    }
}

fn cors(headers: &HeaderMap) -> Vec<(String, String)> {
    let all = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    all.map(|(name, value)| (name.to_string(), value.to_str().expect("a text").to_owned()))
        .collect()
}

fn preflight(server: &TestServer, method: &Method, path: &str) -> RequestBuilder {
    let request = server.api.request(Method::OPTIONS, path).header("origin", FOREIGN_ORIGIN);
    let request = request.header("access-control-request-method", method.as_str());
    request.header("access-control-request-headers", "authorization, content-type")
}

#[tokio::test]
async fn pages_of_other_sites_can_read_widget_responses_only_and_without_credentials() {
    let server = TestServer::new().await;
    let (cookie, _) = login(&server).await;
    for (method, path, _) in calls(&server, "/v1/").await {
        let asked = ApiResponse::send(preflight(&server, &method, &path)).await;
        assert_eq!((asked.status, cors(&asked.headers)), (405, Vec::new()), "{method} {path}");
        if method != Method::GET || path.ends_with("/events") {
            continue;
        }
        let request = server.api.request(method, &path).header("cookie", &cookie);
        let reply = ApiResponse::send(request.header("origin", FOREIGN_ORIGIN)).await;
        assert_eq!(cors(&reply.headers), Vec::new(), "{path}");
    }
    for (method, path, _) in calls(&server, "/widget/v1/").await {
        let asked = ApiResponse::send(preflight(&server, &method, &path)).await;
        assert_eq!(asked.status, 200, "{method} {path}");
        assert_eq!(asked.header("access-control-allow-origin"), "*");
        let methods = asked.header("access-control-allow-methods");
        assert!(methods.split(',').any(|one| one.trim() == method.as_str()), "{methods}");
        assert_eq!(asked.header("access-control-allow-credentials"), "");
        // The widget's calls ignore cookies.
        let request = server.api.request(method.clone(), &path).header("cookie", &cookie);
        let reply =
            ApiResponse::send(with_body(request.header("origin", FOREIGN_ORIGIN), &path)).await;
        assert!(matches!(reply.status, 400 | 401), "{method} {path}: {}", reply.text);
        assert_eq!(reply.header("access-control-allow-origin"), FOREIGN_ORIGIN, "{method} {path}");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn only_pages_of_allowed_origins_can_embed_the_chat() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let app_id = server.bootstrap["appId"].as_str().unwrap();
    let framed = async |query: &str| {
        let path = format!("/widget/frame{query}");
        let known = ApiResponse::send(server.api.request(Method::GET, "/widget/frame")).await;
        // The same holds for a cached page.
        let request = server.api.request(Method::GET, &path);
        let reply = ApiResponse::send(request.header("if-none-match", known.header("etag"))).await;
        let policy = reply.header("content-security-policy").to_owned();
        let (_, ancestors) = policy.split_once("frame-ancestors ").expect("a policy");
        (reply.status, ancestors.to_owned())
    };
    let by_number = "?organization=demo&applicationId=1";
    let by_id = format!("?organization=demo&appId={app_id}");
    assert_eq!(framed(by_number).await, (304, "*".to_owned()));
    let origins = json!({"origins": ["https://a.example", "https://b.example:8443"]});
    let path = format!("/v1/applications/{app_id}");
    agent.api.patch(&path, &origins).await.expect(200);
    let listed = (200, "'self' https://a.example https://b.example:8443".to_owned());
    assert_eq!(framed(by_number).await, listed);
    assert_eq!(framed(&by_id).await, listed);
    // With another application, or none, the chat isn't allowed either.
    for other in ["", "?organization=demo&applicationId=2", "?organization=x&applicationId=1"] {
        assert_eq!(framed(other).await, (304, "*".to_owned()), "{other}");
    }
    agent.api.patch(&path, &json!({"origins": []})).await.expect(200);
    assert_eq!(framed(by_number).await.1, "*");
}
