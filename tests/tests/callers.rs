//! Permissions: every documented operation has a row here, and each row is tested with every kind
//! of caller. No secret of these calls may be in logs or spans.

use std::collections::BTreeSet;

use onethread_tests::{
    Agent, Api, ApiResponse, Collector, SHORT_TIMEOUT, Tenant, TestServer, Widget,
    documented_operations,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::secrets::{expect_none, verbose};

/// Who may use an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Anybody,
    /// The operator. For all others the operation doesn't exist.
    Operator,
    /// Visitors and contacts, with the widget's token.
    People,
    /// Visitors. Contacts get a specific error.
    Visitors,
    /// Agents, and servers with an API key.
    Staff,
    /// Agents only.
    Agents,
    Owners,
    /// Owners, and servers with an API key.
    OwnersAndServers,
}

/// Kind of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anonymous,
    /// With an invalid token.
    Stranger,
    Visitor,
    Contact,
    /// An owner of another organization.
    Foreigner,
    Server,
    Agent,
    Owner,
    Operator,
}

const CALLERS: [Caller; 9] = [
    Caller::Anonymous,
    Caller::Stranger,
    Caller::Visitor,
    Caller::Contact,
    Caller::Foreigner,
    Caller::Server,
    Caller::Agent,
    Caller::Owner,
    Caller::Operator,
];

/// Each operation, who may use it, and its status when it succeeds.
const OPERATIONS: &[(&str, For, u16)] = &[
    ("GET /healthz", For::Anybody, 200),
    ("GET /readyz", For::Anybody, 200),
    ("GET /openapi.json", For::Anybody, 200),
    ("POST /widget/v1/init", For::Anybody, 200),
    ("POST /widget/v1/pre-chat", For::Visitors, 200),
    ("GET /widget/v1/messages", For::People, 200),
    ("POST /widget/v1/messages", For::People, 201),
    ("POST /widget/v1/read", For::People, 204),
    ("POST /widget/v1/typing", For::People, 204),
    ("GET /widget/v1/events", For::People, 200),
    ("PATCH /widget/v1/contact", For::People, 200),
    ("POST /widget/v1/track", For::People, 204),
    ("POST /widget/v1/logout", For::People, 200),
    ("POST /v1/login", For::Anybody, 200),
    ("POST /v1/logout", For::Agents, 204),
    ("GET /v1/me", For::Agents, 200),
    ("POST /v1/me/password", For::Agents, 204),
    ("POST /v1/organizations", For::Operator, 201),
    ("GET /v1/organization", For::Owners, 200),
    ("PATCH /v1/organization", For::Owners, 200),
    ("GET /v1/identity-keys", For::Owners, 200),
    ("POST /v1/identity-keys", For::Owners, 201),
    ("DELETE /v1/identity-keys/{id}", For::Owners, 204),
    ("GET /v1/conversations", For::Staff, 200),
    ("GET /v1/conversations/{id}", For::Staff, 200),
    ("PATCH /v1/conversations/{id}", For::Staff, 200),
    ("GET /v1/conversations/{id}/messages", For::Staff, 200),
    ("POST /v1/conversations/{id}/messages", For::Staff, 201),
    ("POST /v1/conversations/{id}/read", For::Staff, 204),
    ("POST /v1/conversations/{id}/typing", For::Staff, 204),
    ("GET /v1/contacts", For::Staff, 200),
    ("POST /v1/contacts", For::Staff, 201),
    ("POST /v1/contacts/search", For::Staff, 200),
    ("GET /v1/contacts/export.csv", For::Staff, 200),
    ("POST /v1/contacts/export.csv", For::Staff, 200),
    ("GET /v1/contacts/{id}", For::Staff, 200),
    ("PATCH /v1/contacts/{id}", For::Staff, 200),
    ("DELETE /v1/contacts/{id}", For::Staff, 204),
    ("POST /v1/contacts/{id}/messages", For::Staff, 201),
    ("POST /v1/contacts/{id}/merge", For::Staff, 200),
    ("PUT /v1/contacts/{id}/security-hash", For::OwnersAndServers, 204),
    ("DELETE /v1/contacts/{id}/security-hash", For::Owners, 204),
    ("GET /v1/imports", For::Staff, 200),
    ("POST /v1/imports", For::Staff, 202),
    ("GET /v1/imports/{id}", For::Staff, 200),
    ("POST /v1/imports/{id}/apply", For::Staff, 200),
    ("POST /v1/imports/{id}/cancel", For::Staff, 200),
    ("GET /v1/imports/{id}/rejected.csv", For::Staff, 200),
    ("GET /v1/imports/{id}/events", For::Staff, 200),
    ("GET /v1/events", For::Staff, 200),
    ("GET /v1/audit", For::Owners, 200),
    ("GET /v1/agents", For::Owners, 200),
    ("POST /v1/agents", For::Owners, 201),
    ("POST /v1/agents/accept", For::Anybody, 200),
    ("PATCH /v1/agents/{id}", For::Owners, 200),
    ("DELETE /v1/agents/{id}", For::Owners, 204),
    ("POST /v1/agents/{id}/reset", For::Owners, 200),
    ("GET /v1/api-keys", For::Owners, 200),
    ("POST /v1/api-keys", For::Owners, 201),
    ("DELETE /v1/api-keys/{id}", For::Owners, 204),
    ("GET /v1/applications", For::Owners, 200),
    ("POST /v1/applications", For::Owners, 201),
    ("PATCH /v1/applications/{id}", For::Owners, 200),
    ("GET /v1/blocked-addresses", For::Owners, 200),
    ("POST /v1/blocked-addresses", For::Owners, 201),
    ("DELETE /v1/blocked-addresses/{id}", For::Owners, 204),
    ("GET /v1/webhooks", For::Owners, 200),
    ("POST /v1/webhooks", For::Owners, 201),
    ("PATCH /v1/webhooks/{id}", For::Owners, 200),
    ("DELETE /v1/webhooks/{id}", For::Owners, 204),
    ("GET /v1/webhooks/{id}/deliveries", For::Owners, 200),
];

/// Returns status and reason of the rejection of a caller. `None` if the caller may use it.
fn refusal(whom: For, caller: Caller) -> Option<(u16, &'static str)> {
    use Caller::{
        Agent, Anonymous, Contact, Foreigner, Operator, Owner, Server, Stranger, Visitor,
    };
    let ended = Some((401, "session-ended"));
    let forbidden = Some((403, "forbidden"));
    match (whom, caller) {
        (For::Anybody, _) | (For::Operator, Operator) => None,
        (For::Operator, _) => Some((404, "not-found")),
        // The operator's token is not a session token.
        (_, Anonymous | Stranger | Operator) => ended,
        (For::People | For::Visitors, Visitor) | (For::People, Contact) => None,
        (For::Visitors, Contact) => Some((409, "not-a-visitor")),
        (For::People | For::Visitors, _) => ended,
        (_, Visitor | Contact) => forbidden,
        (_, Owner | Foreigner) => None,
        (For::Staff | For::Agents, Agent) | (For::Staff | For::OwnersAndServers, Server) => None,
        (For::Agents | For::Owners, Server) | (For::Owners | For::OwnersAndServers, Agent) => {
            forbidden
        }
    }
}

/// Two organizations and all callers.
struct Scene {
    server: TestServer,
    other: Tenant,
    owner: Agent,
    agent: Agent,
    foreigner: Agent,
    visitor: Widget,
    contact: Widget,
}

impl Scene {
    async fn new(collector: &Collector) -> Self {
        let options = verbose(collector).env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow");
        let server = TestServer::with_operator(options).await;
        let other = server.organization("other.example").await;
        let (owner, foreigner) = (server.log_in_owner().await, other.log_in_owner().await);
        let agent = server.log_in_agent("agent@example.com").await;
        let (visitor, contact) = (Self::visitor(&server).await, Self::contact(&server).await);
        Self { server, other, owner, agent, foreigner, visitor, contact }
    }

    /// Creates a visitor who has submitted the form, so that no call is rejected for the lack of it.
    async fn visitor(tenant: &Tenant) -> Widget {
        let visitor = tenant.start_session(&json!({})).await;
        let form = json!({"name": "Canary Vera", "email": "canary@example.com"});
        visitor.submit_form(&form).await.expect(200);
        visitor
    }

    async fn contact(tenant: &Tenant) -> Widget {
        tenant.start_session(&json!({"user_id": format!("canary-{}", tenant.random.uuid())})).await
    }

    fn api(&self, caller: Caller) -> Api {
        match caller {
            Caller::Anonymous => self.server.api.clone(),
            Caller::Stranger => self.server.api.with_token("nonsense"),
            Caller::Visitor => self.visitor.api.clone(),
            Caller::Contact => self.contact.api.clone(),
            Caller::Foreigner => self.foreigner.api.clone(),
            Caller::Server => self.server.with_api_key(),
            Caller::Agent => self.agent.api.clone(),
            Caller::Owner => self.owner.api.clone(),
            Caller::Operator => self.server.operator(),
        }
    }

    /// Creates a resource for the `{id}` of the operation, and returns its id.
    async fn target(&self, call: &str) -> String {
        let Some((path, after)) = call.split_once("/{id}") else { return String::new() };
        let post = async |path: &str, body: Value| {
            let reply = self.owner.api.post(path, &body).await;
            assert!((200..300).contains(&reply.status), "{path}: {}", reply.text);
            reply.body
        };
        let id = |made: Value, name: &str| made[name].as_str().expect("it has an id").to_owned();
        let contact = async || {
            let user_id = format!("canary-{}", self.server.random.uuid());
            id(post("/v1/contacts", json!({"userId": user_id})).await, "id")
        };
        match path.rsplit('/').next().unwrap_or_default() {
            "contacts" => {
                let contact = contact().await;
                if call == "DELETE /v1/contacts/{id}/security-hash" {
                    let path = format!("/v1/contacts/{contact}/security-hash");
                    let claim = self.owner.api.request(Method::PUT, &path);
                    ApiResponse::send(claim.json(&json!({"securityHash": "canary-hash"})))
                        .await
                        .expect(204);
                }
                contact
            }
            "conversations" => {
                let contact = contact().await;
                let path = format!("/v1/contacts/{contact}/messages");
                post(&path, self.body("POST /v1/contacts/{id}/messages").await).await;
                contact
            }
            "imports" => {
                let apply = if after == "/rejected.csv" { "true" } else { "false" };
                let path = format!("/v1/imports?apply={apply}");
                let upload = self.owner.api.request(Method::POST, &path);
                let upload =
                    upload.header("content-type", "text/csv").body("user_id,email\n,canary@\n");
                let import = id(ApiResponse::send(upload).await.expect(202), "id");
                let path = format!("/v1/imports/{import}");
                onethread_tests::wait_until("a scanned import", SHORT_TIMEOUT, async || {
                    let now = self.owner.api.get(&path).await.expect(200);
                    (now["state"] == "ready" || now["state"] == "done").then_some(())
                })
                .await;
                import
            }
            "identity-keys" => id(post("/v1/identity-keys", json!({})).await, "keyId"),
            "agents" => id(post("/v1/agents", self.body("POST /v1/agents").await).await, "id"),
            "api-keys" => id(post("/v1/api-keys", json!({})).await, "id"),
            "applications" => id(post("/v1/applications", json!({})).await, "appId"),
            "blocked-addresses" => {
                let body = self.body("POST /v1/blocked-addresses").await;
                id(post("/v1/blocked-addresses", body).await, "id")
            }
            "webhooks" => {
                id(post("/v1/webhooks", self.body("POST /v1/webhooks").await).await, "id")
            }
            kind => panic!("no {kind} for {call}"),
        }
    }

    /// Returns a valid body for the operation.
    async fn body(&self, call: &str) -> Value {
        let uuid = self.server.random.uuid();
        match call {
            "POST /widget/v1/init" => self.server.init_body(&json!({})),
            "POST /widget/v1/pre-chat" => {
                json!({"fields": {"name": "Canary Vera", "email": "canary@example.com"}})
            }
            "POST /widget/v1/track" => json!({"name": "canary-looked", "data": {"at": "canary"}}),
            "PATCH /widget/v1/contact" | "PATCH /v1/contacts/{id}" => json!({"name": "Canary Kim"}),
            "POST /v1/login" => json!({
                "organization": self.server.bootstrap["organization"],
                "email": self.server.bootstrap["agent"]["email"],
                "password": self.server.bootstrap["agent"]["password"],
            }),
            "POST /v1/organizations" => json!({
                "organization": format!("{uuid}.example"),
                "agentEmail": "canary@example.com",
                "agentPassword": "a long canary password",
            }),
            "PATCH /v1/organization" => json!({"reportOnly": false}),
            "PATCH /v1/conversations/{id}" => json!({"status": "closed"}),
            "PUT /v1/contacts/{id}/security-hash" => json!({"securityHash": "canary-hash"}),
            "DELETE /v1/contacts/{id}/security-hash" => json!({"reason": "canary-reason"}),
            "POST /v1/agents" => {
                json!({"email": format!("canary-{uuid}@example.com"), "role": "agent"})
            }
            "POST /v1/contacts/{id}/merge" => {
                let kim = json!({"name": "Canary Kim"});
                let into = self.owner.api.post("/v1/contacts", &kim).await.expect(201);
                json!({"intoId": into["id"]})
            }
            "POST /v1/agents/accept" => {
                let agent = json!({"email": format!("canary-{uuid}@example.com")});
                let invited = self.owner.api.post("/v1/agents", &agent).await.expect(201);
                json!({"inviteToken": invited["inviteToken"], "password": "a long canary"})
            }
            "PATCH /v1/agents/{id}" | "PATCH /v1/applications/{id}" => {
                json!({"name": "Canary Kim"})
            }
            "POST /v1/blocked-addresses" => {
                let (_, network, host, _) = uuid.as_fields();
                json!({"address": format!("2001:db8::{network:x}:{host:x}")})
            }
            "POST /v1/webhooks" => {
                json!({"url": "http://127.0.0.1:9/", "events": ["contact.joined"]})
            }
            "PATCH /v1/webhooks/{id}" => json!({"url": "http://127.0.0.1:9/canary"}),
            call if call.ends_with("/typing") => json!({"typing": true}),
            call if call.ends_with("/read") => json!({"seq": 1}),
            call if call.starts_with("POST") && call.ends_with("/messages") => {
                json!({"clientMessageId": uuid, "text": "canary hi"})
            }
            _ => json!({}),
        }
    }

    async fn request(&self, api: &Api, call: &str, id: &str) -> RequestBuilder {
        let (method, path) = call.split_once(' ').expect("a method and a path");
        let request = api.request(method.parse().expect("a method"), &path.replace("{id}", id));
        match (method, call) {
            ("GET", _) => request,
            (_, "POST /v1/imports") => {
                request.header("content-type", "text/csv").body("user_id,email\ncanary-u,\n")
            }
            (_, "POST /v1/me/password") => {
                let password = self.password(api);
                request.json(&json!({"password": password, "newPassword": password}))
            }
            _ => request.json(&self.body(call).await),
        }
    }

    /// Returns the caller's password, or any password if the caller has none.
    fn password(&self, api: &Api) -> Value {
        match api.token() {
            token if token == self.agent.api.token() => json!(Tenant::AGENT_PASSWORD),
            token if token == self.foreigner.api.token() => {
                self.other.bootstrap["agent"]["password"].clone()
            }
            _ => self.server.bootstrap["agent"]["password"].clone(),
        }
    }

    /// Creates a new session for a caller whose session was ended by the call.
    async fn renew(&mut self, call: &str, caller: Caller) {
        match (call, caller) {
            ("POST /widget/v1/logout", Caller::Contact) => {
                self.contact = Self::contact(&self.server).await;
            }
            ("POST /v1/logout", Caller::Owner) => self.owner = self.server.log_in_owner().await,
            ("POST /v1/logout", Caller::Foreigner) => {
                self.foreigner = self.other.log_in_owner().await
            }
            ("POST /v1/logout", Caller::Agent) => {
                self.agent = self.server.log_in_agent("another@example.com").await;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn each_operation_is_open_to_its_callers_only() {
    let collector = Collector::start().await;
    let mut scene = Scene::new(&collector).await;
    let mut secrets: BTreeSet<_> = ["canary", "Canary"].map(str::to_owned).into();
    let rows: BTreeSet<_> = OPERATIONS.iter().map(|(call, ..)| (*call).to_owned()).collect();
    assert_eq!(
        rows,
        documented_operations(scene.server.process.address("http")).await,
        "calls and rows differ"
    );
    for (call, whom, success) in OPERATIONS {
        let mut target = Some(scene.target(call).await);
        for caller in CALLERS {
            let what = format!("{call} by {caller:?}");
            let api = scene.api(caller);
            secrets.extend([api.token()].iter().filter(|it| it.len() > 10).map(|it| (*it).into()));
            let refused = refusal(*whom, caller);
            let abroad = caller == Caller::Foreigner && call.contains("{id}");
            let id = match &target {
                Some(id) if refused.is_some() || abroad => id.clone(),
                // A successful call may have deleted it.
                _ => match target.take() {
                    Some(id) => id,
                    None => scene.target(call).await,
                },
            };
            let request = scene.request(&api, call, &id).await;
            if refused.is_none() && !abroad && is_stream(call) {
                let answer = request.send().await.expect("a stream opens");
                assert_eq!(answer.status(), *success, "{what}");
                continue;
            }
            let reply = ApiResponse::send(request).await;
            match refused {
                Some((status, reason)) => {
                    assert_eq!(reply.status, status, "{what}: {}", reply.text);
                    reply.expect_problem(status, reason);
                }
                None if abroad => {
                    assert_eq!(reply.status, 404, "{what}: {}", reply.text);
                    let unknown = scene.server.random.uuid().to_string();
                    let unknown =
                        ApiResponse::send(scene.request(&api, call, &unknown).await).await;
                    assert_eq!(content(reply), content(unknown), "{what}");
                }
                None => {
                    assert_eq!(reply.status, *success, "{what}: {}", reply.text);
                    scene.renew(call, caller).await;
                }
            }
        }
    }
    // No secret of any call is in logs or spans.
    for name in ["password", "email"] {
        let of = |tenant: &Tenant| tenant.bootstrap["agent"][name].as_str().map(str::to_owned);
        secrets.extend([of(&scene.server), of(&scene.other)].into_iter().flatten());
    }
    scene.server.process.terminate(SHORT_TIMEOUT * 2).await;
    let (log, spans) = (scene.server.process.log(), collector.raw());
    assert!(
        log.contains("DEBUG") && spans.contains("POST /v1/login"),
        "hardly anything was logged"
    );
    expect_none(&secrets.into_iter().collect::<Vec<_>>(), &log, &spans);
}

/// Returns everything in a 404 that could differ between foreign and unknown ids.
fn content(reply: ApiResponse) -> Value {
    let mut body = reply.expect_problem(404, "not-found");
    body["traceId"] = Value::Null;
    body
}

fn is_stream(call: &str) -> bool {
    call.starts_with("GET") && call.ends_with("/events")
}
