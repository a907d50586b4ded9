//! The rate limits: the default ones, and those of a file.

use std::collections::BTreeSet;

use onethread_tests::{Api, Options, Reply, Stage, row_counts};
use reqwest::Method;
use serde_json::{Value, json};

async fn limited() -> Stage {
    Stage::with(Options::default().env("ONETHREAD_RATE_LIMITS", "default")).await
}

#[track_caller]
fn too_many(reply: Reply) {
    let seconds: u64 = reply.header("retry-after").parse().expect("Retry-After is a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    reply.problem(429, "rate-limited");
}

#[tokio::test]
async fn inits_of_one_address_are_limited() {
    let stage = limited().await;
    let mut taken = 0;
    let refused = loop {
        // Whatever a client claims to pass on for: nobody is trusted.
        let request = stage.api.request(Method::POST, "/widget/v1/init");
        let request = request.header("x-forwarded-for", format!("192.0.2.{}", taken % 250));
        let reply = Reply::of(request.json(&stage.init_body(&json!({})))).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 400, "nothing limits inits");
    };
    too_many(refused);
    // 120 at once, and what came back meanwhile.
    assert!((120..=200).contains(&taken), "{taken}");
}

#[tokio::test]
async fn new_contacts_of_one_address_are_limited() {
    let stage = limited().await;
    let known = stage.open(&json!({"user_id": "u"})).await;
    let mut taken = 0;
    let refused = loop {
        let visitor = stage.open(&json!({})).await;
        let reply = visitor.fill_form(&json!({"name": "V", "email": "v@example.com"})).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < 60, "nothing limits new contacts");
    };
    too_many(refused);
    assert!((20..=30).contains(&taken), "{taken}");
    // Those who are known go on.
    known.say("hello").await;
    stage.open(&json!({"user_id": "u"})).await;
}

#[tokio::test]
async fn logins_are_limited() {
    let stage = limited().await;
    let body = json!({"organization": stage.bootstrap["organization"], "email": "x@example.com", "password": "p"});
    let mut taken = 0;
    let refused = loop {
        let reply = stage.api.post("/v1/login", &body).await;
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
    let stage = limited().await;
    let (phone, laptop) =
        (stage.open(&json!({"user_id": "u"})).await, stage.open(&json!({"user_id": "u"})).await);
    let mut taken = 0;
    let refused = loop {
        let reply = phone.try_say("again").await;
        if reply.status != 201 {
            break reply;
        }
        taken += 1;
        assert!(taken < 200, "nothing limits messages");
    };
    too_many(refused);
    assert!((60..=100).contains(&taken), "{taken}");
    laptop.say("another device").await;
}

#[tokio::test]
async fn logins_of_one_address_are_limited_whoever_they_name() {
    let stage = limited().await;
    let mut taken = 0;
    let refused = loop {
        let body = json!({"organization": "demo", "email": format!("{taken}@example.com"),
            "password": "p"});
        let request = stage.api.request(Method::POST, "/v1/login").json(&body);
        let request = request.header("x-forwarded-for", format!("192.0.2.{taken}"));
        let reply = Reply::of(request).await;
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
async fn an_api_key_and_all_other_calls_have_limits_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    std::fs::write(&file, "everything_else = 20\napi_key = 40\n").unwrap();
    let said = file.to_str().unwrap();
    let stage = Stage::with(Options::default().env("ONETHREAD_RATE_LIMITS", said)).await;
    let widget = stage.open(&json!({"user_id": "u"})).await;
    let server = stage.company();
    // Until one is refused; gives how many were taken.
    let drain = async |api: &Api, path: &str| {
        for taken in 0..200 {
            let request = api.request(Method::GET, path);
            let request = request.header("x-forwarded-for", format!("192.0.2.{taken}"));
            let reply = Reply::of(request).await;
            if reply.status != 200 {
                too_many(reply);
                return taken;
            }
        }
        panic!("nothing limits {path}");
    };
    let taken = drain(&widget.api, "/widget/v1/messages").await;
    assert!((20..60).contains(&taken), "{taken}");
    // What is counted by key goes on, whatever the address has used up.
    let taken = drain(&server, "/v1/contacts").await;
    assert!((40..100).contains(&taken), "{taken}");
}

/// An init from this address, as a trusted proxy tells of it.
async fn init_from(stage: &Stage, address: &str, user: &Value) -> Reply {
    let request = stage.api.request(Method::POST, "/widget/v1/init");
    let request = request.header("x-forwarded-for", format!("198.51.100.7, {address}"));
    Reply::of(request.json(&stage.init_body(user))).await
}

#[tokio::test]
async fn refused_proofs_shut_out_their_address_and_no_other() {
    // So few that what comes back within a second or two makes no difference.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    std::fs::write(&file, "refused_proofs = 2\n").unwrap();
    let behind_a_proxy = Options::default()
        .env("ONETHREAD_RATE_LIMITS", file.to_str().unwrap())
        .env("ONETHREAD_TRUSTED_PROXIES", "127.0.0.0/8");
    let stage = Stage::with(behind_a_proxy).await;
    let (right, wrong) = (
        json!({"user_id": "u", "security_hash": "right"}),
        json!({"user_id": "u", "security_hash": "wrong"}),
    );
    let by_app_id = async |address: &str| {
        let mut body = stage.init_body(&right);
        body["appId"] = stage.bootstrap["appId"].clone();
        let request = stage.api.request(Method::POST, "/widget/v1/init").json(&body);
        Reply::of(request.header("x-forwarded-for", address)).await
    };
    by_app_id("192.0.2.1").await.expect(200);
    let before = row_counts(&stage.server.data_dir()).await;
    let mut taken = 0;
    let refused = loop {
        let reply = init_from(&stage, "192.0.2.66", &wrong).await;
        if reply.status != 403 {
            break reply;
        }
        taken += 1;
        assert!(taken < 30, "nothing limits refused proofs");
    };
    too_many(refused);
    assert!((2..=4).contains(&taken), "{taken}");
    // By another spelling of the application, and by a right guess, it is the same.
    too_many(by_app_id("192.0.2.66").await);
    too_many(init_from(&stage, "192.0.2.66", &right).await);
    // Visitors of that address, and the person at another, are in.
    init_from(&stage, "192.0.2.66", &json!({})).await.expect(200);
    init_from(&stage, "192.0.2.1", &right).await.expect(200);

    // Nothing was written but the hour's count: the device is one of the logins.
    let after = row_counts(&stage.server.data_dir()).await;
    let changed: BTreeSet<_> =
        after.iter().filter(|(table, rows)| before[*table] != **rows).map(|(t, _)| &**t).collect();
    assert_eq!(changed, BTreeSet::from(["identity.db/devices", "identity.db/refusals"]));
    assert_eq!(after["identity.db/devices"] - before["identity.db/devices"], 1);
    let agent = stage.agent().await;
    let list = agent.api.get("/v1/applications").await.expect(200);
    let refused = list["items"][0]["refused"].as_array().unwrap();
    let counted: i64 = refused.iter().map(|of| of["count"].as_i64().unwrap()).sum();
    assert_eq!(counted, taken);
    assert!(refused.iter().all(|of| of["hour"].as_str().unwrap().ends_with(":00:00Z")), "{list}");
}

#[tokio::test]
async fn a_file_sets_limits_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    let limits = "init = 1\nlogins = 1000\nlogins_by_email = \"off\"\n";
    std::fs::write(&file, limits).unwrap();
    let said = file.to_str().unwrap();
    let stage = Stage::with(Options::default().env("ONETHREAD_RATE_LIMITS", said)).await;
    stage.open(&json!({})).await;
    too_many(stage.init(&json!({})).await);
    let body = json!({"organization": "demo", "email": "x@example.com", "password": "p"});
    for _ in 0..8 {
        stage.api.post("/v1/login", &body).await.problem(401, "login-refused");
    }
}
