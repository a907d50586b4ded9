//! What stands in no log line and no span: tokens, proofs, keys, user ids, people's data.

use onethread_core::{Clock, SystemClock};
use onethread_tests::{Agent, Collector, Options, Reply, SHORT, Stage, jwt, until, user_hash};
use reqwest::Method;
use serde_json::{Value, json};

/// Values that the test uses as secrets or as somebody's data, and nothing else would.
const CANARIES: [&str; 21] = [
    "canary-user-id",
    "canary-hash",
    "canary-wrong-hash",
    "canary-user-hash",
    "canary@example.com",
    "Canary Name",
    "+49 555 019 2837",
    "canary text",
    "canary-password",
    "canary-agent",
    "canary-other-password",
    "canary-search",
    "canary-attribute",
    "canary-tag",
    "canary-note",
    "canary-cell",
    "canary-reason",
    "canary-event",
    "canary-url",
    "canary-claim",
    "canary-operator",
];

/// What owners and companies' servers say and are told. Answers the secrets that came up.
async fn speak_as_staff(stage: &Stage, agent: &Agent) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut told = |answer: &Value, name: &str| {
        let secret = answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"));
        secrets.push(secret.to_owned());
        secret.to_owned()
    };
    let owner = &agent.api;
    let post = async |path: &str, body: Value| {
        let reply = owner.post(path, &body).await;
        assert!((200..300).contains(&reply.status), "{path}: {}", reply.text);
        reply.body
    };
    let organization = stage.bootstrap["organization"].clone();
    // Agents.
    let invited = json!({"email": "canary-agent@example.com", "name": "canary-agent"});
    let invited = post("/v1/agents", invited).await;
    let token = told(&invited, "inviteToken");
    let password = "canary-password";
    post("/v1/agents/accept", json!({"inviteToken": token, "password": password})).await;
    let login = json!({"organization": organization, "email": "canary-agent@example.com", "password": password});
    told(&post("/v1/login", login).await, "token");
    let id = invited["id"].as_str().expect("an agent has an id");
    let reset = post(&format!("/v1/agents/{id}/reset"), json!({})).await;
    told(&reset, "inviteToken");
    let wrong =
        json!({"inviteToken": "canary-password-and-no-token", "password": "canary-other-password"});
    owner.post("/v1/agents/accept", &wrong).await.problem(401, "");
    // Keys, and calls by them.
    let key = told(&post("/v1/api-keys", json!({"name": "canary-agent"})).await, "apiKey");
    let company = stage.api.with_token(&key);
    company.get("/v1/contacts").await.expect(200);
    let identity_key = post("/v1/identity-keys", json!({})).await;
    let (kid, key) =
        (identity_key["keyId"].as_str().expect("a key has an id"), told(&identity_key, "key"));
    let application =
        post("/v1/applications", json!({"applicationSecret": "canary-claim-secret"})).await;
    told(&application, "applicationSecret");
    let webhook = json!({"url": "http://127.0.0.1:9/canary-url", "events": ["contact.created", "contact.updated"]});
    let webhook = post("/v1/webhooks", webhook).await;
    told(&webhook, "secret");
    // People.
    let person = json!({"userId": "canary-user-id-3", "email": "canary@example.com",
        "customData": {"canary-attribute": "canary-attribute"}, "tags": ["canary-tag"]});
    let person = company.post("/v1/contacts", &person).await.expect(201);
    let id = person["id"].as_str().expect("a contact has an id");
    let bad = json!({"email": "canary@", "phone": "canary-search", "tags": ["canary-tag", 7]});
    company.patch(&format!("/v1/contacts/{id}"), &bad).await.problem(400, "");
    let claim = company.request(Method::PUT, &format!("/v1/contacts/{id}/security-hash"));
    Reply::of(claim.json(&json!({"securityHash": "canary-claim"}))).await.expect(204);
    let search = json!({"q": "canary-search", "filter": [
        {"field": "email", "operator": "~", "value": "canary-search"},
        {"field": "custom.canary-search", "operator": "=", "value": "canary-search"}]});
    company.post("/v1/contacts/search", &search).await.expect(200);
    company.post("/v1/contacts/export.csv", &search).await;
    company.get("/v1/contacts/export.csv").await;
    company.post("/v1/contacts/search", &json!({"cursor": "canary-search"})).await.problem(400, "");
    let note = json!({"clientMessageId": stage.chance.uuid(), "text": "canary-note"});
    company.post(&format!("/v1/contacts/{id}/messages"), &note).await.expect(201);
    let note =
        json!({"clientMessageId": stage.chance.uuid(), "text": "canary-note", "kind": "note"});
    company.post(&format!("/v1/conversations/{id}/messages"), &note).await.expect(201);
    let csv = "user_id,email,kind\ncanary-user-id-4,canary-cell@,canary-cell\ncanary-user-id-5,,canary-cell\n,canary-cell\n";
    let import = crate::imports::import(agent, csv).await;
    crate::imports::rejected_csv(agent, &import).await;
    let reset = owner.request(Method::DELETE, &format!("/v1/contacts/{id}/security-hash"));
    Reply::of(reset.json(&json!({"reason": "canary-reason"}))).await.expect(204);
    // Proofs under the other policies, right and wrong.
    let now = SystemClock.now().seconds();
    let claims = json!({"sub": "canary-user-id-6", "aud": organization, "exp": now + 600, "name": "Canary Name"});
    let right = jwt(kid, &key, &claims);
    let wrong = jwt(kid, "another key", &claims);
    let hash = user_hash(&key, "canary-user-id-6");
    stage.set_policy("hmac", false).await;
    stage.open(&json!({"user_id": "canary-user-id-6", "user_hash": hash})).await;
    stage.set_policy("jwt", false).await;
    let known = stage.open(&json!({"user_id": "canary-user-id-6", "user_jwt": right})).await;
    known
        .api
        .post("/widget/v1/track", &json!({"name": "canary-event", "data": {"of": "canary-event"}}))
        .await
        .expect(204);
    known
        .api
        .patch("/widget/v1/contact", &json!({"custom_data": {"of": "canary-attribute"}}))
        .await
        .expect(200);
    for bad in [wrong.as_str(), "canary-claim", "canary-claim.canary-claim.canary-claim"] {
        let user = json!({"user_id": "canary-user-id-6", "user_jwt": bad});
        stage.init(&user).await.problem(403, "identity-refused");
    }
    stage.set_policy("optional", false).await;
    owner.get("/v1/audit").await.expect(200);
    company.get(&format!("/v1/contacts/{id}")).await.expect(200);
    let erase = Reply::of(company.request(Method::DELETE, &format!("/v1/contacts/{id}"))).await;
    erase.expect(204);
    // Whoever runs the server.
    let made = stage.organization("third.example").await;
    told(&made.bootstrap, "apiKey");
    told(&made.bootstrap["agent"], "password");
    stage
        .api
        .with_token("canary-operator")
        .post("/v1/organizations", &json!({}))
        .await
        .problem(404, "");
    secrets.extend([right, wrong, hash, stage.operator().token().to_owned()]);
    secrets
}

#[tokio::test]
async fn nothing_secret_reaches_logs_or_spans() {
    let collector = Collector::start().await;
    let options = talkative(&collector).env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow");
    let stage = Stage::with_operator(options).await;

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
    let spoken = speak_as_staff(&stage, &agent).await;
    let fresh = owner.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    drop(stream);

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut secrets: Vec<_> = CANARIES.map(str::to_owned).to_vec();
    secrets.extend(spoken);
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
    none_stands(&secrets, &log, &spans);
}

/// Fails where one of them stands in a log line or a span.
pub(crate) fn none_stands(secrets: &[String], log: &str, spans: &str) {
    for secret in secrets {
        for (place, written) in [("the log", log), ("a span", spans)] {
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

/// Everything is logged, and told to the collector.
pub(crate) fn talkative(collector: &Collector) -> Options {
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
    Options::default()
        .env("RUST_LOG", format!("debug,{}", ours.join(",")))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
}
