//! Passwords: changed by their owner, and reset from the command line.

use onethread_tests::{Options, Reply, Stage, refused};
use reqwest::Method;
use serde_json::{Value, json};

fn credentials(stage: &Stage, password: &str) -> Value {
    let (organization, email) =
        (&stage.bootstrap["organization"], &stage.bootstrap["agent"]["email"]);
    json!({"organization": organization, "email": email, "password": password})
}

#[tokio::test]
async fn an_agent_changes_their_own_password() {
    let stage = Stage::new().await;
    let (here, elsewhere) = (stage.agent().await, stage.agent().await);
    let mut cut = elsewhere.events().await;
    let password = stage.bootstrap["agent"]["password"].as_str().unwrap();
    for (body, pointer) in [
        (json!({"newPassword": "long enough"}), "/password"),
        (json!({"password": password}), "/newPassword"),
        (json!({"password": password, "newPassword": "short"}), "/newPassword"),
        (json!({"password": "wrong one", "newPassword": "long enough"}), "/password"),
    ] {
        here.api.post("/v1/me/password", &body).await.refuses(pointer);
    }
    let change = json!({"password": password, "newPassword": "long enough"});
    let server = stage.api.with_token(stage.bootstrap["apiKey"].as_str().unwrap());
    server.post("/v1/me/password", &change).await.problem(403, "forbidden");
    stage.api.post("/v1/me/password", &change).await.problem(401, "session-ended");

    assert_eq!(here.api.post("/v1/me/password", &change).await.status, 204);
    cut.expect("session-ended").await;
    here.api.get("/v1/me").await.expect(200);
    elsewhere.api.get("/v1/me").await.problem(401, "session-ended");
    stage.api.post("/v1/login", &credentials(&stage, password)).await.problem(401, "login-refused");
    stage.api.post("/v1/login", &credentials(&stage, "long enough")).await.expect(200);
}

#[tokio::test]
async fn whoever_guesses_a_password_in_a_session_is_limited_like_a_login() {
    let options = Options::default().env("ONETHREAD_RATE_LIMITS", "default");
    let stage = Stage::with(options).await;
    let agent = stage.agent().await;
    let guess = json!({"password": "wrong one", "newPassword": "long enough"});
    let mut taken = 0;
    while agent.api.post("/v1/me/password", &guess).await.status == 400 {
        taken += 1;
        assert!(taken < 20, "nothing limits guesses");
    }
    assert!((5..=6).contains(&taken), "{taken}");
    let request = agent.api.request(Method::POST, "/v1/me/password").json(&guess);
    Reply::of(request).await.problem(429, "rate-limited");
}

#[tokio::test]
async fn the_command_line_resets_a_password() {
    let mut stage = Stage::new().await;
    let login = stage.agent().await;
    let data = stage.server.data_dir();
    let bootstrap = stage.bootstrap.clone();
    let email = bootstrap["agent"]["email"].as_str().unwrap();
    let plain = Options::default();
    let reset = async |organization: &str, email: &str| {
        let data = data.to_str().unwrap();
        refused(&["reset-password", organization, email, "--data-dir", data], &plain).await
    };
    let busy = reset("demo", email).await;
    assert_eq!((busy.code, busy.stderr.len()), (Some(64), 1), "{busy:?}");
    assert!(busy.stderr[0].contains("another process"), "{busy:?}");

    stage.server.kill().await;
    let nobody = reset("demo", "nobody@example.com").await;
    assert_eq!((nobody.code, nobody.stderr.len()), (Some(64), 1), "{nobody:?}");
    assert_eq!(nobody.stdout, "");
    let done = reset("demo", email).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let password = done.stdout.trim_end();
    assert!(password.len() == 20 && !done.stderr.concat().contains(password), "{done:?}");

    stage.server.restart().await;
    stage.api.post("/v1/login", &credentials(&stage, password)).await.expect(200);
    login.api.get("/v1/me").await.problem(401, "session-ended");
    let was = stage.bootstrap["agent"]["password"].as_str().unwrap();
    stage.api.post("/v1/login", &credentials(&stage, was)).await.problem(401, "login-refused");
    let elsewhere = tempfile::tempdir().unwrap();
    let empty = elsewhere.path().join("data");
    let empty_path = empty.to_str().unwrap();
    let nothing =
        refused(&["reset-password", "demo", email, "--data-dir", empty_path], &plain).await;
    assert_eq!((nothing.code, nothing.stderr.len()), (Some(64), 1), "{nothing:?}");
    assert!(!empty.exists());
}
