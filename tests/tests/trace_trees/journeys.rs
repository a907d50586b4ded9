//! The journeys. Each has contacts and logins of its own, so that no cache knows them.

use std::{collections::BTreeSet, time::Duration};

use onethread_tests::{Api, ApiResponse, Events, LONG_TIMEOUT, WebhookReceiver, kind, wait_until};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Stage, tree::render};
use crate::apart::cluster::Service;

/// How long a tree may take to be complete.
const TREE_TIMEOUT: Duration = Duration::from_secs(15);
/// Time without a change after which a tree of an update is taken as complete.
const STABLE_TIME: Duration = Duration::from_secs(3);

/// The trees, as they are in the file.
struct Trees<'e> {
    text: String,
    /// Content of the file; `None` when it is written again.
    expected: Option<&'e str>,
    /// Traces before the current journey.
    earlier: BTreeSet<String>,
}

/// Runs all journeys and returns their trees.
pub(super) async fn run(stage: &mut Stage, expected: Option<&str>) -> String {
    let mut trees = Trees { text: String::new(), expected, earlier: BTreeSet::new() };
    login_and_init(stage, &mut trees).await;
    messages(stage, &mut trees).await;
    webhook(stage, &mut trees).await;
    import(stage, &mut trees).await;
    merge_and_erase(stage, &mut trees).await;
    failures(stage, &mut trees).await;
    trees.text
}

pub(super) async fn open(api: &Api, path: &str) -> Events {
    Events::open(api.request(Method::GET, path)).await
}

async fn login_and_init(stage: &Stage, trees: &mut Trees<'_>) {
    trees.begin(stage).await;
    stage.agent(&stage.near).await;
    trees.end(stage, "login", "POST /v1/login").await;

    trees.begin(stage).await;
    stage.session(&stage.near, &json!({"user_id": "init", "name": "Ina"})).await;
    trees.end(stage, "init", "POST /widget/v1/init").await;
}

async fn messages(stage: &Stage, trees: &mut Trees<'_>) {
    const SEND: &str = "POST /widget/v1/messages";
    let (phone, _) = stage.session(&stage.near, &json!({"user_id": "first", "name": "Fay"})).await;
    trees.begin(stage).await;
    phone.post("/widget/v1/messages", &stage.message("hello")).await.expect(201);
    trees.end(stage, "first message", SEND).await;

    let user = json!({"user_id": "devices", "name": "Dee"});
    let (phone, _) = stage.session(&stage.near, &user).await;
    let (laptop, id) = stage.session(&stage.far, &user).await;
    phone.post("/widget/v1/messages", &stage.message("hello")).await.expect(201);
    let mut on_laptop = open(&laptop, "/widget/v1/events").await;
    trees.begin(stage).await;
    phone.post("/widget/v1/messages", &stage.message("again")).await.expect(201);
    on_laptop.expect("message").await;
    trees.end(stage, "message to a second device on another gateway", SEND).await;

    let agent = stage.agent(&stage.near).await;
    trees.begin(stage).await;
    let path = format!("/v1/conversations/{id}/messages");
    agent.post(&path, &stage.message("what can I do?")).await.expect(201);
    on_laptop.expect("message").await;
    trees.end(stage, "reply", "POST /v1/conversations/{id}/messages").await;
}

async fn webhook(stage: &Stage, trees: &mut Trees<'_>) {
    let owner = stage.agent(&stage.near).await;
    let mut hook = WebhookReceiver::start().await;
    let webhook = json!({"url": hook.url(), "events": ["message.created", "contact.created"]});
    let webhook = owner.post("/v1/webhooks", &webhook).await.expect(201);
    trees.begin(stage).await;
    let user = json!({"user_id": "hook", "name": "Hugo"});
    let (phone, _) = stage.session(&stage.near, &user).await;
    let posted = hook.next().await.traceparent;
    trees.end(stage, "webhook of a new contact", "POST /widget/v1/init").await;
    // The receiver can continue the trace.
    let span = posted.split('-').nth(2).unwrap_or_default();
    let spans = stage.collector.spans();
    let post = spans.iter().find(|one| one.id == span).expect("the span of the request");
    assert_eq!((post.name.as_str(), post.kind), ("POST", kind::CLIENT));

    trees.begin(stage).await;
    phone.post("/widget/v1/messages", &stage.message("hello")).await.expect(201);
    hook.next().await;
    trees.end(stage, "webhook of a message", "POST /widget/v1/messages").await;

    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    ApiResponse::send(owner.request(Method::DELETE, &path)).await.expect(204);
}

async fn import(stage: &Stage, trees: &mut Trees<'_>) {
    let agent = stage.agent(&stage.near).await;
    trees.begin(stage).await;
    let upload = agent.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let csv = "user_id,name\nimport-1,Ida\nimport-2,Ivo\n";
    let begun = ApiResponse::send(upload.body(csv)).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    wait_until("the end of the import", LONG_TIMEOUT, async || {
        (agent.get(&path).await.expect(200)["state"] == "done").then_some(())
    })
    .await;
    trees.end(stage, "import", "POST /v1/imports").await;
}

async fn merge_and_erase(stage: &Stage, trees: &mut Trees<'_>) {
    let (known, into) =
        stage.session(&stage.near, &json!({"user_id": "merge", "name": "Mia"})).await;
    known.post("/widget/v1/messages", &stage.message("hello")).await.expect(201);
    let (visitor, _) = stage.session(&stage.near, &json!({})).await;
    let form = json!({"fields": {"name": "Vera", "email": "vera@example.com"}});
    let submitted = visitor.post("/widget/v1/pre-chat", &form).await.expect(200);
    let visitor = stage.near.with_token(submitted["session"]["token"].as_str().unwrap());
    let from = submitted["contact"]["id"].as_str().unwrap();
    visitor.post("/widget/v1/messages", &stage.message("anybody there?")).await.expect(201);
    let agent = stage.agent(&stage.near).await;
    wait_until("the visitor in Contacts", LONG_TIMEOUT, async || {
        (agent.get(&format!("/v1/contacts/{from}")).await.status == 200).then_some(())
    })
    .await;

    let agent = stage.agent(&stage.near).await;
    trees.begin(stage).await;
    let merge = json!({"intoId": into});
    agent.post(&format!("/v1/contacts/{from}/merge"), &merge).await.expect(200);
    trees.end(stage, "merge", "POST /v1/contacts/{id}/merge").await;

    let agent = stage.agent(&stage.near).await;
    trees.begin(stage).await;
    let erase = agent.request(Method::DELETE, &format!("/v1/contacts/{into}"));
    ApiResponse::send(erase).await.expect(204);
    trees.end(stage, "erase", "DELETE /v1/contacts/{id}").await;
}

async fn failures(stage: &mut Stage, trees: &mut Trees<'_>) {
    let mut credentials = stage.credentials();
    credentials["password"] = json!("a wrong password");
    trees.begin(stage).await;
    stage.near.post("/v1/login", &credentials).await.expect_problem(401, "login-refused");
    trees.end(stage, "refused login", "POST /v1/login").await;

    if stage.is_apart() {
        let agent = stage.agent(&stage.near).await;
        stage.kill(Service::ContactImport).await;
        trees.begin(stage).await;
        agent.get("/v1/imports").await.expect_problem(503, "unavailable");
        trees.end(stage, "a service that is down", "GET /v1/imports").await;
    }
}

impl Trees<'_> {
    /// Notes which traces are of earlier calls, once they have been exported.
    async fn begin(&mut self, stage: &Stage) {
        let mut count = 0;
        loop {
            sleep(Duration::from_millis(300)).await;
            let spans = stage.collector.spans();
            if spans.len() == count {
                self.earlier = spans.into_iter().map(|span| span.trace).collect();
                return;
            }
            count = spans.len();
        }
    }

    /// Waits for the tree below a root of this name that began since then.
    async fn end(&mut self, stage: &Stage, title: &str, root: &str) {
        let heading = format!("# {title}\n\n");
        let started = Instant::now();
        let (mut last, mut changed_at) = (String::new(), started);
        loop {
            sleep(Duration::from_millis(100)).await;
            let spans = stage.collector.spans();
            let found = spans.iter().find(|span| {
                span.name == root && span.parent.is_empty() && !self.earlier.contains(&span.trace)
            });
            let tree = found.map(|span| render(&spans, &span.trace, stage.is_apart()));
            let section = format!("{heading}{}\n", tree.unwrap_or_default());
            if section != last {
                (last, changed_at) = (section, Instant::now());
            }
            let is_complete = match self.expected {
                Some(expected) => expected.contains(&last),
                None => changed_at.elapsed() > STABLE_TIME,
            };
            if is_complete || started.elapsed() > TREE_TIMEOUT {
                break;
            }
        }
        self.text.push_str(&last);
    }
}
