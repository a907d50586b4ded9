//! The answers of the JSON API, byte for byte: a walk through the calls is compared with the one in
//! `fixtures/recorded.txt`. What differs in each run (ids, times, tokens) is replaced.
//!
//! After an intended change, `ONETHREAD_UPDATE_RECORDED=1` writes the file again; the diff shows
//! what clients will see.

use std::{collections::HashMap, fs, path::Path};

use onethread_tests::{
    Api, ApiResponse, Events, Options, SHORT_TIMEOUT, TestServer, WebhookReceiver, wait_until,
};
use regex::{Captures, Regex};
use reqwest::Method;
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/recorded.txt");

/// Writes calls and answers down, with names instead of random values.
struct Recorder {
    text: String,
    ids: HashMap<String, usize>,
    id: Regex,
    rest: Vec<(Regex, &'static str)>,
}

impl Recorder {
    fn new() -> Self {
        let compile = |pattern: &str| Regex::new(pattern).expect("a pattern");
        let secret = "token|deviceToken|apiKey|key|secret|inviteToken|nextCursor|applicationSecret|password|prefix";
        let rest = vec![
            (compile(&format!(r#""({secret})":"[^"]*""#)), r#""$1":"<random>""#),
            (compile(r"cursor=[^&\s]*"), "cursor=<random>"),
            (compile(r#""traceId":"[0-9a-f]{32}""#), r#""traceId":"<random>""#),
            (compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
            (compile(r"127\.0\.0\.1:\d+"), "<address>"),
            (compile(r"[A-Z][a-z]+ [A-Z][a-z]+ \(anonym\)"), "<name> (anonym)"),
            (compile(r#"("(?:applicationId|rowsPerSecond|secondsLeft)":)[\d.]+"#), "${1}0"),
            (compile(r#"Secret: '[^']*'|applicationSecret: *\\"[^"]*\\""#), "<random>"),
        ];
        let id = compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
        Self { text: String::new(), ids: HashMap::new(), id, rest }
    }

    /// Begins a part of the walk.
    fn part(&mut self, title: &str) {
        self.text.push_str(&format!("\n# {title}\n\n"));
    }

    /// Makes a call and records it. Returns the body of the answer.
    async fn call(&mut self, api: &Api, method: Method, path: &str, body: Value) -> Value {
        let request = api.request(method.clone(), path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = ApiResponse::send(request).await;
        let sent = if body.is_null() { String::new() } else { format!(" {body}") };
        self.record(&format!("{method} {path}{sent}"), &answer)
    }

    fn record(&mut self, call: &str, answer: &ApiResponse) -> Value {
        let entry = format!("{call}\n{} {}\n\n", answer.status, answer.text.trim_end());
        let entry = self.normalize(&entry);
        self.text.push_str(&entry);
        answer.body.clone()
    }

    /// Records what is no answer.
    fn note(&mut self, title: &str, text: &str) {
        let entry = self.normalize(&format!("{title}\n{text}\n\n"));
        self.text.push_str(&entry);
    }

    fn normalize(&mut self, text: &str) -> String {
        let ids = &mut self.ids;
        let named = self.id.replace_all(text, |found: &Captures<'_>| {
            let next = ids.len() + 1;
            format!("<id {}>", ids.entry(found[0].to_owned()).or_insert(next))
        });
        let replace = |text: String, (pattern, with): &(Regex, &str)| {
            pattern.replace_all(&text, *with).into_owned()
        };
        self.rest.iter().fold(named.into_owned(), replace)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

#[tokio::test]
async fn answers_are_those_recorded() {
    let options = Options::default().env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow");
    let server = TestServer::with_operator(options).await;
    let mut recorder = Recorder::new();
    visitors(&mut recorder, &server).await;
    conversations(&mut recorder, &server).await;
    contacts(&mut recorder, &server).await;
    imports(&mut recorder, &server).await;
    settings(&mut recorder, &server).await;
    faults(&mut recorder, &server).await;

    if std::env::var_os("ONETHREAD_UPDATE_RECORDED").is_some() {
        fs::write(FILE, &recorder.text).expect("the file is written");
    }
    let recorded = fs::read_to_string(Path::new(FILE)).expect("the file is read");
    for (number, (seen, wanted)) in recorder.text.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(seen, wanted, "line {}", number + 1);
    }
    assert_eq!(recorder.text.lines().count(), recorded.lines().count());
}

async fn visitors(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("The widget");
    let init = server.init_body(&json!({}));
    let visitor = recorder.call(&server.api, Method::POST, "/widget/v1/init", init).await;
    let api = server.api.with_token(text(&visitor["session"]["token"]));
    let form = json!({"fields": {"name": "Ann", "email": "ann@example.com", "plan": "gold"}});
    recorder.call(&api, Method::POST, "/widget/v1/pre-chat", form).await;
    let message = json!({
        "clientMessageId": "7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4a01",
        "text": "a first \"message\"\nof two lines",
    });
    recorder.call(&api, Method::POST, "/widget/v1/messages", message.clone()).await;
    recorder.call(&api, Method::POST, "/widget/v1/messages", message).await;
    recorder.call(&api, Method::GET, "/widget/v1/messages?limit=1", Value::Null).await;
    let user = json!({
        "user_id": 17, "name": "Kim", "email": "kim@example.com", "phone": "+1 555 0100",
        "company": "Acme", "tags": ["vip"], "custom_attributes": {"plan": "gold", "seats": 4},
    });
    let contact =
        recorder.call(&server.api, Method::POST, "/widget/v1/init", server.init_body(&user)).await;
    let api = server.api.with_token(text(&contact["session"]["token"]));
    let profile = json!({"name": "Kim B.", "custom_attributes": {"seats": "many"}});
    recorder.call(&api, Method::PATCH, "/widget/v1/contact", profile).await;
    let event = json!({"name": "bought", "data": {"price": 12.5}});
    recorder.call(&api, Method::POST, "/widget/v1/track", event).await;
    let message =
        json!({"clientMessageId": "7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4a02", "text": "from Kim"});
    recorder.call(&api, Method::POST, "/widget/v1/messages", message).await;
    recorder.call(&api, Method::POST, "/widget/v1/typing", json!({"typing": true})).await;
    recorder.call(&api, Method::POST, "/widget/v1/read", json!({"seq": 1})).await;
    recorder.call(&api, Method::GET, "/widget/v1/messages?afterSeq=0", Value::Null).await;
    let events = api.request(Method::GET, "/widget/v1/events?afterSeq=0");
    let event = Events::open(events).await.expect_next().await;
    recorder.note("An event of the stream", &format!("{event:?}"));
    recorder.call(&api, Method::POST, "/widget/v1/logout", json!({})).await;
    recorder.call(&api, Method::GET, "/widget/v1/messages", Value::Null).await;
}

async fn conversations(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("The inbox");
    let agent = &server.bootstrap["agent"];
    let login = json!({
        "organization": server.bootstrap["organization"],
        "email": agent["email"], "password": agent["password"],
    });
    // The password is random.
    let answer =
        ApiResponse::send(server.api.request(Method::POST, "/v1/login").json(&login)).await;
    let login = recorder.record("POST /v1/login", &answer);
    let api = server.api.with_token(text(&login["token"]));
    recorder.call(&api, Method::GET, "/v1/me", Value::Null).await;
    let list = recorder.call(&api, Method::GET, "/v1/conversations", Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/conversations?limit=1", Value::Null).await;
    let path = format!("/v1/conversations/{}", text(&list["items"][0]["id"]));
    let messages = format!("{path}/messages");
    let reply = json!({
        "clientMessageId": "7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4a03", "text": "hello", "kind": "text",
    });
    recorder.call(&api, Method::POST, &messages, reply).await;
    let note = json!({
        "clientMessageId": "7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4a04", "text": "a note", "kind": "note",
    });
    recorder.call(&api, Method::POST, &messages, note).await;
    for change in [
        json!({"assigneeId": login["agent"]["id"]}),
        json!({"assigneeId": null}),
        json!({"status": "closed"}),
        json!({"status": "open"}),
        json!({"status": "closed", "assigneeId": login["agent"]["id"]}),
    ] {
        recorder.call(&api, Method::PATCH, &path, change).await;
    }
    recorder.call(&api, Method::POST, &format!("{path}/read"), json!({"seq": 2})).await;
    recorder.call(&api, Method::POST, &format!("{path}/typing"), json!({"typing": true})).await;
    recorder.call(&api, Method::GET, &messages, Value::Null).await;
    recorder.call(&api, Method::GET, &path, Value::Null).await;
    for filter in ["status=closed", "status=all&assignee=me", "assignee=none", "status=wrong"] {
        let path = format!("/v1/conversations?{filter}");
        recorder.call(&api, Method::GET, &path, Value::Null).await;
    }
}

async fn contacts(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("Contacts");
    let api = server.with_api_key();
    let owner = server.log_in_owner().await.api;
    let first = json!({
        "userId": "one", "name": "One", "email": "one@example.com", "phone": "00 44 7911 123456",
        "company": "Acme", "tags": ["a", "b"], "customData": {"plan": "gold", "seats": 3},
    });
    let one = recorder.call(&api, Method::POST, "/v1/contacts", first.clone()).await;
    recorder.call(&api, Method::POST, "/v1/contacts", first).await;
    let two = json!({"userId": "two", "name": "Two", "email": "two@example.com"});
    let two = recorder.call(&api, Method::POST, "/v1/contacts", two).await;
    let path = format!("/v1/contacts/{}", text(&one["id"]));
    let change = json!({"name": "Oona", "tags": ["c"], "customData": {"seats": null, "new": true}});
    recorder.call(&api, Method::PATCH, &path, change).await;
    recorder.call(&api, Method::GET, &path, Value::Null).await;
    for query in ["sort=-createdAt&limit=2", "sort=name", "sort=wrong", "limit=0"] {
        recorder.call(&api, Method::GET, &format!("/v1/contacts?{query}"), Value::Null).await;
    }
    for search in [
        json!({"q": "two"}),
        json!({"filters": [{"field": "company", "operator": "=", "value": "Acme"}]}),
        json!({"filters": [{"field": "seats", "operator": ">", "value": "x"}]}),
        json!({"filters": [{"field": "nope", "operator": "=", "value": "x"}]}),
        json!({"filters": [{"field": "email", "operator": "?", "value": "x"}], "sort": "-name"}),
    ] {
        recorder.call(&api, Method::POST, "/v1/contacts/search", search).await;
    }
    let hello = json!({"text": "we write first"});
    recorder.call(&owner, Method::POST, &format!("{path}/messages"), hello).await;
    let dry_run = json!({"intoId": two["id"], "dryRun": true});
    recorder.call(&owner, Method::POST, &format!("{path}/merge"), dry_run).await;
    let merge = json!({"intoId": two["id"]});
    recorder.call(&owner, Method::POST, &format!("{path}/merge"), merge).await;
    let imported = json!({"name": "Nobody", "email": "nobody@example.com"});
    let imported = recorder.call(&api, Method::POST, "/v1/contacts", imported).await;
    if let Some(id) = imported["id"].as_str() {
        let merge = json!({"intoId": two["id"]});
        recorder.call(&owner, Method::POST, &format!("/v1/contacts/{id}/merge"), merge).await;
    }
    let two = format!("/v1/contacts/{}", text(&two["id"]));
    recorder.call(&owner, Method::PUT, &format!("{two}/security-hash"), json!({})).await;
    let hash = json!({"securityHash": "abc"});
    recorder.call(&owner, Method::PUT, &format!("{two}/security-hash"), hash).await;
    let reason = json!({"reason": "they asked"});
    recorder.call(&owner, Method::DELETE, &format!("{two}/security-hash"), reason).await;
    recorder.call(&api, Method::PATCH, &path, json!({"blocked": true})).await;
    recorder.call(&api, Method::GET, "/v1/contacts/export.csv", Value::Null).await;
    recorder.call(&api, Method::DELETE, &path, Value::Null).await;
    recorder.call(&api, Method::GET, &path, Value::Null).await;
}

async fn imports(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("Imports");
    let api = server.with_api_key();
    let csv = "user_id,name,email,plan\ni1,Ida,ida@example.com,gold\ni2,Ian,not an address,\n";
    let upload = |path: &str| {
        let request = api.request(Method::POST, path).header("content-type", "text/csv");
        request.header("idempotency-key", "recorded-1").body(csv)
    };
    let answer = ApiResponse::send(upload("/v1/imports?apply=false")).await;
    let path = format!("/v1/imports/{}", text(&answer.body["id"]));
    wait_for(&api, &path, "ready").await;
    let ready = recorder.call(&api, Method::GET, &path, Value::Null).await;
    assert_eq!(ready["state"], "ready");
    let wrong = json!({"mapping": {"nope": "name"}});
    recorder.call(&api, Method::POST, &format!("{path}/apply"), wrong).await;
    let answer =
        ApiResponse::send(api.request(Method::POST, &format!("{path}/apply")).json(&json!({})))
            .await;
    assert!(answer.status < 300, "{}", answer.text);
    wait_for(&api, &path, "done").await;
    recorder.call(&api, Method::GET, &path, Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/imports", Value::Null).await;
    recorder.call(&api, Method::GET, &format!("{path}/rejected.csv"), Value::Null).await;
    recorder.call(&api, Method::POST, &format!("{path}/apply"), json!({})).await;
    recorder.call(&api, Method::POST, &format!("{path}/cancel"), json!({})).await;
}

async fn wait_for(api: &Api, path: &str, state: &str) {
    wait_until("the state of the import", SHORT_TIMEOUT, async || {
        (api.get(path).await.expect(200)["state"] == state).then_some(())
    })
    .await;
}

async fn settings(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("Settings");
    let api = server.log_in_owner().await.api;
    recorder.call(&api, Method::GET, "/v1/organization", Value::Null).await;
    let policy = json!({"policy": "hmac", "reportOnly": true});
    recorder.call(&api, Method::PATCH, "/v1/organization", policy).await;
    recorder.call(&api, Method::PATCH, "/v1/organization", json!({"policy": "nope"})).await;
    let key = recorder.call(&api, Method::POST, "/v1/identity-keys", json!({})).await;
    recorder.call(&api, Method::GET, "/v1/identity-keys", Value::Null).await;
    let path = format!("/v1/identity-keys/{}", text(&key["keyId"]));
    recorder.call(&api, Method::DELETE, &path, Value::Null).await;
    let invited = json!({"email": "new@example.com", "name": "New", "role": "agent"});
    let invited = recorder.call(&api, Method::POST, "/v1/agents", invited).await;
    let accepted = json!({"inviteToken": invited["inviteToken"], "password": "short"});
    let answer =
        ApiResponse::send(api.request(Method::POST, "/v1/agents/accept").json(&accepted)).await;
    recorder.record("POST /v1/agents/accept", &answer);
    recorder.call(&api, Method::GET, "/v1/agents", Value::Null).await;
    let agent = format!("/v1/agents/{}", invited["id"].as_str().unwrap_or("none"));
    recorder.call(&api, Method::PATCH, &agent, json!({"name": "Newer", "role": "owner"})).await;
    recorder.call(&api, Method::POST, &format!("{agent}/reset"), json!({})).await;
    recorder.call(&api, Method::DELETE, &agent, Value::Null).await;
    let key = recorder.call(&api, Method::POST, "/v1/api-keys", json!({"name": "crm"})).await;
    recorder.call(&api, Method::GET, "/v1/api-keys", Value::Null).await;
    let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap_or("none"));
    recorder.call(&api, Method::DELETE, &path, Value::Null).await;
    let application = json!({"name": "Shop", "origins": ["https://shop.example"]});
    let application = recorder.call(&api, Method::POST, "/v1/applications", application).await;
    let path = format!("/v1/applications/{}", application["appId"].as_str().unwrap_or("none"));
    let change = json!({"preChat": {"enabled": true, "fields": [{"name": "email", "type": "email", "required": true}]}});
    recorder.call(&api, Method::PATCH, &path, change).await;
    recorder.call(&api, Method::GET, "/v1/applications", Value::Null).await;
    let webhook = json!({"url": "http://127.0.0.1:1/hook", "events": ["message.created"]});
    let webhook = recorder.call(&api, Method::POST, "/v1/webhooks", webhook).await;
    let path = format!("/v1/webhooks/{}", text(&webhook["id"]));
    recorder.call(&api, Method::PATCH, &path, json!({"events": ["contact.created"]})).await;
    recorder.call(&api, Method::PATCH, &path, json!({"events": ["nope"]})).await;
    recorder.call(&api, Method::GET, "/v1/webhooks", Value::Null).await;
    recorder.call(&api, Method::GET, &format!("{path}/deliveries"), Value::Null).await;
    recorder.call(&api, Method::DELETE, &path, Value::Null).await;
    webhooks(recorder, server, &api).await;
    let blocked = json!({"address": "192.0.2.0/24", "reason": "spam"});
    let blocked = recorder.call(&api, Method::POST, "/v1/blocked-addresses", blocked).await;
    recorder.call(&api, Method::GET, "/v1/blocked-addresses", Value::Null).await;
    let path = format!("/v1/blocked-addresses/{}", blocked["id"].as_str().unwrap_or("none"));
    recorder.call(&api, Method::DELETE, &path, Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/audit?limit=200", Value::Null).await;
    let organization = json!({
        "organization": "other.example", "agentEmail": "owner@other.example",
        "agentPassword": "a long enough password",
    });
    recorder.call(&server.operator(), Method::POST, "/v1/organizations", organization).await;
}

async fn webhooks(recorder: &mut Recorder, server: &TestServer, owner: &Api) {
    let mut hook = WebhookReceiver::start().await;
    let kim = server.start_session(&json!({"user_id": 17})).await;
    for event in ["message.created", "contact.created", "conversation.closed"] {
        let webhook = json!({"url": hook.url(), "events": [event]});
        let webhook = owner.post("/v1/webhooks", &webhook).await.expect(201);
        match event {
            "message.created" => drop(kim.send("to the webhook").await),
            "contact.created" => drop(server.start_session(&json!({"user_id": "new"})).await),
            _ => {
                let path = format!("/v1/conversations/{}", kim.contact_id());
                owner.patch(&path, &json!({"status": "closed"})).await.expect(200);
            }
        }
        recorder.note("A delivery of a webhook", &hook.next().await.text);
        let path = format!("/v1/webhooks/{}", text(&webhook["id"]));
        ApiResponse::send(owner.request(Method::DELETE, &path)).await.expect(204);
    }
}

async fn faults(recorder: &mut Recorder, server: &TestServer) {
    recorder.part("Faults");
    let api = server.with_api_key();
    let unknown = "/v1/contacts/7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4aff";
    recorder.call(&api, Method::GET, unknown, Value::Null).await;
    recorder.call(&server.api, Method::GET, unknown, Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/contacts/nope", Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/contacts?cursor=nope", Value::Null).await;
    recorder.call(&api, Method::GET, "/v1/conversations?assignee=nope", Value::Null).await;
    recorder.call(&api, Method::PUT, "/v1/contacts", json!({})).await;
    for body in [
        json!({"userId": "undefined"}),
        json!({"userId": "x", "email": "nope", "phone": "12", "name": "x".repeat(300)}),
        json!({"userId": "x", "tags": ["a", 7], "customData": {"": 1, "a": {"b": 1}}}),
        json!({"userId": "x".repeat(300)}),
        json!([]),
    ] {
        recorder.call(&api, Method::POST, "/v1/contacts", body).await;
    }
    let wrong = json!({"clientMessageId": "nope", "text": "", "kind": "nope"});
    let path = "/v1/conversations/7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4aff/messages";
    let owner = server.log_in_owner().await.api;
    recorder.call(&owner, Method::POST, path, wrong).await;
    let unknown = json!({"organization": "nope", "applicationId": 1, "applicationSecret": "x"});
    recorder.call(&server.api, Method::POST, "/widget/v1/init", unknown).await;
    let user = json!({"user_id": "a", "email": 7, "custom_attributes": {"big": "x".repeat(2000)}});
    recorder.call(&server.api, Method::POST, "/widget/v1/init", server.init_body(&user)).await;
    let hashed = json!({"user_id": "claimed", "security_hash": "one"});
    recorder.call(&server.api, Method::POST, "/widget/v1/init", server.init_body(&hashed)).await;
    let hashed = json!({"user_id": "claimed", "security_hash": "two"});
    recorder.call(&server.api, Method::POST, "/widget/v1/init", server.init_body(&hashed)).await;
    let large = json!({"clientMessageId": "7b0e3f0e-91a4-4f6e-8f0e-0a4a1c1e4a0f", "text": "x".repeat(20_000)});
    let kim = server.start_session(&json!({"user_id": 17})).await;
    recorder.call(&kim.api, Method::POST, "/widget/v1/messages", large).await;
}
