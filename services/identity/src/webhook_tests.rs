//! Webhooks against a real receiver, on each database.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use onethread_core::{FixedClock, SystemClock, SystemEntropy};
use onethread_proto::identity::{
    self as wire, contact_service_client::ContactServiceClient,
    session_service_client::SessionServiceClient, webhook_service_client::WebhookServiceClient,
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

use super::*;
use crate::domain::webhook::{PAUSES, signature};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_contact_is_told_of_once_it_is_there_and_again_when_it_changes,
    whom_an_import_brings_or_changes_is_told_of_once,
    a_joining_is_told_of_with_the_id_that_ended,
    a_delivery_is_tried_until_it_is_taken,
    a_dead_receiver_keeps_nobody_else_waiting,
    what_is_private_is_not_reached,
    a_webhook_is_its_own_organization_s_and_there_are_ten,
    a_deleted_webhook_is_told_of_nothing_more,
    what_happens_in_conversations_is_told_once_and_in_the_api_s_words,
    of_too_many_that_wait_the_oldest_are_given_up,
}

const PATIENCE: Duration = Duration::from_secs(30);

/// What a receiver got.
#[derive(Debug)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("no {name}: {}", self.head)).1
    }
}

/// A receiver that answers as it is told, then always with 200.
struct Receiver {
    address: SocketAddr,
    got: mpsc::UnboundedReceiver<Got>,
}

impl Receiver {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, got) = mpsc::unbounded_channel();
        let answers: VecDeque<String> = answers.iter().map(|&one| one.to_owned()).collect();
        let answers = Arc::new(Mutex::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tell.clone(), answers.clone()));
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    async fn next(&mut self) -> Got {
        timeout(PATIENCE, self.got.recv()).await.expect("nothing came").unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    tell: mpsc::UnboundedSender<Got>,
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
    drop(tell.send(Got { head, body }));
    if answer == "hang up" {
        return;
    }
    let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
    drop(stream.write_all(answer.as_bytes()).await);
}

struct Identity {
    store: store::Store,
    clock: Arc<FixedClock>,
    peer: Peer,
    of: String,
    application: (i64, String),
    life: Lifecycle,
    _scratch: ScratchDatabase,
    _folder: tempfile::TempDir,
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// Identity with its worker, whose clock stands; `private`: private addresses are allowed.
async fn identity(scratch: ScratchDatabase, private: bool) -> Identity {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(SystemClock.now()));
    let service = build(Deps {
        db: scratch.db.clone(),
        keys: Keys::load(&folder.path().join("keys.json"), &SystemEntropy).unwrap(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        private_webhooks: private,
    });
    let mut kept = None;
    let keep = |made: &MadeOrganization| {
        kept = Some((made.id.to_string(), made.application_id, made.application_secret.clone()));
        Ok(())
    };
    service.first_organization("demo", keep).await.unwrap();
    let (of, number, secret) = kept.unwrap();
    let (peer, life) = (service.peer(), Lifecycle::new());
    let store = service.app.store.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    service.start(Listener::new(listener, None), peer.clone(), &life);
    Identity {
        store,
        clock,
        peer,
        of,
        application: (number, secret),
        life,
        _scratch: scratch,
        _folder: folder,
    }
}

impl Identity {
    fn webhooks(&self) -> WebhookServiceClient<Peer> {
        WebhookServiceClient::new(self.peer.clone())
    }

    async fn create(
        &self,
        url: &str,
        events: &[&str],
    ) -> Result<wire::CreateWebhookResponse, tonic::Status> {
        let request = wire::CreateWebhookRequest {
            organization_id: self.of.clone(),
            actor: actor(),
            url: url.to_owned(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
        };
        self.webhooks().create_webhook(request).await.map(tonic::Response::into_inner)
    }

    async fn log_in(&self, user_id: &str, name: &str) {
        // What happens later is told under a later id.
        self.clock.advance(Duration::from_secs(1));
        let text = |text: &str| Some(Value { kind: Some(Kind::StringValue(text.to_owned())) });
        let user =
            wire::UserClaims { user_id: text(user_id), name: text(name), ..Default::default() };
        let request = wire::IdentifyRequest {
            organization: "demo".to_owned(),
            application: Some(wire::identify_request::Application::Secret(
                wire::ApplicationSecret {
                    application_id: self.application.0,
                    application_secret: self.application.1.clone(),
                },
            )),
            user: Some(user),
            ..Default::default()
        };
        SessionServiceClient::new(self.peer.clone()).identify(request).await.unwrap();
    }

    async fn deliveries(&self, webhook: &str) -> Vec<wire::WebhookDelivery> {
        let request = wire::ListWebhookDeliveriesRequest {
            organization_id: self.of.clone(),
            webhook_id: webhook.to_owned(),
            ..Default::default()
        };
        self.webhooks().list_webhook_deliveries(request).await.unwrap().into_inner().deliveries
    }

    /// The one delivery of a webhook, once it is as wanted.
    async fn delivery(
        &self,
        webhook: &str,
        wanted: impl Fn(&wire::WebhookDelivery) -> bool,
    ) -> wire::WebhookDelivery {
        let looked = async {
            loop {
                if let [one] = &self.deliveries(webhook).await[..]
                    && wanted(one)
                {
                    return one.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, looked).await.expect("the delivery is never as wanted")
    }
}

fn actor() -> Option<wire::Actor> {
    Some(wire::Actor { kind: wire::ActorKind::Operator.into(), id: String::new() })
}

async fn a_contact_is_told_of_once_it_is_there_and_again_when_it_changes(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    let made = identity.create(&receiver.url(), &["contact.created", "contact.updated"]).await;
    let made = made.unwrap();
    identity.log_in("u1", "Ann").await;
    let created = receiver.next().await;
    assert!(created.head.starts_with("POST /hook?x=1 HTTP/1.1"), "{}", created.head);
    assert_eq!(created.header("host"), receiver.address.to_string());
    assert_eq!(created.header("content-type"), "application/json");
    let body = created.json();
    assert_eq!(body["event"], "contact.created");
    assert_eq!((&body["data"]["userId"], &body["data"]["name"]), (&"u1".into(), &"Ann".into()));

    let signed = created.header("onethread-signature");
    let time = signed.strip_prefix("t=").unwrap().split(',').next().unwrap();
    let at = onethread_core::Timestamp::from_micros(time.parse::<i64>().unwrap() * 1_000_000);
    assert_eq!(signed, signature(made.secret.as_bytes(), at, &created.body));

    // The same again is nothing new.
    identity.log_in("u1", "Ann").await;
    identity.log_in("u1", "Bea").await;
    let updated = receiver.next().await.json();
    assert_eq!(
        (&updated["event"], &updated["data"]["name"]),
        (&"contact.updated".into(), &"Bea".into())
    );
    assert_ne!(updated["id"], body["id"]);
    identity.log_in("u2", "Cid").await;
    assert_eq!(receiver.next().await.json()["data"]["userId"], "u2", "an update too many");

    let id = made.webhook.unwrap().id;
    let listed = identity.deliveries(&id).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(
        (&listed[2].id, &listed[2].event),
        (&body["id"].as_str().unwrap().to_owned(), &"contact.created".to_owned())
    );
}

async fn whom_an_import_brings_or_changes_is_told_of_once(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    let events = ["contact.created", "contact.updated"];
    identity.create(&receiver.url(), &events).await.unwrap();
    let mut told = Vec::new();
    for (number, named, wanted) in [
        (1, &[("u1", "Ann"), ("u2", "Bea"), ("u2", "Cid")][..], 2),
        (2, &[("u1", "Dan"), ("u2", "Cid"), ("u1", "Eve")], 1),
        (3, &[("u3", "Fay")], 1),
    ] {
        let rows = named.iter().map(|&(user_id, name)| wire::ImportRow {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        });
        let batch = wire::ImportContactsRequest {
            organization_id: identity.of.clone(),
            import_id: Uuid::from_u128(77).to_string(),
            batch_number: number,
            rows: rows.collect(),
            close: false,
        };
        let mut contacts = ContactServiceClient::new(identity.peer.clone());
        let answers = contacts.import_contacts(futures::stream::iter([batch])).await.unwrap();
        answers.into_inner().message().await.unwrap().unwrap();
        for _ in 0..wanted {
            let got = receiver.next().await.json();
            let member = |name: &str| got["data"][name].as_str().unwrap().to_owned();
            let event = got["event"].as_str().unwrap().to_owned();
            told.push((event, member("userId"), member("name")));
        }
    }
    told[..2].sort();
    let told: Vec<_> = told.iter().map(|(e, u, n)| (e.as_str(), u.as_str(), n.as_str())).collect();
    assert_eq!(
        told,
        [
            ("contact.created", "u1", "Ann"),
            ("contact.created", "u2", "Cid"),
            ("contact.updated", "u1", "Eve"),
            ("contact.created", "u3", "Fay"),
        ]
    );
}

async fn a_joining_is_told_of_with_the_id_that_ended(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.joined"]).await.unwrap();
    let mut contacts = ContactServiceClient::new(identity.peer.clone());
    let mut ids = Vec::new();
    for name in ["Ann", "Bea"] {
        let text = Value { kind: Some(Kind::StringValue(name.to_owned())) };
        let user = wire::UserClaims { name: Some(text), ..Default::default() };
        let request = wire::UpsertContactRequest {
            organization_id: identity.of.clone(),
            actor: actor(),
            changes: Some(wire::ContactChanges { user: Some(user), ..Default::default() }),
        };
        let made = contacts.upsert_contact(request).await.unwrap().into_inner().contact;
        ids.push(made.unwrap().person.unwrap().id);
    }
    let request = wire::MergeContactsRequest {
        organization_id: identity.of.clone(),
        contact_id: ids[0].clone(),
        into_id: ids[1].clone(),
        dry_run: false,
        actor: actor(),
    };
    contacts.merge_contacts(request).await.unwrap();
    let told = receiver.next().await.json();
    assert_eq!(told["event"], "contact.joined");
    assert_eq!(
        (&told["data"]["id"], &told["data"]["endedId"]),
        (&ids[1][..].into(), &ids[0][..].into())
    );
    assert_eq!(told["data"]["name"], "Bea");
}

async fn a_delivery_is_tried_until_it_is_taken(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let away = "302 Found\r\nlocation: http://127.0.0.1:1/";
    let mut receiver = Receiver::start(&["500 Oops", "hang up", away]).await;
    let made = identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    let id = made.webhook.unwrap().id;
    identity.log_in("u1", "Ann").await;
    let first = receiver.next().await;
    let failed = identity.delivery(&id, |one| one.attempts == 1 && one.tried_at.is_some()).await;
    assert_eq!(
        (failed.state(), failed.status, &failed.error[..]),
        (wire::WebhookDeliveryState::Pending, Some(500), "status")
    );
    for tries in 1..4 {
        // It waits for the clock alone.
        let now = Some(onethread_grpc::timestamp(identity.clock.now()));
        identity.delivery(&id, |one| one.attempts == tries && one.tried_at == now).await;
        assert!(receiver.got.try_recv().is_err(), "tried again too early");
        identity.clock.advance(PAUSES.longest);
        let again = receiver.next().await;
        assert_eq!(again.body, first.body, "another body at another try");
    }
    let done = identity.delivery(&id, |one| one.next_at.is_none()).await;
    assert_eq!(
        (done.state(), done.status, done.attempts),
        (wire::WebhookDeliveryState::Delivered, Some(200), 4)
    );
    assert_eq!(done.id, first.json()["id"].as_str().unwrap());
}

async fn a_dead_receiver_keeps_nobody_else_waiting(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let dead = identity.create(&url, &["contact.created"]).await.unwrap().webhook.unwrap().id;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    for n in 0..12 {
        identity.log_in(&format!("u{n}"), "Ann").await;
    }
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 12 {
        told.insert(receiver.next().await.json()["data"]["userId"].to_string());
    }
    // They did not wait for the dead one: most of what goes there has not even been tried.
    let untried = identity.deliveries(&dead).await.into_iter().filter(|one| one.attempts == 0);
    assert!(untried.count() >= 4, "they waited for the dead one");
    drop(silent);
}

async fn what_is_private_is_not_reached(scratch: ScratchDatabase) {
    let identity = identity(scratch, false).await;
    let mut receiver = Receiver::start(&[]).await;
    for url in [receiver.url(), format!("http://localhost:{}/", receiver.address.port())] {
        let refused = identity.create(&url, &["contact.created"]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    // A name that resolves to this machine is a public one to look at: what counts is the address
    // that would be connected to.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let url = format!("http://{}:{}/", name.trim(), receiver.address.port());
    let resolved: Vec<_> = tokio::net::lookup_host((name.trim(), 80)).await.unwrap().collect();
    assert!(resolved.iter().all(|at| !crate::domain::webhook::is_public(at.ip())), "{resolved:?}");
    let made = identity.create(&url, &["contact.created"]).await.unwrap();
    identity.log_in("u1", "Ann").await;
    let id = made.webhook.unwrap().id;
    let tried = identity.delivery(&id, |one| one.tried_at.is_some()).await;
    assert_eq!((tried.status, &tried.error[..]), (None, "address"));
    assert!(receiver.got.try_recv().is_err(), "it was reached");
}

async fn a_webhook_is_its_own_organization_s_and_there_are_ten(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let made = identity.create("https://example.com", &["contact.created"]).await.unwrap();
    let id = made.webhook.unwrap().id;
    let races = (0..20).map(|_| identity.create("https://example.com", &["contact.joined"]));
    let made = futures::future::join_all(races).await;
    let (good, bad): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (9, 11));
    assert!(bad.into_iter().all(|one| one.unwrap_err().code() == Code::FailedPrecondition));

    let foreign = Uuid::from_u128(9).to_string();
    for (of, webhook) in [(&foreign, &id), (&identity.of, &foreign)] {
        let update = wire::UpdateWebhookRequest {
            organization_id: of.clone(),
            actor: actor(),
            webhook_id: webhook.clone(),
            url: Some("https://example.org".to_owned()),
            events: Vec::new(),
        };
        let refused = identity.webhooks().update_webhook(update).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let delete = wire::DeleteWebhookRequest {
            organization_id: of.clone(),
            actor: actor(),
            webhook_id: webhook.clone(),
        };
        let refused = identity.webhooks().delete_webhook(delete).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let page = wire::ListWebhookDeliveriesRequest {
            organization_id: of.clone(),
            webhook_id: webhook.clone(),
            ..Default::default()
        };
        let refused = identity.webhooks().list_webhook_deliveries(page).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    let list = wire::ListWebhooksRequest { organization_id: identity.of.clone() };
    let listed = identity.webhooks().list_webhooks(list).await.unwrap().into_inner().webhooks;
    assert_eq!(listed.len(), 10);
    assert!(listed.iter().all(|one| one.url == "https://example.com"));
}

async fn a_deleted_webhook_is_told_of_nothing_more(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    let mut moved = Receiver::start(&[]).await;
    let mut receiver = Receiver::start(&[]).await;
    let made = identity.create(&moved.url(), &["contact.created"]).await.unwrap();
    let mut other = identity.create(&moved.url(), &["contact.created"]).await.unwrap();
    let delete = wire::DeleteWebhookRequest {
        organization_id: identity.of.clone(),
        actor: actor(),
        webhook_id: made.webhook.unwrap().id,
    };
    identity.webhooks().delete_webhook(delete).await.unwrap();
    let update = wire::UpdateWebhookRequest {
        organization_id: identity.of.clone(),
        actor: actor(),
        webhook_id: other.webhook.take().unwrap().id,
        url: Some(receiver.url()),
        events: Vec::new(),
    };
    identity.webhooks().update_webhook(update).await.unwrap();
    identity.log_in("u1", "Ann").await;
    receiver.next().await;
    assert!(moved.got.try_recv().is_err(), "the old address is told");
}

fn said(id: Uuid, contact: &str, what: wire::record_fact_request::Fact) -> wire::RecordFactRequest {
    wire::RecordFactRequest {
        organization_id: String::new(),
        id: id.to_string(),
        conversation_id: contact.to_owned(),
        happened_at: Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 0 }),
        fact: Some(what),
    }
}

fn wrote(agent: Option<Uuid>, text: &str) -> wire::record_fact_request::Fact {
    wire::record_fact_request::Fact::MessageCreated(wire::MessageCreated {
        seq: 7,
        prev_seq: 5,
        agent_id: agent.map(|id| id.to_string()),
        client_message_id: Uuid::from_u128(3).to_string(),
        text: text.to_owned(),
    })
}

async fn what_happens_in_conversations_is_told_once_and_in_the_api_s_words(
    scratch: ScratchDatabase,
) {
    let identity = identity(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    identity.log_in("u1", "Ann").await;
    let contact = receiver.next().await.json()["data"]["id"].as_str().unwrap().to_owned();
    // Nobody wants it so far.
    let tell = async |id: u128, contact: &str, what| {
        let told = said(Uuid::from_u128(id), contact, what);
        let told = wire::RecordFactRequest { organization_id: identity.of.clone(), ..told };
        identity.webhooks().record_fact(told).await.unwrap();
    };
    tell(1, &contact, wrote(None, "unheard")).await;
    let events = ["message.created", "conversation.closed"];
    let made = identity.create(&receiver.url(), &events).await.unwrap().webhook.unwrap();
    tell(2, &contact, wrote(None, "hello")).await;
    tell(2, &contact, wrote(None, "hello")).await;
    let body = receiver.next().await.json();
    let expected = serde_json::json!({
        "id": Uuid::from_u128(2), "event": "message.created", "createdAt": "2025-06-15T15:06:40Z",
        "data": {
            "id": Uuid::from_u128(2), "conversationId": contact, "seq": 7, "prevSeq": 5,
            "author": {"kind": "contact", "id": contact, "name": "Ann"}, "text": "hello",
            "createdAt": "2025-06-15T15:06:40Z", "clientMessageId": Uuid::from_u128(3), "kind": "text",
        },
    });
    assert_eq!(body, expected);
    // By an API key, of which nobody knows a name here.
    tell(3, &contact, wrote(Some(Uuid::from_u128(9)), "answer")).await;
    let by = &receiver.next().await.json()["data"]["author"];
    assert_eq!(*by, serde_json::json!({"kind": "agent", "id": Uuid::from_u128(9), "name": "Team"}));
    // Of somebody who is gone, or another organization's, nothing is told.
    tell(4, &Uuid::from_u128(4).to_string(), wrote(None, "gone")).await;
    let closed = wire::record_fact_request::Fact::ConversationClosed(wire::ConversationClosed {
        last_seq: 8,
        assignee_id: Some(Uuid::from_u128(9).to_string()),
        closed_by: Uuid::from_u128(9).to_string(),
    });
    tell(5, &contact, closed).await;
    let body = receiver.next().await.json();
    assert_eq!(body["event"], "conversation.closed");
    let data = &body["data"];
    assert_eq!((&data["id"], &data["status"]), (&contact.as_str().into(), &"closed".into()));
    assert_eq!((&data["lastSeq"], &data["contact"]["userId"]), (&8.into(), &"u1".into()));
    assert_eq!(data["assigneeId"], Uuid::from_u128(9).to_string());
    assert_eq!(data["closedBy"]["name"], "Team");
    assert_eq!(identity.deliveries(&made.id).await.len(), 3);
}

async fn of_too_many_that_wait_the_oldest_are_given_up(scratch: ScratchDatabase) {
    let identity = identity(scratch, true).await;
    // Nobody listens there.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{nowhere}");
    let few = identity.create(&url, &["contact.created"]).await.unwrap().webhook.unwrap().id;
    identity.log_in("u0", "Ann").await;
    identity.delivery(&few, |_| true).await;
    let many = identity.create(&url, &["contact.updated"]).await.unwrap().webhook.unwrap().id;
    for n in 0..5 {
        identity.log_in("u0", &format!("Ann {n}")).await;
        // One change a delivery.
        let told = async || identity.deliveries(&many).await.len() == n + 1;
        timeout(PATIENCE, async {
            while !told().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("it is noted");
    }
    let before = identity.deliveries(&many).await;
    let given_up = identity.store.give_up_oldest(3).await.unwrap();
    let whose: Vec<_> = given_up.iter().map(|(_, id, many)| (id.to_string(), *many)).collect();
    assert_eq!(whose, [(many.clone(), 2)]);
    let after = identity.deliveries(&many).await;
    assert_eq!(after.len(), 5, "they stand in the list still");
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(before.id, after.id);
        // Newest first: the last two are the oldest.
        let state = if n < 3 {
            wire::WebhookDeliveryState::Pending
        } else {
            wire::WebhookDeliveryState::Failed
        };
        assert_eq!(after.state(), state, "{after:?}");
        assert_eq!(after.error == "backlog", n >= 3, "{after:?}");
    }
    assert_eq!(identity.deliveries(&few).await[0].state(), wire::WebhookDeliveryState::Pending);
    assert!(identity.store.give_up_oldest(3).await.unwrap().is_empty());
}
