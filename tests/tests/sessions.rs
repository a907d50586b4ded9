//! Several contacts and pages on one device, and the end of sessions.

use std::time::{Duration, Instant};

use onethread_tests::{Events, TestServer, Widget};
use serde_json::json;

const REVOCATION_TIMEOUT: Duration = Duration::from_secs(1);

/// Checks that the stream reports the end of its session and closes within a second of `since`.
async fn expect_end(stream: &mut Events, since: Instant) {
    stream.expect("session-ended").await;
    stream.until_end(REVOCATION_TIMEOUT).await;
    let took = since.elapsed();
    assert!(took <= REVOCATION_TIMEOUT, "the stream lived on for {took:?}");
}

#[tokio::test]
async fn a_page_without_a_user_id_ends_no_session() {
    let server = TestServer::new().await;
    let known = server.start_session(&json!({"user_id": "u", "name": "Uma"})).await;
    known.send("as Uma").await;
    let mut stream = known.events().await;

    let landing = server.start_session_on(&known.device(), &json!({})).await;
    assert_eq!(landing.mode(), "visitor");
    assert_ne!(landing.contact_id(), known.contact_id());
    assert_eq!(landing.initial_texts(), Vec::<&str>::new());
    landing.submit_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    landing.send("as a visitor").await;

    known.send("as Uma again").await;
    let message = stream.expect_without("message", "session-ended").await;
    assert_eq!(message["text"], "as Uma again");
    assert_eq!(known.message_texts().await, ["as Uma", "as Uma again"]);
    assert_eq!(landing.message_texts().await, ["as a visitor"]);
    // Each page gets its own session again.
    let app = server.start_session_on(&landing.device(), &json!({"user_id": "u"})).await;
    assert_eq!(app.contact_id(), known.contact_id());
}

#[tokio::test]
async fn logout_ends_the_session_and_resets_the_device() {
    let server = TestServer::new().await;
    let user = json!({"user_id": "u"});
    let (here, elsewhere) = (server.start_session(&user).await, server.start_session(&user).await);
    here.send("before the logout").await;
    let mut stream = here.events().await;
    let mut other = elsewhere.events().await;

    let fresh = here.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    let since = Instant::now();
    expect_end(&mut stream, since).await;
    here.try_send("after").await.expect_problem(401, "session-ended");
    let fresh = Widget::new(&server, fresh);
    assert_eq!(fresh.mode(), "visitor");
    assert_ne!(fresh.contact_id(), here.contact_id());
    assert_eq!(fresh.initial_texts(), Vec::<&str>::new());
    assert_ne!(fresh.device().0, here.device().0);

    // The other device continues, and the next login shows the history again.
    elsewhere.send("from elsewhere").await;
    assert_eq!(other.expect_without("message", "session-ended").await["text"], "from elsewhere");
    let back = server.start_session_on(&fresh.device(), &user).await;
    assert_eq!(back.initial_texts(), ["before the logout", "from elsewhere"]);
}

#[tokio::test]
async fn a_logout_of_a_visitor_changes_nothing() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    let same =
        Widget::new(&server, visitor.api.post("/widget/v1/logout", &json!({})).await.expect(200));
    assert_eq!((same.mode(), same.contact_id()), ("visitor", visitor.contact_id()));
    same.submit_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    same.send("mine").await;
    let mut stream = same.events().await;
    let again =
        Widget::new(&server, same.api.post("/widget/v1/logout", &json!({})).await.expect(200));
    assert_eq!((again.contact_id(), again.initial_texts()), (visitor.contact_id(), vec!["mine"]));
    // Every earlier token goes on as well, and so does the stream.
    for one in [&visitor, &same, &again] {
        assert_eq!(one.message_texts().await, ["mine"]);
    }
    again.send("still here").await;
    stream.expect("message").await;
    let back = server.start_session_on(&visitor.device(), &json!({})).await;
    assert_eq!(back.initial_texts(), ["mine", "still here"]);
}

#[tokio::test]
async fn after_a_logout_a_new_contact_starts_empty() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.send("Uma's").await;
    let fresh =
        Widget::new(&server, uma.api.post("/widget/v1/logout", &json!({})).await.expect(200));
    let vic = server.start_session_on(&fresh.device(), &json!({"user_id": "v"})).await;
    assert_ne!(vic.contact_id(), uma.contact_id());
    assert_eq!(vic.initial_texts(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_login_of_another_contact_ends_the_first_session() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.send("Uma's").await;
    let at_home = server.start_session(&json!({"user_id": "u"})).await;
    let (mut here, mut home) = (uma.events().await, at_home.events().await);

    let vic = server.start_session_on(&uma.device(), &json!({"user_id": "v"})).await;
    let since = Instant::now();
    assert_ne!(vic.contact_id(), uma.contact_id());
    assert_eq!(vic.initial_texts(), Vec::<&str>::new());
    assert!(!vic.start.to_string().contains("Uma"), "{}", vic.start);
    expect_end(&mut here, since).await;
    uma.try_send("still Uma").await.expect_problem(401, "session-ended");

    at_home.send("from home").await;
    assert_eq!(home.expect_without("message", "session-ended").await["text"], "from home");
    vic.send("Vic's").await;
    assert_eq!(vic.message_texts().await, ["Vic's"]);
}

#[tokio::test]
async fn a_device_token_does_not_identify_a_contact() {
    let server = TestServer::new().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    let owner = server.start_session(&claimed).await;
    owner.send("private").await;
    let reply = server.init_on(&owner.device(), &json!({"user_id": "u"})).await;
    reply.expect_problem(403, "identity-refused");
    let visitor = server.start_session_on(&owner.device(), &json!({})).await;
    assert_eq!(visitor.mode(), "visitor");
    assert_eq!(visitor.initial_texts(), Vec::<&str>::new());
    // With a forged or foreign token the chat opens as for a new device.
    let forged = onethread_tests::Device("forged".to_owned());
    assert_eq!(server.start_session_on(&forged, &json!({})).await.mode(), "visitor");
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_the_login_cookie() {
    let server = TestServer::new().await;
    let agent = &server.bootstrap["agent"];
    let body = json!({
        "organization": server.bootstrap["organization"],
        "email": agent["email"], "password": agent["password"],
    });
    let reply = server.api.post("/v1/login", &body).await;
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let call = |method, path: &str| server.api.request(method, path).header("cookie", &pair);
    let me = onethread_tests::ApiResponse::send(call(reqwest::Method::GET, "/v1/me")).await;
    me.expect(200);
    let logout = || call(reqwest::Method::POST, "/v1/logout").json(&json!({}));
    onethread_tests::ApiResponse::send(logout()).await.expect_problem(403, "forbidden");
    let foreign = logout().header("origin", "https://evil.example");
    onethread_tests::ApiResponse::send(foreign).await.expect_problem(403, "forbidden");
    let own = logout().header("origin", format!("http://{}", server.process.address("http")));
    let status = onethread_tests::ApiResponse::send(own).await.status;
    assert!(status == 200 || status == 204, "{status}");
}
