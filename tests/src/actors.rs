//! Actors of the tests: a running server with its demo organization, widgets, agents.

use std::ops::Deref;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Api, ApiResponse, Events, Onethread, Options, Random};

/// Operator token of servers that are started by [`TestServer::with_operator`].
const OPERATOR_TOKEN: &str = "the operator of the tests";

/// A running server with its first organization.
pub struct TestServer {
    /// The process.
    pub process: Onethread,
    /// Its demo organization.
    pub tenant: Tenant,
}

/// An organization on a server, and what is needed to call the server.
#[derive(Clone)]
pub struct Tenant {
    /// Calls without a token.
    pub api: Api,
    /// Source of random values.
    pub random: Random,
    /// Content of `bootstrap.json`.
    pub bootstrap: Value,
}

impl Deref for TestServer {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl TestServer {
    /// Starts a server.
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts a server with these options.
    pub async fn with(options: Options) -> Self {
        let process = Onethread::start(options).await;
        let api = Api::new(process.address("http"));
        let bootstrap = process.bootstrap();
        Self { process, tenant: Tenant { api, random: Random::new(), bootstrap } }
    }

    /// Starts a server on which more [organizations](Self::organization) can be created.
    pub async fn with_operator(options: Options) -> Self {
        Self::with(options.env("ONETHREAD_OPERATOR_TOKEN", OPERATOR_TOKEN)).await
    }

    /// Returns a client with the operator token.
    pub fn operator(&self) -> Api {
        self.api.with_token(OPERATOR_TOKEN)
    }

    /// Creates another organization.
    pub async fn organization(&self, domain: &str) -> Tenant {
        let body = json!({
            "organization": domain,
            "agentEmail": format!("owner@{domain}"),
            "agentPassword": format!("the password of {domain}"),
        });
        let created = self.operator().post("/v1/organizations", &body).await;
        Tenant { bootstrap: created.expect(201), ..self.tenant.clone() }
    }
}

impl Tenant {
    /// Returns the body of an init in the form of the classic snippet.
    pub fn init_body(&self, user: &Value) -> Value {
        json!({
            "organization": self.bootstrap["organization"],
            "applicationId": self.bootstrap["applicationId"],
            "applicationSecret": self.bootstrap["applicationSecret"],
            "user": user,
        })
    }

    /// Returns the body of an init in the form of apps.
    pub fn init_body_by_app(&self, user: &Value) -> Value {
        json!({
            "organization": self.bootstrap["organization"],
            "appId": self.bootstrap["appId"],
            "user": user,
        })
    }

    /// Sends an init from a new device.
    pub async fn init(&self, user: &Value) -> ApiResponse {
        self.api.post("/widget/v1/init", &self.init_body(user)).await
    }

    /// Sends an init from a known device.
    pub async fn init_on(&self, device: &Device, user: &Value) -> ApiResponse {
        let mut body = self.init_body(user);
        body["deviceToken"] = json!(device.0);
        self.api.post("/widget/v1/init", &body).await
    }

    /// Starts a session on a new device.
    pub async fn start_session(&self, user: &Value) -> Widget {
        Widget::new(self, self.init(user).await.expect(200))
    }

    /// Starts a session on a known device.
    pub async fn start_session_on(&self, device: &Device, user: &Value) -> Widget {
        Widget::new(self, self.init_on(device, user).await.expect(200))
    }

    /// Logs in the owner.
    pub async fn log_in_owner(&self) -> Agent {
        let agent = &self.bootstrap["agent"];
        self.log_in(&agent["email"], &agent["password"]).await
    }

    /// Password of agents who aren't owners.
    pub const AGENT_PASSWORD: &str = "the password of an agent";

    /// Invites an agent who isn't an owner, and logs in as that agent.
    pub async fn log_in_agent(&self, email: &str) -> Agent {
        let invited = json!({"email": email, "role": "agent"});
        let invited = self.log_in_owner().await.api.post("/v1/agents", &invited).await.expect(201);
        let password = Self::AGENT_PASSWORD;
        let accepted = json!({"inviteToken": invited["inviteToken"], "password": password});
        self.api.post("/v1/agents/accept", &accepted).await.expect(200);
        self.log_in(&json!(email), &json!(password)).await
    }

    async fn log_in(&self, email: &Value, password: &Value) -> Agent {
        let organization = &self.bootstrap["organization"];
        let body = json!({"organization": organization, "email": email, "password": password});
        let login = self.api.post("/v1/login", &body).await.expect(200);
        let token = login["token"].as_str().expect("a login has a token");
        Agent { api: self.api.with_token(token), random: self.random.clone() }
    }

    /// Returns a client with the organization's API key.
    pub fn with_api_key(&self) -> Api {
        self.api.with_token(self.bootstrap["apiKey"].as_str().expect("there is a key"))
    }

    /// Creates an identity key. Returns its id, which is the `kid` of tokens, and the key.
    pub async fn identity_key(&self) -> (String, String) {
        let owner = self.log_in_owner().await;
        let created = owner.api.post("/v1/identity-keys", &json!({})).await.expect(201);
        let text = |name: &str| created[name].as_str().expect("a key has both").to_owned();
        (text("keyId"), text("key"))
    }

    /// Sets the identity verification policy.
    pub async fn set_policy(&self, policy: &str, report_only: bool) {
        let change = json!({"policy": policy, "reportOnly": report_only});
        self.log_in_owner().await.api.patch("/v1/organization", &change).await.expect(200);
    }
}

/// A device, known by its token.
#[derive(Debug, Clone)]
pub struct Device(pub String);

/// A widget with a session.
#[derive(Clone)]
pub struct Widget {
    /// Calls with the session's token.
    pub api: Api,
    /// Response of the init.
    pub start: Value,
    random: Random,
}

impl Widget {
    /// Creates the widget for the response of an init.
    pub fn new(tenant: &Tenant, start: Value) -> Self {
        let token = start["session"]["token"].as_str().expect("a session has a token");
        Self { api: tenant.api.with_token(token), start, random: tenant.random.clone() }
    }

    /// Returns the device of the session.
    pub fn device(&self) -> Device {
        let token = self.start["session"]["deviceToken"].as_str();
        Device(token.expect("a session names its device").to_owned())
    }

    /// Returns `visitor` or `contact`.
    pub fn mode(&self) -> &str {
        self.start["mode"].as_str().unwrap_or_default()
    }

    /// Returns the id of the contact and of its conversation.
    pub fn contact_id(&self) -> &str {
        self.start["contact"]["id"].as_str().expect("a contact has an id")
    }

    /// Returns the texts of the messages in the response of the init.
    pub fn initial_texts(&self) -> Vec<&str> {
        texts(&self.start["conversation"]["messages"])
    }

    /// Sends a message with a new id.
    pub async fn send(&self, text: &str) -> Value {
        self.try_send(text).await.expect(201)
    }

    /// Sends a message with a new id, and returns the response.
    pub async fn try_send(&self, text: &str) -> ApiResponse {
        let body = json!({"clientMessageId": self.random.uuid(), "text": text});
        self.api.post("/widget/v1/messages", &body).await
    }

    /// Submits the pre-chat form.
    pub async fn submit_form(&self, fields: &Value) -> ApiResponse {
        self.api.post("/widget/v1/pre-chat", &json!({"fields": fields})).await
    }

    /// Opens the stream of live events from now on.
    pub async fn events(&self) -> Events {
        Events::open(self.api.request(Method::GET, "/widget/v1/events")).await
    }

    /// Opens the stream of live events with all messages after this number.
    pub async fn events_after(&self, seq: i64) -> Events {
        let request = self.api.request(Method::GET, "/widget/v1/events");
        Events::open(request.header("last-event-id", seq.to_string())).await
    }

    /// Returns all messages in ascending order.
    pub async fn messages(&self) -> Vec<Value> {
        thread(&self.api, "/widget/v1/messages").await
    }

    /// Returns the texts of all messages.
    pub async fn message_texts(&self) -> Vec<String> {
        let texts = self.messages().await.into_iter();
        texts.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// An agent who is logged in.
#[derive(Clone)]
pub struct Agent {
    /// Calls with the login's token.
    pub api: Api,
    random: Random,
}

impl Agent {
    /// Sends a reply to a conversation.
    pub async fn reply(&self, conversation: &str, text: &str) -> Value {
        let body = json!({"clientMessageId": self.random.uuid(), "text": text, "kind": "text"});
        self.api
            .post(&format!("/v1/conversations/{conversation}/messages"), &body)
            .await
            .expect(201)
    }

    /// Returns all messages of a conversation in ascending order.
    pub async fn messages(&self, conversation: &str) -> Vec<Value> {
        thread(&self.api, &format!("/v1/conversations/{conversation}/messages")).await
    }

    /// Returns all contacts.
    pub async fn contacts(&self) -> Vec<Value> {
        self.api.all("/v1/contacts").await
    }

    /// Returns the contact with this id.
    pub async fn contact(&self, id: &str) -> Option<Value> {
        self.contacts().await.into_iter().find(|contact| contact["id"] == id)
    }

    /// Opens the stream of live events.
    pub async fn events(&self) -> Events {
        Events::open(self.api.request(Method::GET, "/v1/events")).await
    }
}

async fn thread(api: &Api, path: &str) -> Vec<Value> {
    let mut messages: Vec<Value> = Vec::new();
    loop {
        let after = messages.last().map_or(0, |message| message["seq"].as_i64().unwrap_or(0));
        let page = api.get(&format!("{path}?afterSeq={after}&limit=200")).await.expect(200);
        let items = page["items"].as_array().expect("a list has items");
        if items.is_empty() {
            return messages;
        }
        messages.extend(items.iter().cloned());
    }
}

fn texts(messages: &Value) -> Vec<&str> {
    messages.as_array().into_iter().flatten().filter_map(|m| m["text"].as_str()).collect()
}
