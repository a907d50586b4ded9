//! Logs and spans contain no tokens, proofs, keys, user ids or personal data.

use onethread_core::{Clock, SystemClock};
use onethread_tests::{
    Agent, ApiResponse, Collector, Options, SHORT_TIMEOUT, TestServer, jwt, user_hash, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Values that the test uses as secrets or personal data, and that appear nowhere else.
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

/// Makes calls as owner and with an API key. Returns the secrets in the responses.
async fn call_as_staff(server: &TestServer, agent: &Agent) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut secret = |response: &Value, name: &str| {
        let secret = response[name].as_str().unwrap_or_else(|| panic!("no {name}: {response}"));
        secrets.push(secret.to_owned());
        secret.to_owned()
    };
    let owner = &agent.api;
    let post = async |path: &str, body: Value| {
        let reply = owner.post(path, &body).await;
        assert!((200..300).contains(&reply.status), "{path}: {}", reply.text);
        reply.body
    };
    let organization = server.bootstrap["organization"].clone();
    // Agents.
    let invited = json!({"email": "canary-agent@example.com", "name": "canary-agent"});
    let invited = post("/v1/agents", invited).await;
    let token = secret(&invited, "inviteToken");
    let password = "canary-password";
    post("/v1/agents/accept", json!({"inviteToken": token, "password": password})).await;
    let login = json!({"organization": organization, "email": "canary-agent@example.com", "password": password});
    secret(&post("/v1/login", login).await, "token");
    let id = invited["id"].as_str().expect("an agent has an id");
    let reset = post(&format!("/v1/agents/{id}/reset"), json!({})).await;
    secret(&reset, "inviteToken");
    let wrong =
        json!({"inviteToken": "canary-password-and-no-token", "password": "canary-other-password"});
    owner.post("/v1/agents/accept", &wrong).await.expect_problem(401, "");
    // Keys, and calls with them.
    let key = secret(&post("/v1/api-keys", json!({"name": "canary-agent"})).await, "apiKey");
    let company = server.api.with_token(&key);
    company.get("/v1/contacts").await.expect(200);
    let identity_key = post("/v1/identity-keys", json!({})).await;
    let (kid, key) =
        (identity_key["keyId"].as_str().expect("a key has an id"), secret(&identity_key, "key"));
    let application =
        post("/v1/applications", json!({"applicationSecret": "canary-claim-secret"})).await;
    secret(&application, "applicationSecret");
    let webhook = json!({"url": "http://127.0.0.1:9/canary-url", "events": ["contact.created", "contact.updated"]});
    let webhook = post("/v1/webhooks", webhook).await;
    secret(&webhook, "secret");
    // Contacts.
    let person = json!({"userId": "canary-user-id-3", "email": "canary@example.com",
        "customData": {"canary-attribute": "canary-attribute"}, "tags": ["canary-tag"]});
    let person = company.post("/v1/contacts", &person).await.expect(201);
    let id = person["id"].as_str().expect("a contact has an id");
    let bad = json!({"email": "canary@", "phone": "canary-search", "tags": ["canary-tag", 7]});
    company.patch(&format!("/v1/contacts/{id}"), &bad).await.expect_problem(400, "");
    let claim = company.request(Method::PUT, &format!("/v1/contacts/{id}/security-hash"));
    ApiResponse::send(claim.json(&json!({"securityHash": "canary-claim"}))).await.expect(204);
    let search = json!({"q": "canary-search", "filter": [
        {"field": "email", "operator": "~", "value": "canary-search"},
        {"field": "custom.canary-search", "operator": "=", "value": "canary-search"}]});
    company.post("/v1/contacts/search", &search).await.expect(200);
    company.post("/v1/contacts/export.csv", &search).await;
    company.get("/v1/contacts/export.csv").await;
    company
        .post("/v1/contacts/search", &json!({"cursor": "canary-search"}))
        .await
        .expect_problem(400, "");
    let note = json!({"clientMessageId": server.random.uuid(), "text": "canary-note"});
    company.post(&format!("/v1/contacts/{id}/messages"), &note).await.expect(201);
    let note =
        json!({"clientMessageId": server.random.uuid(), "text": "canary-note", "kind": "note"});
    company.post(&format!("/v1/conversations/{id}/messages"), &note).await.expect(201);
    let csv = "user_id,email,kind\ncanary-user-id-4,canary-cell@,canary-cell\ncanary-user-id-5,,canary-cell\n,canary-cell\n";
    let import = crate::imports::import(agent, csv).await;
    crate::imports::rejected_csv(agent, &import).await;
    let reset = owner.request(Method::DELETE, &format!("/v1/contacts/{id}/security-hash"));
    ApiResponse::send(reset.json(&json!({"reason": "canary-reason"}))).await.expect(204);
    // Valid and invalid proofs with the other policies.
    let now = SystemClock.now().seconds();
    let claims = json!({"sub": "canary-user-id-6", "aud": organization, "exp": now + 600, "name": "Canary Name"});
    let right = jwt(kid, &key, &claims);
    let wrong = jwt(kid, "another key", &claims);
    let hash = user_hash(&key, "canary-user-id-6");
    server.set_policy("hmac", false).await;
    server.start_session(&json!({"user_id": "canary-user-id-6", "user_hash": hash})).await;
    server.set_policy("jwt", false).await;
    let known =
        server.start_session(&json!({"user_id": "canary-user-id-6", "user_jwt": right})).await;
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
        server.init(&user).await.expect_problem(403, "identity-refused");
    }
    server.set_policy("optional", false).await;
    owner.get("/v1/audit").await.expect(200);
    company.get(&format!("/v1/contacts/{id}")).await.expect(200);
    let erase =
        ApiResponse::send(company.request(Method::DELETE, &format!("/v1/contacts/{id}"))).await;
    erase.expect(204);
    // The operator.
    let made = server.organization("third.example").await;
    secret(&made.bootstrap, "apiKey");
    secret(&made.bootstrap["agent"], "password");
    server
        .api
        .with_token("canary-operator")
        .post("/v1/organizations", &json!({}))
        .await
        .expect_problem(404, "");
    secrets.extend([right, wrong, hash, server.operator().token().to_owned()]);
    secrets
}

#[tokio::test]
async fn nothing_secret_reaches_logs_or_spans() {
    let collector = Collector::start().await;
    let options = verbose(&collector).env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow");
    let server = TestServer::with_operator(options).await;

    let person = json!({
        "user_id": "canary-user-id", "security_hash": "canary-hash", "email": "canary@example.com",
        "name": "Canary Name", "phone": "+49 555 019 2837", "company": "Canary Name Ltd",
    });
    let owner = server.start_session(&person).await;
    let stream = owner.events().await;
    owner.send("canary text").await;
    let wrong = json!({"user_id": "canary-user-id", "security_hash": "canary-wrong-hash", "user_hash": "canary-user-hash"});
    let refused = server.init(&wrong).await.expect_problem(403, "identity-refused");
    server.init(&json!({"user_id": ["canary-user-id"]})).await.expect_problem(400, "");
    server.start_session(&json!({"user_id": "canary-user-id", "security_hash": "canary-hash", "email": "canary@example.com@"})).await;

    let visitor = server.start_session(&json!({"name": "Canary Name"})).await;
    visitor
        .submit_form(&json!({"name": "Canary Name", "email": "canary@example.com"}))
        .await
        .expect(200);
    visitor.send("canary text").await;
    let agent = server.log_in_owner().await;
    let id = visitor.contact_id();
    wait_until("the visitor in Contacts", SHORT_TIMEOUT, async || agent.contact(id).await).await;
    agent.reply(id, "canary text").await;
    let login = json!({"organization": server.bootstrap["organization"], "email": "canary@example.com", "password": "canary-password"});
    server.api.post("/v1/login", &login).await.expect_problem(401, "login-refused");
    let csv = "user_id,email,name,security_hash\ncanary-user-id-2,canary@example.com,Canary Name,canary-hash\n\
        canary-user-id,canary@example.com,Canary Name,canary-wrong-hash\n,canary@,Canary Name,\n";
    crate::imports::import(&agent, csv).await;
    for bad in ["{\"user\":{\"user_id\":\"canary-user-id", "canary-user-id"] {
        let request = server
            .api
            .request(Method::POST, "/widget/v1/init")
            .header("content-type", "application/json");
        ApiResponse::send(request.body(bad)).await.expect_problem(400, "malformed-json");
    }
    server
        .api
        .get("/canary-user-id?email=canary@example.com")
        .await
        .expect_problem(404, "not-found");
    let spoken = call_as_staff(&server, &agent).await;
    // A stricter policy has ended the first session meanwhile.
    owner.api.post("/widget/v1/logout", &json!({})).await.expect_problem(401, "session-ended");
    let again = server.start_session(&person).await;
    let fresh = again.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    drop(stream);

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut secrets: Vec<_> = CANARIES.map(str::to_owned).to_vec();
    secrets.extend(spoken);
    for session in [&owner.start, &again.start, &visitor.start, &refused["cleanSession"], &fresh] {
        secrets
            .extend([text(&session["session"]["token"]), text(&session["session"]["deviceToken"])]);
    }
    secrets.push(agent.api.token().to_owned());
    for name in ["applicationSecret", "apiKey"] {
        secrets.push(text(&server.bootstrap[name]));
    }
    secrets.extend([
        text(&server.bootstrap["agent"]["password"]),
        text(&server.bootstrap["agent"]["email"]),
    ]);
    let keys = std::fs::read_to_string(server.process.data_dir().join("server-keys.json")).unwrap();
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
    let mut server = server;
    server.process.terminate(SHORT_TIMEOUT * 2).await;
    let (log, spans) = (server.process.log(), collector.raw());
    assert!(
        log.contains("DEBUG") && log.contains("onethread"),
        "hardly anything was logged:\n{log}"
    );
    expect_none(&secrets, &log, &spans);
}

/// Panics when one of the secrets is in a log line or a span.
pub(crate) fn expect_none(secrets: &[String], log: &str, spans: &str) {
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
            assert_eq!(first, None, "{secret} is in {place}, {} times", found.len());
        }
    }
}

/// Returns options with which everything is logged and sent to the collector.
pub(crate) fn verbose(collector: &Collector) -> Options {
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
