//! Webhooks against a real receiver, on each database.

mod deliveries;
mod erase;
mod events;
mod webhooks;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use onethread_core::{Clock, FixedClock, SystemClock, SystemEntropy};
use onethread_db::Database;
use onethread_grpc::{Listener, Peer};
use onethread_lifecycle::Lifecycle;
use onethread_proto::{
    common::{Actor, ActorKind},
    identity::{
        self as wire, contact_import_service_client::ContactImportServiceClient,
        conversation_fact_service_client::ConversationFactServiceClient,
        session_service_client::SessionServiceClient, webhook_service_client::WebhookServiceClient,
    },
};
use onethread_testing::ScratchDatabase;
use prost_types::{Value, value::Kind};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tonic::Code;
use uuid::Uuid;

use crate::{Deps, Keys, MadeOrganization, build};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A request that a receiver got.
#[derive(Debug)]
struct Received {
    head: String,
    body: String,
}

impl Received {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("no {name}: {}", self.head)).1
    }
}

/// A receiver that gives these responses, and 200 after them.
struct Receiver {
    address: SocketAddr,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        let answers: VecDeque<String> = answers.iter().map(|&one| one.to_owned()).collect();
        let answers = Arc::new(Mutex::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone(), answers.clone()));
            }
        });
        Self { address, received }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    async fn next(&mut self) -> Received {
        timeout(TIMEOUT, self.received.recv()).await.expect("nothing was delivered").unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    sender: mpsc::UnboundedSender<Received>,
    answers: Arc<Mutex<VecDeque<String>>>,
) {
    let mut text = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend(&part[..read]);
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(text[..end].to_vec()).unwrap();
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let length: usize = length.parse().unwrap();
        if text.len() == end + 4 + length {
            break (head, length);
        }
    };
    let body = String::from_utf8(text[text.len() - length..].to_vec()).unwrap();
    let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| "200 OK".to_owned());
    drop(sender.send(Received { head, body }));
    if answer == "hang up" {
        return;
    }
    let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    drop(stream.write_all(answer.as_bytes()).await);
}

struct Fixture {
    db: Database,
    clock: Arc<FixedClock>,
    peer: Peer,
    organization: String,
    application: (i64, String),
    life: Lifecycle,
    _scratch: ScratchDatabase,
    _folder: tempfile::TempDir,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// Identity with its worker and a fixed clock. `allow_private` allows private addresses.
async fn fixture(scratch: ScratchDatabase, allow_private: bool) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(SystemClock.now()));
    let service = build(Deps {
        db: scratch.db.clone(),
        keys: Keys::load(&folder.path().join("keys.json"), &SystemEntropy).unwrap(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        private_webhooks: allow_private,
    });
    let mut stored = None;
    let store = |created: &MadeOrganization| {
        stored = Some((
            created.id.to_string(),
            created.application_number,
            created.application_secret.clone(),
        ));
        Ok(())
    };
    service.first_organization("demo", store).await.unwrap();
    let (organization, number, secret) = stored.unwrap();
    let (peer, life) = (service.peer(), Lifecycle::new());
    let db = service.db.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    service.start(Listener::new(listener, None), peer.clone(), &life);
    Fixture {
        db,
        clock,
        peer,
        organization,
        application: (number, secret),
        life,
        _scratch: scratch,
        _folder: folder,
    }
}

impl Fixture {
    fn facts(&self) -> ConversationFactServiceClient<Peer> {
        ConversationFactServiceClient::new(self.peer.clone())
    }

    fn webhooks(&self) -> WebhookServiceClient<Peer> {
        WebhookServiceClient::new(self.peer.clone())
    }

    async fn create(
        &self,
        url: &str,
        events: &[&str],
    ) -> Result<wire::CreateWebhookResponse, tonic::Status> {
        let request = wire::CreateWebhookRequest {
            organization_id: self.organization.clone(),
            actor: actor(),
            url: url.to_owned(),
            events: events.iter().map(|&event| event_number(event)).collect(),
            request_id: String::new(),
        };
        self.webhooks().create_webhook(request).await.map(tonic::Response::into_inner)
    }

    /// Returns the contact's id.
    async fn log_in(&self, user_id: &str, name: &str) -> String {
        // A later event has a later id.
        self.clock.advance(Duration::from_secs(1));
        let text = |text: &str| Some(Value { kind: Some(Kind::StringValue(text.to_owned())) });
        let user =
            wire::UserClaims { user_id: text(user_id), name: text(name), ..Default::default() };
        let request = wire::IdentifyRequest {
            organization_name: "demo".to_owned(),
            application: Some(wire::identify_request::Application::NumberAndSecret(
                wire::ApplicationNumberAndSecret {
                    number: self.application.0,
                    secret: self.application.1.clone(),
                },
            )),
            user: Some(user),
            ..Default::default()
        };
        let answer = SessionServiceClient::new(self.peer.clone()).identify(request).await.unwrap();
        match answer.into_inner().outcome.unwrap() {
            wire::identify_response::Outcome::Session(session) => session.person.unwrap().id,
            wire::identify_response::Outcome::Refused(_) => panic!("rejected"),
        }
    }

    /// Imports a batch of user ids and names.
    async fn import(&self, batch_number: i64, people: &[(&str, &str)]) {
        let rows = people.iter().map(|&(user_id, name)| wire::ImportRow {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        });
        let batch = wire::ImportContactsRequest {
            organization_id: self.organization.clone(),
            import_id: Uuid::from_u128(77).to_string(),
            batch_number,
            rows: rows.collect(),
            close: false,
        };
        let mut contacts = ContactImportServiceClient::new(self.peer.clone());
        let answers = contacts.import_contacts(futures::stream::iter([batch])).await.unwrap();
        answers.into_inner().message().await.unwrap().unwrap();
    }

    /// Reports an event of a conversation.
    async fn record(&self, id: u128, contact: &str, fact: wire::record_fact_request::Fact) {
        let event = wire::RecordFactRequest {
            organization_id: self.organization.clone(),
            id: Uuid::from_u128(id).to_string(),
            conversation_id: contact.to_owned(),
            happened_at: Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 0 }),
            fact: Some(fact),
        };
        self.facts().record_fact(event).await.unwrap();
    }

    async fn deliveries(&self, webhook: &str) -> Vec<wire::WebhookDelivery> {
        let request = wire::ListWebhookDeliveriesRequest {
            organization_id: self.organization.clone(),
            webhook_id: webhook.to_owned(),
            ..Default::default()
        };
        self.webhooks().list_webhook_deliveries(request).await.unwrap().into_inner().deliveries
    }

    /// The only delivery of a webhook, once it is as expected.
    async fn delivery(
        &self,
        webhook: &str,
        expected: impl Fn(&wire::WebhookDelivery) -> bool,
    ) -> wire::WebhookDelivery {
        let poll = async {
            loop {
                if let [one] = &self.deliveries(webhook).await[..]
                    && expected(one)
                {
                    return one.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(TIMEOUT, poll).await.expect("the delivery never became as expected")
    }
}

fn message(agent: Option<Uuid>, text: &str) -> wire::record_fact_request::Fact {
    wire::record_fact_request::Fact::MessageCreated(wire::MessageCreated {
        seq: 7,
        prev_seq: 5,
        agent_id: agent.map(|id| id.to_string()),
        client_message_id: Uuid::from_u128(3).to_string(),
        text: text.to_owned(),
    })
}

fn actor() -> Option<Actor> {
    Some(Actor { kind: ActorKind::Operator.into(), id: String::new() })
}

/// The event with a name of the JSON API.
fn event_number(name: &str) -> i32 {
    let event = match name {
        "contact.created" => wire::WebhookEvent::ContactCreated,
        "contact.updated" => wire::WebhookEvent::ContactUpdated,
        "contact.joined" => wire::WebhookEvent::ContactMerged,
        "message.created" => wire::WebhookEvent::MessageCreated,
        "conversation.closed" => wire::WebhookEvent::ConversationClosed,
        _ => wire::WebhookEvent::Unspecified,
    };
    event.into()
}
