//! What identity said a moment ago is trusted, and what ends that.

use std::{sync::atomic::Ordering, time::Duration};

use onethread_proto::identity::{IdentifyResponse, identify_response::Outcome};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::{
    live::revoke,
    support::{CONTACT, DEVICE, Gateway, id, session},
};

const MESSAGES: &str = "/widget/v1/messages";

/// The call's status, and whether identity was asked for it.
async fn call(gateway: &Gateway, path: &str, token: &str) -> (u16, bool) {
    let asked = || gateway.world.authenticated.load(Ordering::SeqCst);
    let before = asked();
    let status = gateway.get(path, token).send().await.unwrap().status().as_u16();
    (status, asked() > before)
}

/// Calls until identity is not asked any more.
async fn until_trusted(gateway: &Gateway, path: &str, token: &str) {
    let trusted = async { while call(gateway, path, token).await != (200, false) {} };
    timeout(Duration::from_secs(10), trusted).await.expect("the feed is heard by then");
}

/// Identity would not know the session any more.
fn end(gateway: &Gateway, token: &str) {
    gateway.world.callers.lock().unwrap().remove(token).unwrap();
}

#[tokio::test]
async fn whoever_is_revoked_elsewhere_is_refused_within_a_second() {
    let gateway = Gateway::start().await;
    for subject in [DEVICE, CONTACT, super::support::ORGANIZATION] {
        gateway.may("contact", super::support::contact());
        until_trusted(&gateway, MESSAGES, "contact").await;
        end(&gateway, "contact");
        let ended = Instant::now();
        revoke(&gateway, subject).await;
        while call(&gateway, MESSAGES, "contact").await.0 == 200 {}
        assert!(ended.elapsed() < Duration::from_secs(1), "{:?}", ended.elapsed());
        assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
    }
}

#[tokio::test]
async fn what_no_feed_tells_is_trusted_for_a_second_at_most() {
    let gateway = Gateway::start().await;
    until_trusted(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    let ended = Instant::now();
    while call(&gateway, MESSAGES, "contact").await.0 == 200 {}
    assert!(ended.elapsed() < Duration::from_millis(1500), "{:?}", ended.elapsed());
}

#[tokio::test]
async fn while_the_feed_is_silent_every_call_is_asked_for() {
    let gateway = Gateway::start().await;
    until_trusted(&gateway, MESSAGES, "contact").await;
    gateway.world.feed_silent.store(true, Ordering::SeqCst);
    let mut in_a_row = 0;
    let silent = async {
        while in_a_row < 100 {
            let (status, asked) = call(&gateway, MESSAGES, "contact").await;
            assert_eq!(status, 200);
            in_a_row = if asked { in_a_row + 1 } else { 0 };
        }
    };
    timeout(Duration::from_secs(10), silent).await.expect("it asks");
    end(&gateway, "contact");
    assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
    // Once it is heard again, so is trust.
    gateway.world.feed_silent.store(false, Ordering::SeqCst);
    until_trusted(&gateway, MESSAGES, "visitor").await;
}

#[tokio::test]
async fn after_a_logout_the_very_next_call_is_refused() {
    let gateway = Gateway::start().await;
    until_trusted(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    gateway.post("/widget/v1/logout", "contact").send().await.unwrap();
    assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
}

#[tokio::test]
async fn whose_session_an_init_ends_is_refused_at_once() {
    let gateway = Gateway::start().await;
    until_trusted(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    let outcome = Some(Outcome::Session(session(true)));
    let revoked_ids = vec![DEVICE.to_owned()];
    *gateway.world.init.lock().unwrap() =
        Some(IdentifyResponse { outcome, app_id: id(1), revoked_ids });
    let body = json!({"organization": "demo", "appId": id(1), "user": {"user_id": "other"}});
    let init = gateway.call(Method::POST, "/widget/v1/init").json(&body);
    assert_eq!(init.send().await.unwrap().status(), 200);
    assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
}

#[tokio::test]
async fn what_an_owner_does_is_asked_for_each_time() {
    let gateway = Gateway::start().await;
    until_trusted(&gateway, "/v1/me", "agent").await;
    for _ in 0..20 {
        let (_, asked) = call(&gateway, "/v1/organization", "agent").await;
        assert!(asked);
    }
}
