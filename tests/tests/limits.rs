//! Rate limits: the defaults, and those of a file.

use std::collections::BTreeSet;

use onethread_tests::{Api, ApiResponse, Options, TestServer, row_counts};
use reqwest::Method;
use serde_json::{Value, json};

async fn limited() -> TestServer {
    TestServer::with(Options::default().env("ONETHREAD_RATE_LIMITS", "default")).await
}

#[track_caller]
fn too_many(reply: ApiResponse) {
    let seconds: u64 = reply.header("retry-after").parse().expect("Retry-After is a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    reply.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn inits_of_one_address_are_limited() {
    let server = limited().await;
    let mut taken = 0;
    let refused = loop {
        // X-Forwarded-For is ignored, because no proxy is trusted.
        let request = server.api.request(Method::POST, "/widget/v1/init");
        let request = request.header("x-forwarded-for", format!("192.0.2.{}", taken % 250));
        let reply = ApiResponse::send(request.json(&server.init_body(&json!({})))).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 400, "nothing limits inits");
    };
    too_many(refused);
    // 120 at once, and a few that have been refilled meanwhile.
    assert!((120..=200).contains(&taken), "{taken}");
}

#[tokio::test]
async fn new_contacts_of_one_address_are_limited() {
    let server = limited().await;
    let known = server.start_session(&json!({"user_id": "u"})).await;
    let mut taken = 0;
    let refused = loop {
        let visitor = server.start_session(&json!({})).await;
        let reply = visitor.submit_form(&json!({"name": "V", "email": "v@example.com"})).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 60, "nothing limits new contacts");
    };
    too_many(refused);
    assert!((20..=30).contains(&taken), "{taken}");
    // Known contacts are not limited.
    known.send("hello").await;
    server.start_session(&json!({"user_id": "u"})).await;
}

#[tokio::test]
async fn logins_are_limited() {
    let server = limited().await;
    let body = json!({"organization": server.bootstrap["organization"], "email": "x@example.com", "password": "p"});
    let mut taken = 0;
    let refused = loop {
        let reply = server.api.post("/v1/login", &body).await;
        if reply.status != 401 {
            break reply;
        }
        taken += 1;
        assert!(taken < 20, "nothing limits logins");
    };
    too_many(refused);
    assert!((5..=6).contains(&taken), "{taken}");
}

#[tokio::test]
async fn messages_of_one_device_are_limited() {
    let server = limited().await;
    let (phone, laptop) = (
        server.start_session(&json!({"user_id": "u"})).await,
        server.start_session(&json!({"user_id": "u"})).await,
    );
    let mut taken = 0;
    let refused = loop {
        let reply = phone.try_send("again").await;
        if reply.status != 201 {
            break reply;
        }
        taken += 1;
        assert!(taken < 200, "nothing limits messages");
    };
    too_many(refused);
    assert!((60..=100).contains(&taken), "{taken}");
    laptop.send("another device").await;
}

#[tokio::test]
async fn logins_of_one_address_are_limited_for_all_emails() {
    let server = limited().await;
    let mut taken = 0;
    let refused = loop {
        let body = json!({"organization": "demo", "email": format!("{taken}@example.com"),
            "password": "p"});
        let request = server.api.request(Method::POST, "/v1/login").json(&body);
        let request = request.header("x-forwarded-for", format!("192.0.2.{taken}"));
        let reply = ApiResponse::send(request).await;
        if reply.status != 401 {
            break reply;
        }
        taken += 1;
        assert!(taken < 30, "nothing limits logins");
    };
    too_many(refused);
    assert!((10..=15).contains(&taken), "{taken}");
}

#[tokio::test]
async fn wrong_passwords_from_one_address_lock_no_owner_out_elsewhere() {
    let options = Options::default().env("ONETHREAD_RATE_LIMITS", "default");
    let server = TestServer::with(options.env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.1/32")).await;
    let agent = &server.bootstrap["agent"];
    let log_in = async |password: &Value, from: &str| {
        let body = json!({"organization": server.bootstrap["organization"],
            "email": agent["email"], "password": password});
        let request = server.api.request(Method::POST, "/v1/login").json(&body);
        ApiResponse::send(request.header("x-forwarded-for", from)).await
    };
    let mut taken = 0;
    let refused = loop {
        let reply = log_in(&json!("wrong"), "192.0.2.1").await;
        if reply.status != 401 {
            break reply;
        }
        taken += 1;
        assert!(taken < 20, "nothing limits logins");
    };
    too_many(refused);
    too_many(log_in(&agent["password"], "192.0.2.1").await);
    log_in(&agent["password"], "192.0.2.2").await.expect(200);
}

#[tokio::test]
async fn api_keys_and_other_calls_have_separate_limits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    std::fs::write(&file, "everything_else = 20\napi_key = 40\n").unwrap();
    let path = file.to_str().unwrap();
    let server = TestServer::with(Options::default().env("ONETHREAD_RATE_LIMITS", path)).await;
    let widget = server.start_session(&json!({"user_id": "u"})).await;
    let by_api_key = server.with_api_key();
    // Calls until one is rejected, and returns the number of successful calls.
    let drain = async |api: &Api, path: &str| {
        for taken in 0..200 {
            let request = api.request(Method::GET, path);
            let request = request.header("x-forwarded-for", format!("192.0.2.{taken}"));
            let reply = ApiResponse::send(request).await;
            if reply.status != 200 {
                too_many(reply);
                return taken;
            }
        }
        panic!("nothing limits {path}");
    };
    let taken = drain(&widget.api, "/widget/v1/messages").await;
    assert!((20..60).contains(&taken), "{taken}");
    // Calls with a key are counted by key, even if the address has reached its limit.
    let taken = drain(&by_api_key, "/v1/contacts").await;
    assert!((40..100).contains(&taken), "{taken}");
}

/// Sends an init from this address through a trusted proxy.
async fn init_from(server: &TestServer, address: &str, user: &Value) -> ApiResponse {
    let request = server.api.request(Method::POST, "/widget/v1/init");
    let request = request.header("x-forwarded-for", format!("198.51.100.7, {address}"));
    ApiResponse::send(request.json(&server.init_body(user))).await
}

#[tokio::test]
async fn rejected_proofs_limit_only_their_address() {
    // A low limit, so that refilling within a second or two makes no difference.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    std::fs::write(&file, "refused_proofs = 2\n").unwrap();
    let behind_a_proxy = Options::default()
        .env("ONETHREAD_RATE_LIMITS", file.to_str().unwrap())
        .env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = TestServer::with(behind_a_proxy).await;
    let (right, wrong) = (
        json!({"user_id": "u", "security_hash": "right"}),
        json!({"user_id": "u", "security_hash": "wrong"}),
    );
    let by_app_id = async |address: &str, user: &Value| {
        let mut body = server.init_body(user);
        body["appId"] = server.bootstrap["appId"].clone();
        let request = server.api.request(Method::POST, "/widget/v1/init").json(&body);
        ApiResponse::send(request.header("x-forwarded-for", address)).await
    };
    by_app_id("192.0.2.1", &right).await.expect(200);
    let before = row_counts(&server.process.data_dir()).await;
    let mut taken = 0;
    let refused = loop {
        let reply = init_from(&server, "192.0.2.66", &wrong).await;
        if reply.status != 403 {
            break reply;
        }
        taken += 1;
        assert!(taken < 30, "nothing limits refused proofs");
    };
    too_many(refused);
    assert!((2..=4).contains(&taken), "{taken}");
    // The limit also applies to the other form of the application.
    too_many(by_app_id("192.0.2.66", &wrong).await);
    // Visitors at this address, and the contact at another one, are not limited.
    init_from(&server, "192.0.2.66", &json!({})).await.expect(200);
    init_from(&server, "192.0.2.1", &right).await.expect(200);

    // Only the counter of the hour was written, and the device of the last login.
    let after = row_counts(&server.process.data_dir()).await;
    let changed: BTreeSet<_> =
        after.iter().filter(|(table, rows)| before[*table] != **rows).map(|(t, _)| &**t).collect();
    assert_eq!(changed, BTreeSet::from(["identity.db/devices", "identity.db/refusals"]));
    assert_eq!(after["identity.db/devices"] - before["identity.db/devices"], 1);
    // The right proof gets in from the same address, and doesn't help the guesses.
    by_app_id("192.0.2.66", &right).await.expect(200);
    init_from(&server, "192.0.2.66", &right).await.expect(200);
    too_many(init_from(&server, "192.0.2.66", &wrong).await);
    // So does another user's, who was never seen before.
    let other = json!({"user_id": "other", "security_hash": "also right"});
    init_from(&server, "192.0.2.66", &other).await.expect(200);
    let agent = server.log_in_owner().await;
    let list = agent.api.get("/v1/applications").await.expect(200);
    let refused = list["items"][0]["refused"].as_array().unwrap();
    let counted: i64 = refused.iter().map(|of| of["count"].as_i64().unwrap()).sum();
    assert_eq!(counted, taken);
    assert!(refused.iter().all(|of| of["hour"].as_str().unwrap().ends_with(":00:00Z")), "{list}");
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_pass_the_limit() {
    let server = limited().await;
    let right = json!({"user_id": "u", "security_hash": "right"});
    server.init(&right).await.expect(200);
    let guess = async |n: i32| {
        let wrong = json!({"user_id": "u", "security_hash": format!("guess {n}")});
        server.init(&wrong).await
    };
    let answers = futures::future::join_all((0..60).map(guess)).await;
    let checked = answers.iter().filter(|answer| answer.status == 403).count();
    // One more may have been allowed meanwhile.
    assert!((10..=11).contains(&checked), "{checked} guesses were checked");
    answers.into_iter().filter(|answer| answer.status != 403).for_each(too_many);
    // The real person gets in.
    server.init(&right).await.expect(200);
}

#[tokio::test]
async fn right_proofs_at_the_same_time_are_not_limited() {
    let server = limited().await;
    let login = async |n: i32| {
        let user = json!({"user_id": format!("u{n}"), "security_hash": format!("right {n}")});
        server.init(&user).await.expect(200)
    };
    futures::future::join_all((0..60).map(login)).await;
}

#[tokio::test]
async fn a_file_sets_limits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    let limits = "init = 1\nlogins = 1000\nlogins_by_email = \"off\"\n";
    std::fs::write(&file, limits).unwrap();
    let path = file.to_str().unwrap();
    let server = TestServer::with(Options::default().env("ONETHREAD_RATE_LIMITS", path)).await;
    server.start_session(&json!({})).await;
    too_many(server.init(&json!({})).await);
    let body = json!({"organization": "demo", "email": "x@example.com", "password": "p"});
    for _ in 0..8 {
        server.api.post("/v1/login", &body).await.expect_problem(401, "login-refused");
    }
}
