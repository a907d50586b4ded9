//! A gateway on a free port, and a reader of event streams.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::StreamExt;
use onethread_config::RateLimits;
use onethread_core::{FixedClock, SeededEntropy, Timestamp};
use onethread_gateway::{Config, Demo, Deps, build};
use onethread_grpc::Server;
use onethread_lifecycle::Lifecycle;
use onethread_proto::{
    contactimport::import_service_server::ImportServiceServer,
    conversation::{
        Author, AuthorKind, conversation_service_server::ConversationServiceServer,
        stream_service_server::StreamServiceServer,
    },
    identity::{
        Agent, AgentRole, AuthenticateResponse, ContactCaller, Person, ServerCaller, Session,
        SessionMode, VisitorCaller, agent_service_server::AgentServiceServer,
        audit_service_server::AuditServiceServer, authenticate_response::Caller,
        contact_service_server::ContactServiceServer,
        identity_key_service_server::IdentityKeyServiceServer,
        organization_service_server::OrganizationServiceServer,
        session_service_server::SessionServiceServer, visitor_service_server::VisitorServiceServer,
    },
};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use tonic::service::Routes;

use super::{
    contract,
    fakes::{Fake, World},
};

pub(crate) const ORGANIZATION: &str = "00000000-0000-7000-8000-00000000000a";
pub(crate) const CONTACT: &str = "00000000-0000-7000-8000-00000000000c";
pub(crate) const DEVICE: &str = "00000000-0000-7000-8000-00000000000d";

/// The operator's token.
pub(crate) const OPERATOR: &str = "operator-of-the-tests";

/// A UUID.
pub(crate) fn id(n: i64) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

/// A moment.
pub(crate) fn at() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 1000 })
}

pub(crate) fn agent() -> Agent {
    Agent {
        id: id(1),
        email: "agent@example.com".to_owned(),
        name: "Gus".to_owned(),
        role: AgentRole::Owner.into(),
        invited: false,
    }
}

pub(crate) fn by_agent() -> Author {
    Author { kind: AuthorKind::Agent.into(), id: id(1) }
}

pub(crate) fn session(stored: bool) -> Session {
    Session {
        token: "visitor".to_owned(),
        device_token: "device".to_owned(),
        mode: SessionMode::Visitor.into(),
        organization_id: ORGANIZATION.to_owned(),
        person: Some(Person {
            id: CONTACT.to_owned(),
            name: "Ann".to_owned(),
            ..Person::default()
        }),
        stored,
        expires_at: at(),
        ..Session::default()
    }
}

/// A running gateway, and the world behind it.
pub(crate) struct Gateway {
    pub(crate) world: Arc<World>,
    pub(crate) address: SocketAddr,
    pub(crate) life: Lifecycle,
    client: Client,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with_limits(RateLimits::off()).await
    }

    pub(crate) async fn with_limits(rate_limits: RateLimits) -> Self {
        let world = Arc::new(World::default());
        let fake = Fake(world.clone());
        let identity = Routes::new(SessionServiceServer::new(fake.clone()))
            .add_service(VisitorServiceServer::new(fake.clone()))
            .add_service(ContactServiceServer::new(fake.clone()))
            .add_service(AgentServiceServer::new(fake.clone()))
            .add_service(OrganizationServiceServer::new(fake.clone()))
            .add_service(IdentityKeyServiceServer::new(fake.clone()))
            .add_service(AuditServiceServer::new(fake.clone()));
        let conversation = Routes::new(ConversationServiceServer::new(fake.clone()))
            .add_service(StreamServiceServer::new(fake.clone()));
        let contact_import = Routes::new(ImportServiceServer::new(fake));
        let deps = Deps {
            identity: Server::new(identity, &[]).peer(),
            conversation: Server::new(conversation, &[]).peer(),
            contact_import: Server::new(contact_import, &[]).peer(),
            clock: Arc::new(FixedClock::new(Timestamp::from_micros(1_750_000_000_000_000))),
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let demo = Demo {
            organization: "demo".to_owned(),
            application_id: 1,
            application_secret: "s".to_owned(),
        };
        let config = Config {
            rate_limits,
            trusted_proxies: Vec::new(),
            open_files: 20_000,
            operator_token: Some(OPERATOR.into()),
            demo: Some(demo),
        };
        let life = Lifecycle::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        build(config, deps, &life).start(listener, &life);
        let gateway = Self { world, address, life, client: Client::new() };
        gateway.authorize("visitor", visitor(true));
        gateway.authorize("contact", contact());
        gateway.authorize("agent", Caller::Agent(agent()));
        gateway.authorize("key", Caller::Server(ServerCaller { api_key_id: id(2) }));
        gateway
    }

    /// Lets a token authenticate a caller.
    pub(crate) fn authorize(&self, token: &str, caller: Caller) {
        let answer =
            AuthenticateResponse { organization_id: ORGANIZATION.to_owned(), caller: Some(caller) };
        self.world.callers.lock().unwrap().insert(token.to_owned(), answer);
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.call(Method::GET, path).bearer_auth(token)
    }

    pub(crate) fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.call(Method::POST, path).bearer_auth(token)
    }

    /// Opens a stream.
    pub(crate) async fn follow(&self, path: &str, token: &str) -> Events {
        let response = self.get(path, token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        contract::check_head(Method::GET, &response).await;
        let address = self.address;
        Events { bytes: response.bytes_stream().boxed(), rest: String::new(), address }
    }
}

pub(crate) fn visitor(stored: bool) -> Caller {
    Caller::Visitor(VisitorCaller {
        contact_id: CONTACT.to_owned(),
        name: "Ann".to_owned(),
        stored,
        device_id: CONTACT.to_owned(),
        ..VisitorCaller::default()
    })
}

/// A visitor who may not send messages.
pub(crate) fn restricted_visitor(pre_chat_required: bool, blocked: bool) -> Caller {
    Caller::Visitor(VisitorCaller {
        contact_id: CONTACT.to_owned(),
        device_id: CONTACT.to_owned(),
        pre_chat_required,
        blocked,
        ..VisitorCaller::default()
    })
}

pub(crate) fn contact() -> Caller {
    Caller::Contact(ContactCaller {
        contact_id: CONTACT.to_owned(),
        name: "Ann".to_owned(),
        device_id: DEVICE.to_owned(),
        blocked: false,
    })
}

/// Checks that the answer is this problem, and returns it.
pub(crate) async fn problem(call: RequestBuilder, status: u16, reason: &str) -> Value {
    let response = contract::send(call).await;
    assert_eq!(response.status, status);
    assert_eq!(response.headers["content-type"], "application/problem+json");
    let problem = response.body;
    assert_eq!(problem["type"], format!("/problems/{reason}"));
    assert_eq!(problem["status"], status);
    for member in ["title", "detail", "errors", "traceId"] {
        assert!(!problem[member].is_null(), "{member}");
    }
    problem
}

pub(crate) async fn json(call: RequestBuilder, status: u16) -> Value {
    let response = contract::send(call).await;
    assert_eq!(response.status, status);
    assert_eq!(response.headers["content-type"], "application/json");
    response.body
}

/// An event stream as a client reads it.
pub(crate) struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    rest: String,
    address: SocketAddr,
}

/// Name, id and data of an event.
pub(crate) type Event = (String, Option<i64>, Value);

impl Events {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.next_within(Duration::from_secs(12)).await
    }

    /// The same for an event that takes its time.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<Event> {
        let event = timeout(limit, self.read()).await;
        let event = event.expect("an event or the end");
        if let Some((name, _, data)) = &event {
            contract::check_event(self.address, name, data).await;
        }
        event
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let event = parse(block);
                self.rest = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let bytes = self.bytes.next().await?.ok()?;
            self.rest.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let data = serde_json::from_str(field("data:")?).unwrap();
    Some((field("event:")?.to_owned(), field("id:").map(|id| id.parse().unwrap()), data))
}
