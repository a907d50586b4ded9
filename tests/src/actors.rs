//! Those who use it: a running server with its demo organization, a person's devices, an agent.

use std::ops::Deref;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Api, Chance, Events, Onethread, Options, Reply};

/// Who has it may make organizations on a server that is started [`with_operator`].
///
/// [`with_operator`]: Stage::with_operator
const OPERATOR: &str = "the operator of the tests";

/// A running server with its first organization.
pub struct Stage {
    /// The process.
    pub server: Onethread,
    /// Its demo organization.
    pub tenant: Tenant,
}

/// An organization on a server, and what is needed to speak to it.
#[derive(Clone)]
pub struct Tenant {
    /// Calls without a token.
    pub api: Api,
    /// Choices of this test.
    pub chance: Chance,
    /// What `bootstrap.json` said.
    pub bootstrap: Value,
}

impl Deref for Stage {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl Stage {
    /// Starts a server of its own.
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts a server of its own in this environment.
    pub async fn with(options: Options) -> Self {
        let server = Onethread::start(options).await;
        let api = Api::new(server.address("http"));
        let bootstrap = server.bootstrap();
        Self { server, tenant: Tenant { api, chance: Chance::new(), bootstrap } }
    }

    /// Starts a server of its own on which more [organizations](Self::organization) can be made.
    pub async fn with_operator(options: Options) -> Self {
        Self::with(options.env("ONETHREAD_OPERATOR_TOKEN", OPERATOR)).await
    }

    /// Whoever runs the server.
    pub fn operator(&self) -> Api {
        self.api.with_token(OPERATOR)
    }

    /// One more organization, of this domain.
    pub async fn organization(&self, domain: &str) -> Tenant {
        let body = json!({
            "organization": domain,
            "agentEmail": format!("owner@{domain}"),
            "agentPassword": format!("the password of {domain}"),
        });
        let made = self.operator().post("/v1/organizations", &body).await;
        Tenant { bootstrap: made.expect(201), ..self.tenant.clone() }
    }
}

impl Tenant {
    /// The body of an init, in the spelling of the classic snippet.
    pub fn init_body(&self, user: &Value) -> Value {
        json!({
            "organization": self.bootstrap["organization"],
            "applicationId": self.bootstrap["applicationId"],
            "applicationSecret": self.bootstrap["applicationSecret"],
            "user": user,
        })
    }

    /// The body of an init, in the spelling of apps.
    pub fn init_body_by_app(&self, user: &Value) -> Value {
        json!({
            "organization": self.bootstrap["organization"],
            "appId": self.bootstrap["appId"],
            "user": user,
        })
    }

    /// An init from a device that is seen for the first time.
    pub async fn init(&self, user: &Value) -> Reply {
        self.api.post("/widget/v1/init", &self.init_body(user)).await
    }

    /// An init from a known device.
    pub async fn init_on(&self, device: &Device, user: &Value) -> Reply {
        let mut body = self.init_body(user);
        body["deviceToken"] = json!(device.0);
        self.api.post("/widget/v1/init", &body).await
    }

    /// A session on a new device.
    pub async fn open(&self, user: &Value) -> Widget {
        Widget::new(self, self.init(user).await.expect(200))
    }

    /// A session on a known device.
    pub async fn open_on(&self, device: &Device, user: &Value) -> Widget {
        Widget::new(self, self.init_on(device, user).await.expect(200))
    }

    /// The owner, logged in.
    pub async fn agent(&self) -> Agent {
        let agent = &self.bootstrap["agent"];
        self.log_in(&agent["email"], &agent["password"]).await
    }

    /// The password of each agent who is no owner.
    pub const AGENT_PASSWORD: &str = "the password of an agent";

    /// An agent who is no owner, invited and logged in.
    pub async fn plain_agent(&self, email: &str) -> Agent {
        let invited = json!({"email": email, "role": "agent"});
        let invited = self.agent().await.api.post("/v1/agents", &invited).await.expect(201);
        let password = Self::AGENT_PASSWORD;
        let accepted = json!({"inviteToken": invited["inviteToken"], "password": password});
        self.api.post("/v1/agents/accept", &accepted).await.expect(200);
        self.log_in(&json!(email), &json!(password)).await
    }

    async fn log_in(&self, email: &Value, password: &Value) -> Agent {
        let organization = &self.bootstrap["organization"];
        let body = json!({"organization": organization, "email": email, "password": password});
        let answer = self.api.post("/v1/login", &body).await.expect(200);
        let token = answer["token"].as_str().expect("a login has a token");
        Agent { api: self.api.with_token(token), chance: self.chance.clone() }
    }

    /// The company's server, by its API key.
    pub fn company(&self) -> Api {
        self.api.with_token(self.bootstrap["apiKey"].as_str().expect("there is a key"))
    }

    /// An identity key: its id, which is `kid` of tokens, and the key itself.
    pub async fn identity_key(&self) -> (String, String) {
        let made = self.agent().await.api.post("/v1/identity-keys", &json!({})).await.expect(201);
        let text = |name: &str| made[name].as_str().expect("a key has both").to_owned();
        (text("keyId"), text("key"))
    }

    /// Settles what is needed with a `user_id`.
    pub async fn set_policy(&self, policy: &str, report_only: bool) {
        let change = json!({"policy": policy, "reportOnly": report_only});
        self.agent().await.api.patch("/v1/organization", &change).await.expect(200);
    }
}

/// What a page keeps of a device: its token.
#[derive(Debug, Clone)]
pub struct Device(pub String);

/// A widget with a session.
#[derive(Clone)]
pub struct Widget {
    /// Calls with the session's token.
    pub api: Api,
    /// What init answered.
    pub start: Value,
    chance: Chance,
}

impl Widget {
    /// The widget that got this *session*.
    pub fn new(tenant: &Tenant, start: Value) -> Self {
        let token = start["session"]["token"].as_str().expect("a session has a token");
        Self { api: tenant.api.with_token(token), start, chance: tenant.chance.clone() }
    }

    /// The device as the page keeps it.
    pub fn device(&self) -> Device {
        let token = self.start["session"]["deviceToken"].as_str();
        Device(token.expect("a session names its device").to_owned())
    }

    /// `visitor` or `contact`.
    pub fn mode(&self) -> &str {
        self.start["mode"].as_str().unwrap_or_default()
    }

    /// Id of the person, which is the conversation's too.
    pub fn contact_id(&self) -> &str {
        self.start["contact"]["id"].as_str().expect("a person has an id")
    }

    /// Texts of the messages that init gave.
    pub fn first_texts(&self) -> Vec<&str> {
        texts(&self.start["conversation"]["messages"])
    }

    /// Sends a text under a new id.
    pub async fn say(&self, text: &str) -> Value {
        self.try_say(text).await.expect(201)
    }

    /// Sends a text under a new id, whatever comes of it.
    pub async fn try_say(&self, text: &str) -> Reply {
        let body = json!({"clientMessageId": self.chance.uuid(), "text": text});
        self.api.post("/widget/v1/messages", &body).await
    }

    /// Fills in the pre-chat form.
    pub async fn fill_form(&self, fields: &Value) -> Reply {
        self.api.post("/widget/v1/pre-chat", &json!({"fields": fields})).await
    }

    /// The live events from now on.
    pub async fn events(&self) -> Events {
        Events::open(self.api.request(Method::GET, "/widget/v1/events")).await
    }

    /// The live events and all messages after this number.
    pub async fn events_after(&self, seq: i64) -> Events {
        let request = self.api.request(Method::GET, "/widget/v1/events");
        Events::open(request.header("last-event-id", seq.to_string())).await
    }

    /// The whole thread, ascending.
    pub async fn thread(&self) -> Vec<Value> {
        thread(&self.api, "/widget/v1/messages").await
    }

    /// The texts of the whole thread.
    pub async fn thread_texts(&self) -> Vec<String> {
        let texts = self.thread().await.into_iter();
        texts.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// An agent who is logged in.
#[derive(Clone)]
pub struct Agent {
    /// Calls with the login's token.
    pub api: Api,
    chance: Chance,
}

impl Agent {
    /// Answers in a conversation.
    pub async fn answer(&self, conversation: &str, text: &str) -> Value {
        let body = json!({"clientMessageId": self.chance.uuid(), "text": text, "kind": "text"});
        self.api
            .post(&format!("/v1/conversations/{conversation}/messages"), &body)
            .await
            .expect(201)
    }

    /// The whole thread, ascending.
    pub async fn thread(&self, conversation: &str) -> Vec<Value> {
        thread(&self.api, &format!("/v1/conversations/{conversation}/messages")).await
    }

    /// Everybody who stands in Contacts.
    pub async fn contacts(&self) -> Vec<Value> {
        self.api.all("/v1/contacts").await
    }

    /// The one in Contacts with this id.
    pub async fn contact(&self, id: &str) -> Option<Value> {
        self.contacts().await.into_iter().find(|contact| contact["id"] == id)
    }

    /// The live events.
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
