//! The cache of authentications: when an answer of identity is used again, and what ends that.

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

/// The call's status, and whether identity was asked.
async fn call(gateway: &Gateway, path: &str, token: &str) -> (u16, bool) {
    let asked = || gateway.world.authenticated.load(Ordering::SeqCst);
    let before = asked();
    let status = gateway.get(path, token).send().await.unwrap().status().as_u16();
    (status, asked() > before)
}

/// Calls until the answer comes from the cache.
async fn until_cached(gateway: &Gateway, path: &str, token: &str) {
    let cached = async { while call(gateway, path, token).await != (200, false) {} };
    timeout(Duration::from_secs(10), cached).await.expect("the feed is heard by then");
}

/// Ends the session at identity.
fn end(gateway: &Gateway, token: &str) {
    gateway.world.callers.lock().unwrap().remove(token).unwrap();
}

#[tokio::test]
async fn a_revocation_takes_effect_within_a_second() {
    let gateway = Gateway::start().await;
    for subject in [DEVICE, CONTACT, super::support::ORGANIZATION] {
        gateway.authorize("contact", super::support::contact());
        until_cached(&gateway, MESSAGES, "contact").await;
        end(&gateway, "contact");
        let ended = Instant::now();
        revoke(&gateway, subject).await;
        while call(&gateway, MESSAGES, "contact").await.0 == 200 {}
        assert!(ended.elapsed() < Duration::from_secs(1), "{:?}", ended.elapsed());
        assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
    }
}

#[tokio::test]
async fn an_answer_is_used_for_a_second_at_most() {
    let gateway = Gateway::start().await;
    until_cached(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    let ended = Instant::now();
    while call(&gateway, MESSAGES, "contact").await.0 == 200 {}
    assert!(ended.elapsed() < Duration::from_millis(1500), "{:?}", ended.elapsed());
}

#[tokio::test]
async fn while_the_feed_is_silent_identity_is_asked_for_every_call() {
    let gateway = Gateway::start().await;
    until_cached(&gateway, MESSAGES, "contact").await;
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
    // When the feed is heard again, the cache is used again.
    gateway.world.feed_silent.store(false, Ordering::SeqCst);
    until_cached(&gateway, MESSAGES, "visitor").await;
}

#[tokio::test]
async fn after_a_logout_the_next_call_is_rejected() {
    let gateway = Gateway::start().await;
    until_cached(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    gateway.post("/widget/v1/logout", "contact").send().await.unwrap();
    assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
}

#[tokio::test]
async fn a_session_that_an_init_ends_is_rejected_at_once() {
    let gateway = Gateway::start().await;
    until_cached(&gateway, MESSAGES, "contact").await;
    end(&gateway, "contact");
    let outcome = Some(Outcome::Session(session(true)));
    let revoked_ids = vec![DEVICE.to_owned()];
    *gateway.world.init.lock().unwrap() =
        Some(IdentifyResponse { outcome, application_id: id(1), revoked_ids });
    let body = json!({"organization": "demo", "appId": id(1), "user": {"user_id": "other"}});
    let init = gateway.call(Method::POST, "/widget/v1/init").json(&body);
    assert_eq!(init.send().await.unwrap().status(), 200);
    assert_eq!(call(&gateway, MESSAGES, "contact").await.0, 401);
}

#[tokio::test]
async fn identity_is_asked_for_every_call_of_an_owner() {
    let gateway = Gateway::start().await;
    until_cached(&gateway, "/v1/me", "agent").await;
    for _ in 0..20 {
        let (_, asked) = call(&gateway, "/v1/organization", "agent").await;
        assert!(asked);
    }
}
