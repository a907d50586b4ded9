//! Several people and pages on one device, and the end of sessions.

use std::time::{Duration, Instant};

use onethread_tests::{Events, Stage, Widget};
use serde_json::json;

const AT_ONCE: Duration = Duration::from_secs(1);

/// The stream says that its session is over and closes, a second after `since` at the latest.
async fn ends(stream: &mut Events, since: Instant) {
    stream.expect("session-ended").await;
    stream.until_end(AT_ONCE).await;
    let took = since.elapsed();
    assert!(took <= AT_ONCE, "the stream lived on for {took:?}");
}

#[tokio::test]
async fn a_page_without_user_id_ends_nothing() {
    let stage = Stage::new().await;
    let known = stage.open(&json!({"user_id": "u", "name": "Uma"})).await;
    known.say("as Uma").await;
    let mut stream = known.events().await;

    let landing = stage.open_on(&known.device(), &json!({})).await;
    assert_eq!(landing.mode(), "visitor");
    assert_ne!(landing.contact_id(), known.contact_id());
    assert_eq!(landing.first_texts(), Vec::<&str>::new());
    landing.fill_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    landing.say("as a visitor").await;

    known.say("as Uma again").await;
    let message = stream.expect_without("message", "session-ended").await;
    assert_eq!(message["text"], "as Uma again");
    assert_eq!(known.thread_texts().await, ["as Uma", "as Uma again"]);
    assert_eq!(landing.thread_texts().await, ["as a visitor"]);
    // Either page finds its own again.
    let app = stage.open_on(&landing.device(), &json!({"user_id": "u"})).await;
    assert_eq!(app.contact_id(), known.contact_id());
}

#[tokio::test]
async fn logout_ends_the_session_and_starts_the_device_anew() {
    let stage = Stage::new().await;
    let user = json!({"user_id": "u"});
    let (here, elsewhere) = (stage.open(&user).await, stage.open(&user).await);
    here.say("before the logout").await;
    let mut stream = here.events().await;
    let mut other = elsewhere.events().await;

    let fresh = here.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    let since = Instant::now();
    ends(&mut stream, since).await;
    here.try_say("after").await.problem(401, "session-ended");
    let fresh = Widget::new(&stage, fresh);
    assert_eq!(fresh.mode(), "visitor");
    assert_ne!(fresh.contact_id(), here.contact_id());
    assert_eq!(fresh.first_texts(), Vec::<&str>::new());
    assert_ne!(fresh.device().0, here.device().0);

    // The other device goes on, and the history waits for the next login.
    elsewhere.say("from elsewhere").await;
    assert_eq!(other.expect_without("message", "session-ended").await["text"], "from elsewhere");
    let back = stage.open_on(&fresh.device(), &user).await;
    assert_eq!(back.first_texts(), ["before the logout", "from elsewhere"]);
}

#[tokio::test]
async fn after_a_logout_a_new_person_begins_with_nothing() {
    let stage = Stage::new().await;
    let uma = stage.open(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.say("Uma's").await;
    let fresh =
        Widget::new(&stage, uma.api.post("/widget/v1/logout", &json!({})).await.expect(200));
    let vic = stage.open_on(&fresh.device(), &json!({"user_id": "v"})).await;
    assert_ne!(vic.contact_id(), uma.contact_id());
    assert_eq!(vic.first_texts(), Vec::<&str>::new());
}

#[tokio::test]
async fn another_person_on_the_device_ends_the_first_ones_session() {
    let stage = Stage::new().await;
    let uma = stage.open(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.say("Uma's").await;
    let at_home = stage.open(&json!({"user_id": "u"})).await;
    let (mut here, mut home) = (uma.events().await, at_home.events().await);

    let vic = stage.open_on(&uma.device(), &json!({"user_id": "v"})).await;
    let since = Instant::now();
    assert_ne!(vic.contact_id(), uma.contact_id());
    assert_eq!(vic.first_texts(), Vec::<&str>::new());
    assert!(!vic.start.to_string().contains("Uma"), "{}", vic.start);
    ends(&mut here, since).await;
    uma.try_say("still Uma").await.problem(401, "session-ended");

    at_home.say("from home").await;
    assert_eq!(home.expect_without("message", "session-ended").await["text"], "from home");
    vic.say("Vic's").await;
    assert_eq!(vic.thread_texts().await, ["Vic's"]);
}

#[tokio::test]
async fn a_device_token_proves_no_contact() {
    let stage = Stage::new().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    let owner = stage.open(&claimed).await;
    owner.say("private").await;
    let reply = stage.init_on(&owner.device(), &json!({"user_id": "u"})).await;
    reply.problem(403, "identity-refused");
    let visitor = stage.open_on(&owner.device(), &json!({})).await;
    assert_eq!(visitor.mode(), "visitor");
    assert_eq!(visitor.first_texts(), Vec::<&str>::new());
    // A forged or foreign token is no reason not to open the chat.
    let forged = onethread_tests::Device("forged".to_owned());
    assert_eq!(stage.open_on(&forged, &json!({})).await.mode(), "visitor");
}

#[tokio::test]
async fn the_login_cookie_is_not_usable_from_other_pages() {
    let stage = Stage::new().await;
    let agent = &stage.bootstrap["agent"];
    let body = json!({
        "organization": stage.bootstrap["organization"],
        "email": agent["email"], "password": agent["password"],
    });
    let reply = stage.api.post("/v1/login", &body).await;
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let call = |method, path: &str| stage.api.request(method, path).header("cookie", &pair);
    let me = onethread_tests::Reply::of(call(reqwest::Method::GET, "/v1/me")).await;
    me.expect(200);
    let logout = || call(reqwest::Method::POST, "/v1/logout").json(&json!({}));
    onethread_tests::Reply::of(logout()).await.problem(403, "forbidden");
    let foreign = logout().header("origin", "https://evil.example");
    onethread_tests::Reply::of(foreign).await.problem(403, "forbidden");
    let own = logout().header("origin", format!("http://{}", stage.server.address("http")));
    let status = onethread_tests::Reply::of(own).await.status;
    assert!(status == 200 || status == 204, "{status}");
}
