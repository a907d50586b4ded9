//! Identity keys, the sessions that they start, and when those end.

use std::time::{Duration, Instant};

use onethread_core::{Clock, SystemClock};
use onethread_tests::{
    ApiResponse, Events, SHORT_TIMEOUT, Tenant, TestServer, jwt, signed_jwt, user_hash, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Checks that the stream reports the end of its session and closes within a second of `since`.
async fn expect_end(stream: &mut Events, since: Instant) {
    stream.expect("session-ended").await;
    stream.until_end(Duration::from_secs(1)).await;
    let took = since.elapsed();
    assert!(took <= Duration::from_secs(1), "the stream lived on for {took:?}");
}

fn by_hash(key: &str, user_id: &str) -> Value {
    json!({"user_id": user_id, "user_hash": user_hash(key, user_id)})
}

/// Returns claims of a token that expires in this many seconds.
fn claims(tenant: &Tenant, sub: &str, runs: i64) -> Value {
    let until = SystemClock.now().seconds() + runs;
    json!({"sub": sub, "aud": tenant.bootstrap["organization"], "exp": until})
}

fn by_token(token: &str) -> Value {
    json!({"user_id": "u", "user_jwt": token})
}

#[tokio::test]
async fn keys_can_be_rotated_and_are_valid_in_their_organization_only() {
    let server = TestServer::with_operator(Default::default()).await;
    let other = server.organization("other.example").await;
    let (owner, (_, foreign)) = (server.log_in_owner().await, other.identity_key().await);
    let (old_id, old) = server.identity_key().await;
    let (new_id, new) = server.identity_key().await;
    owner.api.post("/v1/identity-keys", &json!({})).await.expect_problem(409, "too-many-keys");
    let listed = owner.api.get("/v1/identity-keys").await.expect(200);
    assert!(!listed.to_string().contains(&old), "a key is shown once");
    server.set_policy("hmac", false).await;

    let begun = server.start_session(&by_hash(&old, "u")).await;
    assert_eq!(server.start_session(&by_hash(&new, "u")).await.contact_id(), begun.contact_id());
    server.init(&by_hash(&foreign, "u")).await.expect_problem(403, "identity-refused");
    // Ids are compared by bytes, also outside ASCII, and so is the hex.
    for user_id in ["ünï-🦀", " spaced ", "e\u{301}"] {
        server.start_session(&by_hash(&new, user_id)).await;
        let composed = json!({"user_id": user_id, "user_hash": user_hash(&new, "é")});
        server.init(&composed).await.expect_problem(403, "identity-refused");
    }
    let shouted = json!({"user_id": "u", "user_hash": user_hash(&new, "u").to_uppercase()});
    server.init(&shouted).await.expect_problem(403, "identity-refused");

    let with_new_key = server.start_session(&by_hash(&new, "u")).await;
    let mut cut = begun.events().await;
    let since = Instant::now();
    let path = format!("/v1/identity-keys/{old_id}");
    ApiResponse::send(owner.api.request(Method::DELETE, &path)).await.expect(204);
    server.init(&by_hash(&old, "u")).await.expect_problem(403, "identity-refused");
    // Sessions that started with the key end, and another key can be created.
    begun.try_send("too late").await.expect_problem(401, "session-ended");
    expect_end(&mut cut, since).await;
    with_new_key.send("still here").await;
    let (third_id, third) = server.identity_key().await;
    server.start_session(&by_hash(&third, "u")).await;

    server.set_policy("jwt", false).await;
    let now = |sub: &str| claims(&server, sub, 600);
    for (kid, key, good) in [
        (&new_id, &new, true),
        (&third_id, &third, true),
        (&old_id, &old, false),
        (&new_id, &third, false),
        (&new_id, &foreign, false),
    ] {
        let status = server.init(&by_token(&jwt(kid, key, &now("u")))).await.status;
        assert_eq!(status, if good { 200 } else { 403 }, "{kid}");
    }
    let foreign_id = other.log_in_owner().await.api.get("/v1/identity-keys").await.expect(200);
    let foreign_id = foreign_id["items"][0]["keyId"].as_str().expect("a key has an id");
    for key in [&foreign, &new] {
        let token = jwt(foreign_id, key, &now("u"));
        server.init(&by_token(&token)).await.expect_problem(403, "identity-refused");
    }
}

#[tokio::test]
async fn tokens_are_validated_by_their_claims() {
    let server = TestServer::new().await;
    let (kid, key) = server.identity_key().await;
    server.set_policy("jwt", false).await;
    let head = json!({"alg": "HS256", "kid": kid}).to_string();
    let with = |name: &str, value: Value| {
        let mut claims = claims(&server, "u", 600);
        claims[name] = value;
        jwt(&kid, &key, &claims)
    };
    let now = SystemClock.now().seconds();
    server
        .start_session(&by_token(&with("aud", json!(["x", server.bootstrap["organization"]]))))
        .await;
    let none = with("sub", json!("u"));
    let unsigned = json!({"alg": "none", "kid": kid}).to_string();
    let unsigned = signed_jwt(&key, &unsigned, &claims(&server, "u", 600).to_string());
    for (what, token) in [
        ("another's sub", with("sub", json!("v"))),
        ("another's aud", with("aud", json!("other.example"))),
        ("no aud", with("aud", Value::Null)),
        ("exp as text", with("exp", json!((now + 600).to_string()))),
        ("exp 16 min ahead", with("exp", json!(now + 960))),
        ("exp long ago", with("exp", json!(now - 61))),
        ("nbf to come", with("nbf", json!(now + 120))),
        ("iat to come", with("iat", json!(now + 120))),
        ("no signature", none.rsplit_once('.').expect("three parts").0.to_owned() + "."),
        ("none", unsigned.rsplit_once('.').expect("three parts").0.to_owned() + "."),
        ("none, signed", unsigned),
        ("bytes behind it", format!("{none}x")),
        ("no claims", signed_jwt(&key, &head, "{}")),
        ("its user_hash", user_hash(&key, "u")),
    ] {
        let reply = server.init(&by_token(&token)).await;
        assert_eq!(reply.status, 403, "{what}: {}", reply.text);
        reply.expect_problem(403, "identity-refused");
    }
    server.init(&by_token(&"x".repeat(200_001))).await.expect_invalid("/user/user_jwt");
}

#[tokio::test]
async fn the_profile_comes_from_the_token_and_not_from_the_page() {
    let server = TestServer::new().await;
    let (kid, key) = server.identity_key().await;
    server.set_policy("jwt", false).await;
    let mut token_claims = claims(&server, "u", 600);
    for (name, value) in [
        ("name", json!("Uma")),
        ("email", json!("no address")),
        ("phone", json!("+49 30 1")),
        ("company", json!("Ltd")),
        ("custom_data", json!({"plan": "pro"})),
        ("user_id", json!("other")),
        ("role", json!("owner")),
    ] {
        token_claims[name] = value;
    }
    let user = json!({
        "user_id": "u", "user_jwt": jwt(&kid, &key, &token_claims), "name": "Mallory",
        "email": "mallory@example.com", "custom_data": {"plan": "free", "forged": true},
    });
    let uma = server.start_session(&user).await;
    let contact = &uma.start["contact"];
    assert_eq!((&contact["userId"], &contact["name"]), (&json!("u"), &json!("Uma")));
    assert_eq!((&contact["phone"], &contact["company"]), (&json!("+49 30 1"), &json!("Ltd")));
    assert_eq!(contact["customData"], json!({"plan": "pro"}));
    // An invalid claim is a warning, like an invalid field.
    assert_eq!(contact["email"], Value::Null);
    assert_eq!(uma.start["warnings"][0]["pointer"], "/user/email", "{}", uma.start["warnings"]);
}

#[tokio::test]
async fn an_expired_token_does_not_end_the_session_that_it_started() {
    let server = TestServer::new().await;
    let (kid, key) = server.identity_key().await;
    server.set_policy("jwt", false).await;
    // It is still within the leeway for a moment.
    let token = jwt(&kid, &key, &claims(&server, "u", -56));
    let begun = server.start_session(&by_token(&token)).await;
    wait_until("the token's end", SHORT_TIMEOUT, async || {
        (server.init(&by_token(&token)).await.status == 403).then_some(())
    })
    .await;
    begun.send("still here").await;
    assert_eq!(begun.message_texts().await, ["still here"]);
}

#[tokio::test]
async fn a_stricter_policy_ends_sessions_with_a_weaker_proof() {
    let server = TestServer::new().await;
    let (kid, key) = server.identity_key().await;
    let unproven = server.start_session(&json!({"user_id": "u"})).await;
    unproven.send("unproven").await;
    let mut cut = unproven.events().await;
    // In report-only mode it ends none.
    server.set_policy("jwt", true).await;
    unproven.send("still here").await;

    let since = Instant::now();
    server.set_policy("hmac", false).await;
    expect_end(&mut cut, since).await;
    unproven.try_send("too late").await.expect_problem(401, "session-ended");

    let hashed = server.start_session(&by_hash(&key, "u")).await;
    assert_eq!(hashed.initial_texts(), ["unproven", "still here"]);
    let mut cut = hashed.events().await;
    let since = Instant::now();
    server.set_policy("jwt", false).await;
    expect_end(&mut cut, since).await;
    hashed.try_send("too late").await.expect_problem(401, "session-ended");
    let proven =
        server.start_session(&by_token(&jwt(&kid, &key, &claims(&server, "u", 600)))).await;
    let mut kept = proven.events().await;
    server.set_policy("hmac", false).await;
    proven.send("proven more").await;
    assert_eq!(kept.expect_without("message", "session-ended").await["text"], "proven more");
    // What a policy has ended stays ended under a weaker one.
    server.set_policy("optional", false).await;
    for ended in [&unproven, &hashed] {
        ended.try_send("too late").await.expect_problem(401, "session-ended");
    }
    proven.send("still here").await;
    server.start_session(&json!({"user_id": "u"})).await.send("unproven again").await;
}

#[tokio::test]
async fn setting_and_resetting_a_claim_ends_sessions_and_is_audited() {
    let server = TestServer::new().await;
    let owner = server.log_in_owner().await;
    let unproven = server.start_session(&json!({"user_id": "u"})).await;
    let path = format!("/v1/contacts/{}/security-hash", unproven.contact_id());
    let mut cut = unproven.events().await;

    let since = Instant::now();
    let claim = json!({"securityHash": "the hash"});
    ApiResponse::send(server.with_api_key().request(Method::PUT, &path).json(&claim))
        .await
        .expect(204);
    expect_end(&mut cut, since).await;
    ApiResponse::send(owner.api.request(Method::PUT, &path).json(&claim))
        .await
        .expect_problem(409, "claim-exists");
    server.init(&json!({"user_id": "u"})).await.expect_problem(403, "identity-refused");
    let proven = server.start_session(&json!({"user_id": "u", "security_hash": "the hash"})).await;
    assert_eq!(proven.contact_id(), unproven.contact_id());
    let mut cut = proven.events().await;

    let reset =
        |body: Value| ApiResponse::send(owner.api.request(Method::DELETE, &path).json(&body));
    reset(json!({})).await.expect_invalid("/reason");
    let by_server =
        server.with_api_key().request(Method::DELETE, &path).json(&json!({"reason": "lost"}));
    ApiResponse::send(by_server).await.expect_problem(403, "forbidden");
    proven.send("nothing has changed so far").await;
    let since = Instant::now();
    reset(json!({"reason": "the hash is lost"})).await.expect(204);
    expect_end(&mut cut, since).await;
    server.start_session(&json!({"user_id": "u", "security_hash": "another hash"})).await;
    server
        .init(&json!({"user_id": "u", "security_hash": "the hash"}))
        .await
        .expect_problem(403, "");

    let audit = owner.api.get("/v1/audit").await.expect(200);
    let entries = audit["items"].as_array().expect("a list has items").iter();
    let claims = entries.filter(|entry| entry["subject"] == unproven.contact_id());
    let actions: Vec<_> =
        claims.map(|entry| (entry["action"].clone(), entry["detail"].clone())).collect();
    let entry = |action: &str, detail: &str| (json!(action), json!(detail));
    let set = entry("claim.set", "");
    assert_eq!(actions, [set.clone(), entry("claim.reset", "the hash is lost"), set], "{audit}");
}
