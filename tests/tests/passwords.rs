//! Passwords: changes by agents, and resets from the command line.

use onethread_tests::{ApiResponse, Options, TestServer, run_to_exit};
use reqwest::Method;
use serde_json::{Value, json};

fn credentials(server: &TestServer, password: &str) -> Value {
    let (organization, email) =
        (&server.bootstrap["organization"], &server.bootstrap["agent"]["email"]);
    json!({"organization": organization, "email": email, "password": password})
}

#[tokio::test]
async fn an_agent_can_change_their_password() {
    let server = TestServer::new().await;
    let (here, elsewhere) = (server.log_in_owner().await, server.log_in_owner().await);
    let mut cut = elsewhere.events().await;
    let password = server.bootstrap["agent"]["password"].as_str().unwrap();
    for (body, pointer) in [
        (json!({"newPassword": "long enough"}), "/password"),
        (json!({"password": password}), "/newPassword"),
        (json!({"password": password, "newPassword": "short"}), "/newPassword"),
        (json!({"password": "wrong one", "newPassword": "long enough"}), "/password"),
    ] {
        here.api.post("/v1/me/password", &body).await.expect_invalid(pointer);
    }
    let change = json!({"password": password, "newPassword": "long enough"});
    let by_api_key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    by_api_key.post("/v1/me/password", &change).await.expect_problem(403, "forbidden");
    server.api.post("/v1/me/password", &change).await.expect_problem(401, "session-ended");

    assert_eq!(here.api.post("/v1/me/password", &change).await.status, 204);
    cut.expect("session-ended").await;
    here.api.get("/v1/me").await.expect(200);
    elsewhere.api.get("/v1/me").await.expect_problem(401, "session-ended");
    server
        .api
        .post("/v1/login", &credentials(&server, password))
        .await
        .expect_problem(401, "login-refused");
    server.api.post("/v1/login", &credentials(&server, "long enough")).await.expect(200);
}

#[tokio::test]
async fn guesses_of_the_current_password_are_limited_like_logins() {
    let options = Options::default().env("ONETHREAD_RATE_LIMITS", "default");
    let server = TestServer::with(options).await;
    let agent = server.log_in_owner().await;
    let guess = json!({"password": "wrong one", "newPassword": "long enough"});
    let mut taken = 0;
    while agent.api.post("/v1/me/password", &guess).await.status == 400 {
        taken += 1;
        assert!(taken < 20, "nothing limits guesses");
    }
    assert!((5..=6).contains(&taken), "{taken}");
    let request = agent.api.request(Method::POST, "/v1/me/password").json(&guess);
    ApiResponse::send(request).await.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn the_command_line_resets_a_password() {
    let mut server = TestServer::new().await;
    let login = server.log_in_owner().await;
    let data = server.process.data_dir();
    let bootstrap = server.bootstrap.clone();
    let email = bootstrap["agent"]["email"].as_str().unwrap();
    let plain = Options::default();
    let reset = async |organization: &str, email: &str| {
        let data = data.to_str().unwrap();
        run_to_exit(&["reset-password", organization, email, "--data-dir", data], &plain).await
    };
    let busy = reset("demo", email).await;
    assert_eq!((busy.code, busy.stderr.len()), (Some(64), 1), "{busy:?}");
    assert!(busy.stderr[0].contains("another process"), "{busy:?}");

    server.process.kill().await;
    let unknown = reset("demo", "nobody@example.com").await;
    assert_eq!((unknown.code, unknown.stderr.len()), (Some(64), 1), "{unknown:?}");
    assert_eq!(unknown.stdout, "");
    let done = reset("demo", email).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let password = done.stdout.trim_end();
    assert!(password.len() == 20 && !done.stderr.concat().contains(password), "{done:?}");

    server.process.restart().await;
    server.api.post("/v1/login", &credentials(&server, password)).await.expect(200);
    login.api.get("/v1/me").await.expect_problem(401, "session-ended");
    let was = server.bootstrap["agent"]["password"].as_str().unwrap();
    server
        .api
        .post("/v1/login", &credentials(&server, was))
        .await
        .expect_problem(401, "login-refused");
    let elsewhere = tempfile::tempdir().unwrap();
    let empty = elsewhere.path().join("data");
    let empty_path = empty.to_str().unwrap();
    let nothing =
        run_to_exit(&["reset-password", "demo", email, "--data-dir", empty_path], &plain).await;
    assert_eq!((nothing.code, nothing.stderr.len()), (Some(64), 1), "{nothing:?}");
    assert!(!empty.exists());
}
