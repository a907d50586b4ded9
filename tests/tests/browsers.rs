//! What pages of other sites can do with a browser that is logged in: nothing. Every call that
//! `/openapi.json` knows is looked at.

use onethread_tests::{Api, Reply, Stage, row_counts};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

const FOREIGN: &str = "https://evil.example";

/// Method and path of each call under this prefix, with an id that nothing has.
async fn calls(stage: &Stage, prefix: &str) -> Vec<(Method, String, Value)> {
    let document = Reply::of(stage.api.request(Method::GET, "/openapi.json")).await.expect(200);
    let id = stage.chance.uuid().to_string();
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

/// A call that a cookie may make, by its name in `security`.
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

/// A login of the owner: its token, as a cookie and as a bearer's.
async fn login(stage: &Stage) -> (String, Api) {
    let api = stage.agent().await.api;
    (format!("onethread_session={}", api.token()), api)
}

#[tokio::test]
async fn a_cookie_changes_nothing_for_a_page_of_another_site() {
    let stage = Stage::new().await;
    let (cookie, _) = login(&stage).await;
    let changing: Vec<_> = calls(&stage, "/v1/")
        .await
        .into_iter()
        .filter(|(method, _, operation)| *method != Method::GET && takes_cookies(operation))
        .collect();
    assert!(changing.len() > 30, "{}", changing.len());
    let before = row_counts(&stage.server.data_dir()).await;
    let ours = format!("http://{}", stage.server.address("http"));
    let almost = format!("{ours}.evil.example");
    for (method, path, _) in &changing {
        for origin in [None, Some("null"), Some(FOREIGN), Some(&*almost)] {
            let request = stage.api.request(method.clone(), path).header("cookie", &cookie);
            let request = with_body(request, path);
            let request = origin.into_iter().fold(request, |r, origin| r.header("origin", origin));
            let reply = Reply::of(request).await;
            reply.problem(403, "forbidden");
        }
    }
    assert_eq!(row_counts(&stage.server.data_dir()).await, before);
    // The login is still there, and reads need no origin.
    let me = stage.api.request(Method::GET, "/v1/me").header("cookie", &cookie);
    Reply::of(me).await.expect(200);

    for (method, path, _) in &changing {
        // From our own pages, and by a token that no browser sends by itself, it is another answer:
        // nobody's id, say.
        let (cookie, api) = login(&stage).await;
        let by_cookie = stage.api.request(method.clone(), path).header("cookie", &cookie);
        let reply = Reply::of(with_body(by_cookie.header("origin", &ours), path)).await;
        assert_ne!(reply.status, 403, "{method} {path}: {}", reply.text);
        let by_token = api.request(method.clone(), path).header("origin", FOREIGN);
        let reply = Reply::of(with_body(by_token, path)).await;
        assert_ne!(reply.status, 403, "{method} {path}: {}", reply.text);
    }
}

fn cors(headers: &HeaderMap) -> Vec<(String, String)> {
    let all = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    all.map(|(name, value)| (name.to_string(), value.to_str().expect("a text").to_owned()))
        .collect()
}

fn preflight(stage: &Stage, method: &Method, path: &str) -> RequestBuilder {
    let request = stage.api.request(Method::OPTIONS, path).header("origin", FOREIGN);
    let request = request.header("access-control-request-method", method.as_str());
    request.header("access-control-request-headers", "authorization, content-type")
}

#[tokio::test]
async fn pages_of_other_sites_read_the_widget_s_answers_alone_and_without_credentials() {
    let stage = Stage::new().await;
    let (cookie, _) = login(&stage).await;
    for (method, path, _) in calls(&stage, "/v1/").await {
        let asked = Reply::of(preflight(&stage, &method, &path)).await;
        assert_eq!((asked.status, cors(&asked.headers)), (405, Vec::new()), "{method} {path}");
        if method != Method::GET || path.ends_with("/events") {
            continue;
        }
        let request = stage.api.request(method, &path).header("cookie", &cookie);
        let reply = Reply::of(request.header("origin", FOREIGN)).await;
        assert_eq!(cors(&reply.headers), Vec::new(), "{path}");
    }
    for (method, path, _) in calls(&stage, "/widget/v1/").await {
        let asked = Reply::of(preflight(&stage, &method, &path)).await;
        assert_eq!(asked.status, 200, "{method} {path}");
        assert_eq!(asked.header("access-control-allow-origin"), "*");
        let methods = asked.header("access-control-allow-methods");
        assert!(methods.split(',').any(|one| one.trim() == method.as_str()), "{methods}");
        assert_eq!(asked.header("access-control-allow-credentials"), "");
        // A cookie is no session here, whoever's it is.
        let request = stage.api.request(method.clone(), &path).header("cookie", &cookie);
        let reply = Reply::of(with_body(request.header("origin", FOREIGN), &path)).await;
        assert!(matches!(reply.status, 400 | 401), "{method} {path}: {}", reply.text);
        assert_eq!(reply.header("access-control-allow-origin"), FOREIGN, "{method} {path}");
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn the_chat_stands_in_pages_of_its_application_s_origins_alone() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let app_id = stage.bootstrap["appId"].as_str().unwrap();
    let framed = async |query: &str| {
        let path = format!("/widget/frame{query}");
        let known = Reply::of(stage.api.request(Method::GET, "/widget/frame")).await;
        // Whoever has the page already is asked for the same.
        let request = stage.api.request(Method::GET, &path);
        let reply = Reply::of(request.header("if-none-match", known.header("etag"))).await;
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
    // What names another application, or none, starts no chat of this one.
    for other in ["", "?organization=demo&applicationId=2", "?organization=x&applicationId=1"] {
        assert_eq!(framed(other).await, (304, "*".to_owned()), "{other}");
    }
    agent.api.patch(&path, &json!({"origins": []})).await.expect(200);
    assert_eq!(framed(by_number).await.1, "*");
}
