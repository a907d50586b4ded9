//! Every call once and every reason for a rejection once, compared with the document.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use onethread_config::RateLimits;
use onethread_proto::identity::{IdentifyResponse, IdentityRefused, identify_response::Outcome};
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    contract,
    support::{
        CONTACT, Gateway, OPERATOR, by_agent, id, json, restricted_visitor, session, visitor,
    },
};

/// Answers seen: operation and status, and types of problems.
#[derive(Default)]
struct Seen {
    answers: BTreeSet<(String, String)>,
    problems: BTreeSet<String>,
}

impl Seen {
    async fn call(&mut self, call: RequestBuilder) {
        let answer = contract::send(call).await;
        if let Some(operation) = answer.operation {
            self.answers.insert((operation.to_owned(), answer.status.to_string()));
        }
        if answer.status >= 400 {
            self.problems.insert(answer.body["type"].as_str().unwrap().to_owned());
        }
    }

    /// A stream whose answer was checked when it was opened.
    fn stream(&mut self, operation: &str) {
        self.answers.insert((operation.to_owned(), "200".to_owned()));
    }
}

#[tokio::test]
async fn the_document_describes_every_answer() {
    let gateway = Gateway::start().await;
    gateway.world.write(CONTACT, by_agent(), "Hello", &id(9));
    let mut seen = Seen::default();
    widget_calls(&gateway, &mut seen).await;
    agent_calls(&gateway, &mut seen).await;
    rejections(&gateway, &mut seen).await;
    rate_limits(&mut seen).await;
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        seen.call(gateway.call(Method::GET, path)).await;
    }

    let document = json(gateway.call(Method::GET, "/openapi.json"), 200).await;
    let documented = document["paths"].as_object().unwrap().values().flat_map(successes);
    let documented: BTreeSet<_> = documented.collect();
    let successes = seen.answers.into_iter().filter(|(_, status)| status.starts_with('2'));
    // The system tests compare the rest of the document with the real services.
    let successes = successes.collect::<BTreeSet<_>>();
    assert!(successes.is_subset(&documented), "{:?}", successes.difference(&documented));

    let mut problems = BTreeSet::new();
    types(&document["paths"], &mut problems);
    // It would take too long for a test.
    assert!(problems.remove("/problems/deadline-exceeded"));
    // A wrong method isn't an answer of an operation.
    assert!(seen.problems.remove("/problems/method-not-allowed"));
    assert!(seen.problems.is_subset(&problems), "{:?}", seen.problems.difference(&problems));
}

/// Each operation of a path with each status of success.
fn successes(item: &Value) -> impl Iterator<Item = (String, String)> {
    item.as_object().unwrap().values().flat_map(|operation| {
        let statuses = operation["responses"].as_object().unwrap().keys();
        let statuses = statuses.filter(|status| status.starts_with('2'));
        let name = operation["operationId"].as_str().unwrap().to_owned();
        statuses.map(move |status| (name.clone(), status.clone()))
    })
}

/// All types of problems in a part of the document.
fn types(within: &Value, found: &mut BTreeSet<String>) {
    match within {
        Value::String(text) if text.starts_with("/problems/") => {
            found.insert(text.clone());
        }
        Value::Array(all) => all.iter().for_each(|one| types(one, found)),
        Value::Object(all) => all.values().for_each(|one| types(one, found)),
        _ => {}
    }
}

async fn widget_calls(gateway: &Gateway, seen: &mut Seen) {
    let outcome = Some(Outcome::Session(session(true)));
    *gateway.world.init.lock().unwrap() =
        Some(IdentifyResponse { outcome, application_id: id(1), revoked_ids: Vec::new() });
    let by_visitor = |path: &str| gateway.post(&format!("/widget/v1{path}"), "visitor");
    let start = json!({"organization": "demo", "appId": id(1)});
    seen.call(gateway.call(Method::POST, "/widget/v1/init").json(&start)).await;
    seen.call(by_visitor("/pre-chat").json(&json!({"fields": {"name": "Ann"}}))).await;
    let message = json!({"clientMessageId": id(3), "text": "Hi"});
    for _ in 0..2 {
        seen.call(by_visitor("/messages").json(&message)).await;
    }
    seen.call(gateway.get("/widget/v1/messages?afterSeq=0&limit=1", "visitor")).await;
    seen.call(by_visitor("/read").json(&json!({"seq": 1}))).await;
    seen.call(by_visitor("/typing").json(&json!({"typing": true}))).await;
    let change = gateway.call(Method::PATCH, "/widget/v1/contact").bearer_auth("visitor");
    seen.call(change.json(&json!({"name": "Ann"}))).await;
    seen.call(by_visitor("/logout")).await;
    gateway.follow("/widget/v1/events", "visitor").await;
    seen.stream("followThread");
}

async fn owner_calls(gateway: &Gateway, seen: &mut Seen) {
    let call = |method, path: &str| gateway.call(method, path).bearer_auth("agent");
    seen.call(gateway.get("/v1/organization", "agent")).await;
    for change in [json!({"policy": "jwt", "reportOnly": true}), json!({"name": "taken"})] {
        seen.call(call(Method::PATCH, "/v1/organization").json(&change)).await;
    }
    seen.call(gateway.get("/v1/identity-keys", "agent")).await;
    for full in [false, true] {
        gateway.world.keys_full.store(full, Ordering::SeqCst);
        seen.call(gateway.post("/v1/identity-keys", "agent")).await;
    }
    seen.call(call(Method::DELETE, &format!("/v1/identity-keys/{}", id(8)))).await;
    let merge = format!("/v1/contacts/{CONTACT}/merge");
    for (into, trial) in [(id(5), true), (id(5), false), (CONTACT.to_owned(), false)] {
        let body = json!({"intoId": into, "dryRun": trial});
        seen.call(gateway.post(&merge, "key").json(&body)).await;
    }
    let claim = format!("/v1/contacts/{CONTACT}/security-hash");
    for hash in ["h", "claimed", "visitor"] {
        seen.call(call(Method::PUT, &claim).json(&json!({"securityHash": hash}))).await;
    }
    seen.call(call(Method::DELETE, &claim).json(&json!({"reason": "lost"}))).await;
}

async fn agent_calls(gateway: &Gateway, seen: &mut Seen) {
    let login = json!({"organization": "demo", "email": "a@example.com", "password": "right"});
    seen.call(gateway.call(Method::POST, "/v1/login").json(&login)).await;
    let conversation = format!("/v1/conversations/{CONTACT}");
    let import = format!("/v1/imports/{}", id(7));
    for path in [
        "/v1/me",
        "/v1/conversations?status=open",
        conversation.as_str(),
        &format!("{conversation}/messages?beforeSeq=9"),
        "/v1/contacts?sort=-name",
        &format!("/v1/contacts/{CONTACT}"),
        "/v1/imports",
        &import,
        &format!("{import}/rejected.csv"),
    ] {
        seen.call(gateway.get(path, "agent")).await;
    }
    let note = json!({"clientMessageId": id(4), "text": "He is nice", "kind": "note"});
    for _ in 0..2 {
        seen.call(gateway.post(&format!("{conversation}/messages"), "key").json(&note)).await;
    }
    seen.call(gateway.post(&format!("{conversation}/read"), "key").json(&json!({"seq": 1}))).await;
    let typing = gateway.post(&format!("{conversation}/typing"), "key");
    seen.call(typing.json(&json!({"typing": true}))).await;
    let change = gateway.call(Method::PATCH, &conversation).bearer_auth("agent");
    seen.call(change.json(&json!({"status": "closed", "assigneeId": null}))).await;
    let first = json!({"clientMessageId": id(5), "text": "Hello Ann"});
    let path = format!("/v1/contacts/{CONTACT}/messages");
    for _ in 0..2 {
        seen.call(gateway.post(&path, "key").json(&first)).await;
    }
    let upload = gateway.post("/v1/imports", "key").header(CONTENT_TYPE, "text/csv");
    seen.call(upload.body("email\n")).await;
    for change in ["apply", "cancel"] {
        seen.call(gateway.post(&format!("/v1/imports/{}/{change}", id(6)), "key")).await;
    }
    let organization = json!({"organization": "shop.example", "agentEmail": "a@shop.example",
        "agentPassword": "long enough"});
    seen.call(gateway.post("/v1/organizations", OPERATOR).json(&organization)).await;
    owner_calls(gateway, seen).await;
    seen.call(gateway.post("/v1/logout", "agent")).await;
    gateway.follow("/v1/events", "agent").await;
    seen.stream("followOrganization");
    gateway.follow(&format!("{import}/events"), "agent").await;
    seen.stream("followImport");
}

async fn rejections(gateway: &Gateway, seen: &mut Seen) {
    let send = |token: &str, text: &str| {
        let body = json!({"clientMessageId": id(3), "text": text});
        gateway.post("/widget/v1/messages", token).json(&body)
    };
    gateway.authorize("early", restricted_visitor(true, false));
    gateway.authorize("blocked", restricted_visitor(false, true));
    gateway.authorize("visitor", visitor(true));
    for (token, text) in [("early", "Hi"), ("blocked", "Hi"), ("visitor", "Ho"), ("unknown", "Hi")]
    {
        seen.call(send(token, text)).await;
    }
    seen.call(send("visitor", &"x".repeat(300_000))).await;
    let form = gateway.post("/widget/v1/pre-chat", "contact");
    seen.call(form.json(&json!({"fields": {}}))).await;
    let init = || gateway.call(Method::POST, "/widget/v1/init");
    seen.call(init().header(CONTENT_TYPE, "application/json").body("{")).await;
    seen.call(init().header(CONTENT_TYPE, "text/plain").body("{}")).await;
    seen.call(init().json(&json!({}))).await;
    seen.call(gateway.call(Method::GET, "/widget/v1/init")).await;
    let start = json!({"organization": "demo", "appId": id(1), "user": {"user_id": "u"}});
    let refused = IdentityRefused { clean_session: Some(session(false)) };
    let outcome = Some(Outcome::Refused(refused));
    for answer in
        [None, Some(IdentifyResponse { outcome, application_id: id(1), revoked_ids: Vec::new() })]
    {
        *gateway.world.init.lock().unwrap() = answer;
        seen.call(init().json(&start)).await;
    }
    seen.call(gateway.get("/v1/me", "key")).await;
    seen.call(gateway.get(&format!("/v1/contacts/{}", id(99)), "key")).await;
    seen.call(gateway.post(&format!("/v1/imports/{}/apply", id(7)), "key")).await;
    let upload = gateway.post("/v1/imports", "key").header(CONTENT_TYPE, "text/csv");
    seen.call(upload.header("idempotency-key", "another file's").body("email\n")).await;
    let taken =
        json!({"organization": "demo", "agentEmail": "a@x", "agentPassword": "long enough"});
    seen.call(gateway.post("/v1/organizations", OPERATOR).json(&taken)).await;
    gateway.world.identity_unavailable.store(true, Ordering::SeqCst);
    seen.call(gateway.get("/v1/me", "agent")).await;
    gateway.world.identity_unavailable.store(false, Ordering::SeqCst);
}

async fn rate_limits(seen: &mut Seen) {
    let gateway = Gateway::with_limits(RateLimits::default()).await;
    for n in 0..11 {
        let login = json!({"organization": "d", "email": format!("{n}@x"), "password": "wrong"});
        seen.call(gateway.call(Method::POST, "/v1/login").json(&login)).await;
    }
}
