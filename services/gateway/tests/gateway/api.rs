//! Calls and answers.

use std::sync::atomic::Ordering;

use onethread_config::RateLimits;
use onethread_proto::identity::{IdentifyResponse, IdentityRefused, identify_response::Outcome};
use prost_types::value::Kind;
use reqwest::Method;
use serde_json::json;

use super::support::{
    CONTACT, Gateway, by_agent, id, json, problem, restricted_visitor, session, visitor,
};

#[tokio::test]
async fn every_failure_is_a_problem() {
    let gateway = Gateway::start().await;
    let init = || gateway.call(Method::POST, "/widget/v1/init");
    problem(gateway.call(Method::GET, "/v1/nothing"), 404, "not-found").await;
    problem(gateway.call(Method::GET, "/widget/v1/nothing"), 404, "not-found").await;
    problem(gateway.call(Method::PUT, "/inbox"), 405, "method-not-allowed").await;
    problem(gateway.call(Method::GET, "/widget/v1/init"), 405, "method-not-allowed").await;
    problem(init().json(&json!([])), 400, "invalid-argument").await;
    let typed = |kind| init().header("content-type", kind);
    problem(typed("application/json").body("{\"a\":"), 400, "malformed-json").await;
    problem(typed("text/plain").body("{}"), 415, "unsupported-media-type").await;
    problem(init().body("{}"), 415, "unsupported-media-type").await;
    let long = json!({"organization": "x".repeat(300_000)});
    problem(init().json(&long), 413, "too-large").await;
    let rejected = problem(init().json(&json!({"organization": 5})), 400, "invalid-argument").await;
    assert_eq!(rejected["errors"][0]["pointer"], "/organization");
    let wrong = json!({"organization": "x", "applicationId": 1, "applicationSecret": "s"});
    problem(init().json(&wrong), 401, "unknown-application").await;
}

#[tokio::test]
async fn a_wrong_method_says_which_are_right() {
    let gateway = Gateway::start().await;
    let answer = gateway.call(Method::GET, "/widget/v1/init").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "POST");
}

#[tokio::test]
async fn init_passes_the_user_on_unchanged_and_answers_the_conversation() {
    let gateway = Gateway::start().await;
    gateway.world.write(CONTACT, by_agent(), "Hello", &id(9));
    let outcome = Some(Outcome::Session(session(true)));
    *gateway.world.init.lock().unwrap() =
        Some(IdentifyResponse { outcome, application_id: id(1), revoked_ids: Vec::new() });
    let body = json!({"organization": "demo", "applicationId": 1, "applicationSecret": "s",
        "user": {"user_id": 5, "email": null}});
    let answer = json(gateway.call(Method::POST, "/widget/v1/init").json(&body), 200).await;
    assert_eq!(answer["mode"], "visitor");
    assert_eq!(answer["conversation"]["id"], CONTACT);
    let message = &answer["conversation"]["messages"][0];
    assert_eq!(message["author"], json!({"kind": "agent", "id": id(1), "name": "Gus"}));
    assert_eq!(message["createdAt"], "2025-06-15T15:06:40.000001Z");
    let user = gateway.world.identify_requests.lock().unwrap()[0].user.clone().unwrap();
    assert_eq!(user.user_id.unwrap().kind, Some(Kind::NumberValue(5.0)));
    assert_eq!(user.email.unwrap().kind, Some(Kind::NullValue(0)));
    assert!(user.name.is_none());
}

#[tokio::test]
async fn a_refused_identity_gets_a_clean_session() {
    let gateway = Gateway::start().await;
    let refused = IdentityRefused { clean_session: Some(session(false)) };
    let outcome = Some(Outcome::Refused(refused));
    *gateway.world.init.lock().unwrap() =
        Some(IdentifyResponse { outcome, application_id: id(1), revoked_ids: Vec::new() });
    let body = json!({"organization": "demo", "appId": id(1), "user": {"user_id": "u"}});
    let call = gateway.call(Method::POST, "/widget/v1/init").json(&body);
    let answer = problem(call, 403, "identity-refused").await;
    assert_eq!(answer["cleanSession"]["mode"], "visitor");
    assert_eq!(answer["cleanSession"]["conversation"]["messages"], json!([]));
    assert_eq!(answer["cleanSession"]["conversation"]["id"], json!(null));
}

#[tokio::test]
async fn each_audience_has_its_own_tokens() {
    let gateway = Gateway::start().await;
    problem(gateway.get("/widget/v1/messages", "agent"), 401, "session-ended").await;
    problem(gateway.get("/widget/v1/messages", "key"), 401, "session-ended").await;
    problem(gateway.call(Method::GET, "/widget/v1/messages"), 401, "session-ended").await;
    problem(gateway.get("/v1/me", "visitor"), 403, "forbidden").await;
    problem(gateway.get("/v1/contacts", "contact"), 403, "forbidden").await;
    problem(gateway.get("/v1/me", "unknown"), 401, "session-ended").await;
    problem(gateway.get("/v1/me", "key"), 403, "forbidden").await;
    assert_eq!(json(gateway.get("/v1/me", "agent"), 200).await["agent"]["role"], "owner");
}

#[tokio::test]
async fn only_our_own_pages_change_something_with_the_cookie() {
    let gateway = Gateway::start().await;
    let body = json!({"organization": "demo", "email": "a@example.com", "password": "right"});
    let login = gateway.call(Method::POST, "/v1/login").json(&body).send().await.unwrap();
    assert_eq!(login.status(), 200);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["onethread_session=agent", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"]
    {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "loopback has no TLS");

    let path = format!("/v1/conversations/{CONTACT}/read");
    let by_cookie =
        |method, path: &str| gateway.call(method, path).header("cookie", "onethread_session=agent");
    json(by_cookie(Method::GET, "/v1/me"), 200).await;
    let read = || by_cookie(Method::POST, &path).json(&json!({"seq": 1}));
    problem(read(), 403, "forbidden").await;
    problem(read().header("origin", "https://evil.example"), 403, "forbidden").await;
    problem(read().header("origin", "null"), 403, "forbidden").await;
    let ours = format!("http://{}", gateway.address);
    assert_eq!(read().header("origin", ours).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let gateway = Gateway::start().await;
    let host = "chat.example.com";
    let body = json!({"organization": "demo", "email": "a@example.com", "password": "right"});
    let login = gateway.call(Method::POST, "/v1/login").header("host", host).json(&body);
    let login = login.send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-onethread_session=agent", "HttpOnly", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let me = |cookie: &str| {
        gateway.call(Method::GET, "/v1/me").header("host", host).header("cookie", cookie.to_owned())
    };
    json(me("__Host-onethread_session=agent"), 200).await;
    // Another host of the domain could have set this one.
    problem(me("onethread_session=agent"), 401, "session-ended").await;
    let logout = gateway.call(Method::POST, "/v1/logout").header("host", host);
    let logout = logout.header("origin", format!("https://{host}"));
    let logout = logout.header("cookie", "__Host-onethread_session=agent").send().await.unwrap();
    assert_eq!(logout.status(), 204);
    let removal = logout.headers()["set-cookie"].to_str().unwrap();
    assert!(removal.starts_with("__Host-onethread_session=;"), "{removal}");
    assert!(removal.contains("Secure") && removal.contains("Max-Age=0"), "{removal}");
}

#[tokio::test]
async fn a_message_is_stored_once_and_only_from_allowed_senders() {
    let gateway = Gateway::start().await;
    gateway.authorize("new", visitor(false));
    let send = |token: &str, text: &str| {
        let body = json!({"clientMessageId": id(3), "text": text, "page": {"url": "https://x/"}});
        gateway.post("/widget/v1/messages", token).json(&body)
    };
    let empty = json(gateway.get("/widget/v1/messages", "new"), 200).await;
    assert_eq!(empty, json!({"items": [], "lastSeq": 0}));

    let stored = json(send("new", "Hi"), 201).await;
    assert_eq!(stored["author"]["name"], "Ann");
    assert_eq!(stored["clientMessageId"], id(3));
    assert_eq!(gateway.world.admitted.load(Ordering::SeqCst), 1);
    assert_eq!(json(send("visitor", "Hi"), 200).await, stored);
    assert_eq!(gateway.world.admitted.load(Ordering::SeqCst), 1);

    let rejected = problem(send("contact", ""), 400, "invalid-argument").await;
    assert_eq!(rejected["errors"][0]["pointer"], "/text");
    gateway.authorize("early", restricted_visitor(true, false));
    gateway.authorize("blocked", restricted_visitor(false, true));
    problem(send("early", "Hi"), 403, "pre-chat-required").await;
    problem(send("blocked", "Hi"), 403, "blocked").await;
}

#[tokio::test]
async fn pointers_are_relative_to_the_body() {
    let gateway = Gateway::start().await;
    let form = gateway.post("/widget/v1/pre-chat", "visitor");
    let rejected =
        problem(form.json(&json!({"fields": {"email": 1}})), 400, "invalid-argument").await;
    assert_eq!(rejected["errors"][0]["pointer"], "/fields/email");
    let user = json!({"email": 1, "user_id": "other", "security_hash": "x"});
    let change = gateway.call(Method::PATCH, "/widget/v1/contact").bearer_auth("visitor");
    let changed = json(change.json(&user), 200).await;
    assert_eq!(changed["warnings"][0]["pointer"], "/email");
    assert_eq!(changed["name"], "Ann");
}

#[tokio::test]
async fn lists_are_pages() {
    let gateway = Gateway::start().await;
    let cursor = async |limit: &str| {
        let path = format!("/v1/contacts?limit={limit}");
        json(gateway.get(&path, "agent"), 200).await["nextCursor"].clone()
    };
    assert_eq!(cursor("").await, "50");
    assert_eq!(cursor("100000").await, "200");
    for invalid in ["limit=0", "limit=x", "sort=shoe"] {
        problem(gateway.get(&format!("/v1/contacts?{invalid}"), "agent"), 400, "invalid-argument")
            .await;
    }
    gateway.world.write(CONTACT, by_agent(), "Hello", &id(9));
    let list = json(gateway.get("/v1/conversations?status=open", "key"), 200).await;
    assert_eq!(list["items"][0]["contact"]["name"], "Ann");
    assert_eq!(list["items"][0]["lastMessage"]["author"]["name"], "Gus");
}

#[tokio::test]
async fn every_id_that_does_not_exist_has_the_same_404() {
    let gateway = Gateway::start().await;
    let mut answers = Vec::new();
    for name in [id(99).as_str(), "nonsense", "%FF", "1"] {
        for path in ["conversations", "contacts", "imports"] {
            let path = format!("/v1/{path}/{name}");
            let mut answer = problem(gateway.get(&path, "agent"), 404, "not-found").await;
            answer["traceId"] = json!("");
            answers.push(answer);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn logins_are_rate_limited() {
    let gateway = Gateway::with_limits(RateLimits::default()).await;
    let login = |n: usize| {
        let body = json!({"organization": "d", "email": format!("{n}@x"), "password": "wrong"});
        gateway.call(Method::POST, "/v1/login").json(&body)
    };
    for n in 0..10 {
        problem(login(n), 401, "login-refused").await;
    }
    // An untrusted peer can't choose its address.
    let refused = login(11).header("x-forwarded-for", "9.9.9.9").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
}

#[tokio::test]
async fn pages_of_other_sites_can_call_only_the_widget_api() {
    let gateway = Gateway::start().await;
    let ask = async |path: &str| {
        let call = gateway.call(Method::OPTIONS, path).header("origin", "https://shop.example");
        let call = call.header("access-control-request-method", "POST");
        call.send().await.unwrap().headers().clone()
    };
    let widget = ask("/widget/v1/messages").await;
    assert_eq!(widget["access-control-allow-origin"], "*");
    assert!(!widget.contains_key("access-control-allow-credentials"));
    let headers = widget["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization") && headers.contains("last-event-id"));
    assert!(!ask("/v1/login").await.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn pages_allow_nothing_inline_and_only_the_frame_is_embeddable() {
    let gateway = Gateway::start().await;
    for (path, kind, ancestors) in [
        ("/inbox", "text/html", "frame-ancestors 'none'"),
        ("/widget/frame", "text/html", "frame-ancestors *"),
        ("/demo", "text/html", "frame-ancestors 'self'"),
        ("/widget.js", "text/javascript", ""),
        ("/widget/frame.css", "text/css", ""),
    ] {
        let page = gateway.call(Method::GET, path).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let headers = page.headers();
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-cache");
        let policy = headers.get("content-security-policy").map(|policy| policy.to_str().unwrap());
        let policy = policy.unwrap_or_default();
        assert!(policy.ends_with(ancestors) && !policy.contains("unsafe"), "{policy}");
    }
    // Only for the demo page, so it isn't in the document.
    let demo = gateway.call(Method::GET, "/demo/settings.json").send().await.unwrap();
    let demo: serde_json::Value = demo.json().await.unwrap();
    assert_eq!(demo["applicationId"], 1);
}

#[tokio::test]
async fn health_does_not_depend_on_other_services() {
    let gateway = Gateway::start().await;
    json(gateway.call(Method::GET, "/healthz"), 200).await;
    json(gateway.call(Method::GET, "/readyz"), 200).await;
    gateway.world.identity_unavailable.store(true, Ordering::SeqCst);
    let answer = gateway.get("/v1/me", "agent").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
}
