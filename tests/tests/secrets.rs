//! What stands in no log line and no span: tokens, proofs, keys, user ids, people's data.

use onethread_tests::{Collector, Options, Reply, SHORT, Stage, until};
use reqwest::Method;
use serde_json::json;

/// Values that the test uses as secrets or as somebody's data, and nothing else would.
const CANARIES: [&str; 9] = [
    "canary-user-id",
    "canary-hash",
    "canary-wrong-hash",
    "canary-user-hash",
    "canary@example.com",
    "Canary Name",
    "+49 555 019 2837",
    "canary text",
    "canary-password",
];

#[tokio::test]
async fn nothing_secret_reaches_logs_or_spans() {
    let collector = Collector::start().await;
    let ours = [
        "",
        "_identity",
        "_conversation",
        "_contact_import",
        "_gateway",
        "_grpc",
        "_db",
        "_outbox",
    ]
    .map(|part| format!("onethread{part}=trace"));
    let stage = Stage::with(
        Options::default()
            .env("RUST_LOG", format!("debug,{}", ours.join(",")))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_BSP_SCHEDULE_DELAY", "100"),
    )
    .await;

    let person = json!({
        "user_id": "canary-user-id", "security_hash": "canary-hash", "email": "canary@example.com",
        "name": "Canary Name", "phone": "+49 555 019 2837", "company": "Canary Name Ltd",
    });
    let owner = stage.open(&person).await;
    let stream = owner.events().await;
    owner.say("canary text").await;
    let wrong = json!({"user_id": "canary-user-id", "security_hash": "canary-wrong-hash", "user_hash": "canary-user-hash"});
    let refused = stage.init(&wrong).await.problem(403, "identity-refused");
    stage.init(&json!({"user_id": ["canary-user-id"]})).await.problem(400, "");
    stage.open(&json!({"user_id": "canary-user-id", "security_hash": "canary-hash", "email": "canary@example.com@"})).await;

    let visitor = stage.open(&json!({"name": "Canary Name"})).await;
    visitor
        .fill_form(&json!({"name": "Canary Name", "email": "canary@example.com"}))
        .await
        .expect(200);
    visitor.say("canary text").await;
    let agent = stage.agent().await;
    let id = visitor.contact_id();
    until("the visitor in Contacts", SHORT, async || agent.contact(id).await).await;
    agent.answer(id, "canary text").await;
    let login = json!({"organization": stage.bootstrap["organization"], "email": "canary@example.com", "password": "canary-password"});
    stage.api.post("/v1/login", &login).await.problem(401, "login-refused");
    let csv = "user_id,email,name,security_hash\ncanary-user-id-2,canary@example.com,Canary Name,canary-hash\n\
        canary-user-id,canary@example.com,Canary Name,canary-wrong-hash\n,canary@,Canary Name,\n";
    crate::imports::import(&agent, csv).await;
    for bad in ["{\"user\":{\"user_id\":\"canary-user-id", "canary-user-id"] {
        let request = stage
            .api
            .request(Method::POST, "/widget/v1/init")
            .header("content-type", "application/json");
        Reply::of(request.body(bad)).await.problem(400, "malformed-json");
    }
    stage.api.get("/canary-user-id?email=canary@example.com").await.problem(404, "not-found");
    let fresh = owner.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    drop(stream);

    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut secrets: Vec<_> = CANARIES.map(str::to_owned).to_vec();
    for session in [&owner.start, &visitor.start, &refused["cleanSession"], &fresh] {
        secrets
            .extend([text(&session["session"]["token"]), text(&session["session"]["deviceToken"])]);
    }
    secrets.push(agent.api.token().to_owned());
    for name in ["applicationSecret", "apiKey"] {
        secrets.push(text(&stage.bootstrap[name]));
    }
    secrets.extend([
        text(&stage.bootstrap["agent"]["password"]),
        text(&stage.bootstrap["agent"]["email"]),
    ]);
    let keys = std::fs::read_to_string(stage.server.data_dir().join("server-keys.json")).unwrap();
    let words = keys.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c)));
    secrets.extend(
        words
            .filter(|word| word.len() >= 20 && word.parse::<uuid::Uuid>().is_err())
            .map(str::to_owned),
    );

    collector
        .find("the last call's span", |spans| {
            spans.iter().any(|span| span.name == "POST /widget/v1/logout").then_some(())
        })
        .await;
    let mut stage = stage;
    stage.server.terminate(SHORT * 2).await;
    let (log, spans) = (stage.server.log(), collector.raw());
    assert!(
        log.contains("DEBUG") && log.contains("onethread"),
        "hardly anything was logged:\n{log}"
    );
    for secret in &secrets {
        for (place, written) in [("the log", &log), ("a span", &spans)] {
            let found: Vec<_> =
                written.lines().filter(|line| line.contains(secret.as_str())).collect();
            let first = found.first().map(|line| {
                let at = line.find(secret.as_str()).unwrap_or_default();
                String::from_utf8_lossy(
                    &line.as_bytes()[at.saturating_sub(300)..(at + 200).min(line.len())],
                )
                .into_owned()
            });
            assert_eq!(first, None, "{secret} stands in {place}, {} times", found.len());
        }
    }
}
