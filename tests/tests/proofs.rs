//! Identity keys, what sessions they begin, and when those end.

use std::time::{Duration, Instant};

use onethread_core::{Clock, SystemClock};
use onethread_tests::{Events, Reply, SHORT, Stage, Tenant, jwt, jwt_of, until, user_hash};
use reqwest::Method;
use serde_json::{Value, json};

/// The stream says that its session is over and closes, a second after `since` at the latest.
async fn ends(stream: &mut Events, since: Instant) {
    stream.expect("session-ended").await;
    stream.until_end(Duration::from_secs(1)).await;
    let took = since.elapsed();
    assert!(took <= Duration::from_secs(1), "the stream lived on for {took:?}");
}

fn by_hash(key: &str, user_id: &str) -> Value {
    json!({"user_id": user_id, "user_hash": user_hash(key, user_id)})
}

/// Claims of a token that runs so many seconds from now.
fn claims(tenant: &Tenant, sub: &str, runs: i64) -> Value {
    let until = SystemClock.now().seconds() + runs;
    json!({"sub": sub, "aud": tenant.bootstrap["organization"], "exp": until})
}

fn by_token(token: &str) -> Value {
    json!({"user_id": "u", "user_jwt": token})
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_are_their_own_organizations() {
    let stage = Stage::with_operator(Default::default()).await;
    let other = stage.organization("other.example").await;
    let (owner, (_, foreign)) = (stage.agent().await, other.identity_key().await);
    let (old_id, old) = stage.identity_key().await;
    let (new_id, new) = stage.identity_key().await;
    owner.api.post("/v1/identity-keys", &json!({})).await.problem(409, "too-many-keys");
    let listed = owner.api.get("/v1/identity-keys").await.expect(200);
    assert!(!listed.to_string().contains(&old), "a key is shown once");
    stage.set_policy("hmac", false).await;

    let begun = stage.open(&by_hash(&old, "u")).await;
    assert_eq!(stage.open(&by_hash(&new, "u")).await.contact_id(), begun.contact_id());
    stage.init(&by_hash(&foreign, "u")).await.problem(403, "identity-refused");
    // Bytes count: of an id beyond ASCII too, and of the hex.
    for user_id in ["ünï-🦀", " spaced ", "e\u{301}"] {
        stage.open(&by_hash(&new, user_id)).await;
        let composed = json!({"user_id": user_id, "user_hash": user_hash(&new, "é")});
        stage.init(&composed).await.problem(403, "identity-refused");
    }
    let shouted = json!({"user_id": "u", "user_hash": user_hash(&new, "u").to_uppercase()});
    stage.init(&shouted).await.problem(403, "identity-refused");

    let path = format!("/v1/identity-keys/{old_id}");
    Reply::of(owner.api.request(Method::DELETE, &path)).await.expect(204);
    stage.init(&by_hash(&old, "u")).await.problem(403, "identity-refused");
    // What it began goes on, and another one may come.
    begun.say("still here").await;
    let (third_id, third) = stage.identity_key().await;
    stage.open(&by_hash(&third, "u")).await;

    stage.set_policy("jwt", false).await;
    let now = |sub: &str| claims(&stage, sub, 600);
    for (kid, key, good) in [
        (&new_id, &new, true),
        (&third_id, &third, true),
        (&old_id, &old, false),
        (&new_id, &third, false),
        (&new_id, &foreign, false),
    ] {
        let status = stage.init(&by_token(&jwt(kid, key, &now("u")))).await.status;
        assert_eq!(status, if good { 200 } else { 403 }, "{kid}");
    }
    let foreign_id = other.agent().await.api.get("/v1/identity-keys").await.expect(200);
    let foreign_id = foreign_id["items"][0]["keyId"].as_str().expect("a key has an id");
    for key in [&foreign, &new] {
        let token = jwt(foreign_id, key, &now("u"));
        stage.init(&by_token(&token)).await.problem(403, "identity-refused");
    }
}

#[tokio::test]
async fn a_token_is_judged_by_its_own_claims_over_http_too() {
    let stage = Stage::new().await;
    let (kid, key) = stage.identity_key().await;
    stage.set_policy("jwt", false).await;
    let head = json!({"alg": "HS256", "kid": kid}).to_string();
    let with = |name: &str, value: Value| {
        let mut claims = claims(&stage, "u", 600);
        claims[name] = value;
        jwt(&kid, &key, &claims)
    };
    let now = SystemClock.now().seconds();
    stage.open(&by_token(&with("aud", json!(["x", stage.bootstrap["organization"]])))).await;
    let none = with("sub", json!("u"));
    let unsigned = json!({"alg": "none", "kid": kid}).to_string();
    let unsigned = jwt_of(&key, &unsigned, &claims(&stage, "u", 600).to_string());
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
        ("no claims", jwt_of(&key, &head, "{}")),
        ("its user_hash", user_hash(&key, "u")),
    ] {
        let reply = stage.init(&by_token(&token)).await;
        assert_eq!(reply.status, 403, "{what}: {}", reply.text);
        reply.problem(403, "identity-refused");
    }
    stage.init(&by_token(&"x".repeat(200_001))).await.refuses("/user/user_jwt");
}

#[tokio::test]
async fn of_a_token_the_profile_is_taken_and_of_the_page_nothing() {
    let stage = Stage::new().await;
    let (kid, key) = stage.identity_key().await;
    stage.set_policy("jwt", false).await;
    let mut said = claims(&stage, "u", 600);
    for (name, value) in [
        ("name", json!("Uma")),
        ("email", json!("no address")),
        ("phone", json!("+49 30 1")),
        ("company", json!("Ltd")),
        ("custom_data", json!({"plan": "pro"})),
        ("user_id", json!("other")),
        ("role", json!("owner")),
    ] {
        said[name] = value;
    }
    let user = json!({
        "user_id": "u", "user_jwt": jwt(&kid, &key, &said), "name": "Mallory",
        "email": "mallory@example.com", "custom_data": {"plan": "free", "forged": true},
    });
    let uma = stage.open(&user).await;
    let contact = &uma.start["contact"];
    assert_eq!((&contact["userId"], &contact["name"]), (&json!("u"), &json!("Uma")));
    assert_eq!((&contact["phone"], &contact["company"]), (&json!("+49 30 1"), &json!("Ltd")));
    assert_eq!(contact["customData"], json!({"plan": "pro"}));
    // A bad claim is a warning as a page's bad field is one.
    assert_eq!(contact["email"], Value::Null);
    assert_eq!(uma.start["warnings"][0]["pointer"], "/user/email", "{}", uma.start["warnings"]);
}

#[tokio::test]
async fn a_token_that_runs_out_ends_no_session_that_it_began() {
    let stage = Stage::new().await;
    let (kid, key) = stage.identity_key().await;
    stage.set_policy("jwt", false).await;
    // Within the leeway still, for a moment.
    let token = jwt(&kid, &key, &claims(&stage, "u", -56));
    let begun = stage.open(&by_token(&token)).await;
    until("the token's end", SHORT, async || {
        (stage.init(&by_token(&token)).await.status == 403).then_some(())
    })
    .await;
    begun.say("still here").await;
    assert_eq!(begun.thread_texts().await, ["still here"]);
}

#[tokio::test]
async fn a_policy_that_asks_for_more_ends_sessions_that_proved_less() {
    let stage = Stage::new().await;
    let (kid, key) = stage.identity_key().await;
    let unproven = stage.open(&json!({"user_id": "u"})).await;
    unproven.say("unproven").await;
    let mut cut = unproven.events().await;
    // One that only reports asks for nothing.
    stage.set_policy("jwt", true).await;
    unproven.say("still here").await;

    let since = Instant::now();
    stage.set_policy("hmac", false).await;
    ends(&mut cut, since).await;
    unproven.try_say("too late").await.problem(401, "session-ended");

    let hashed = stage.open(&by_hash(&key, "u")).await;
    assert_eq!(hashed.first_texts(), ["unproven", "still here"]);
    let mut cut = hashed.events().await;
    let since = Instant::now();
    stage.set_policy("jwt", false).await;
    ends(&mut cut, since).await;
    hashed.try_say("too late").await.problem(401, "session-ended");
    let proven = stage.open(&by_token(&jwt(&kid, &key, &claims(&stage, "u", 600)))).await;
    let mut kept = proven.events().await;
    stage.set_policy("hmac", false).await;
    proven.say("proven more").await;
    assert_eq!(kept.expect_without("message", "session-ended").await["text"], "proven more");
}

#[tokio::test]
async fn a_claim_set_and_reset_by_the_company_ends_sessions_and_is_audited() {
    let stage = Stage::new().await;
    let owner = stage.agent().await;
    let unproven = stage.open(&json!({"user_id": "u"})).await;
    let path = format!("/v1/contacts/{}/security-hash", unproven.contact_id());
    let mut cut = unproven.events().await;

    let since = Instant::now();
    let claim = json!({"securityHash": "the hash"});
    Reply::of(stage.company().request(Method::PUT, &path).json(&claim)).await.expect(204);
    ends(&mut cut, since).await;
    Reply::of(owner.api.request(Method::PUT, &path).json(&claim))
        .await
        .problem(409, "claim-exists");
    stage.init(&json!({"user_id": "u"})).await.problem(403, "identity-refused");
    let proven = stage.open(&json!({"user_id": "u", "security_hash": "the hash"})).await;
    assert_eq!(proven.contact_id(), unproven.contact_id());
    let mut cut = proven.events().await;

    let reset = |body: Value| Reply::of(owner.api.request(Method::DELETE, &path).json(&body));
    reset(json!({})).await.refuses("/reason");
    let by_server = stage.company().request(Method::DELETE, &path).json(&json!({"reason": "lost"}));
    Reply::of(by_server).await.problem(403, "forbidden");
    proven.say("nothing has changed so far").await;
    let since = Instant::now();
    reset(json!({"reason": "the hash is lost"})).await.expect(204);
    ends(&mut cut, since).await;
    stage.open(&json!({"user_id": "u", "security_hash": "another hash"})).await;
    stage.init(&json!({"user_id": "u", "security_hash": "the hash"})).await.problem(403, "");

    let audit = owner.api.get("/v1/audit").await.expect(200);
    let entries = audit["items"].as_array().expect("a list has items").iter();
    let claims = entries.filter(|entry| entry["subject"] == unproven.contact_id());
    let told: Vec<_> =
        claims.map(|entry| (entry["action"].clone(), entry["detail"].clone())).collect();
    let said = |action: &str, detail: &str| (json!(action), json!(detail));
    let set = said("claim.set", "");
    assert_eq!(told, [set.clone(), said("claim.reset", "the hash is lost"), set], "{audit}");
}
