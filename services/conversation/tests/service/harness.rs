//! A running service, and an identity that only collects what it is notified of.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use onethread_conversation::{Deps, build};
use onethread_core::{Clock, SystemClock, SystemEntropy, new_uuid};
use onethread_errors::Error;
use onethread_grpc::{NoDeadline, Peer, Server};
use onethread_lifecycle::Lifecycle;
use onethread_proto::{
    conversation::{
        Author, AuthorKind, ListMessagesRequest, ListMessagesResponse, MarkReadRequest, Message,
        OpenSubscription, SendMessageRequest, SendMessageResponse, Side, SubscribeRequest,
        SubscribeResponse, SubscriptionEndReason,
        conversation_service_client::ConversationServiceClient,
        conversation_sync_service_client::ConversationSyncServiceClient,
        send_message_request::Body, stream_service_client::StreamServiceClient,
        subscribe_request::Action, subscribe_response::Event,
    },
    identity::{
        RecordFactRequest, RecordFactResponse, RecordFirstMessageRequest,
        RecordFirstMessageResponse,
        conversation_fact_service_server::{
            ConversationFactService, ConversationFactServiceServer,
        },
    },
};
use onethread_testing::ScratchDatabase;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, service::Routes};

pub(crate) const EVENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Collects first messages.
pub(crate) struct Identity(mpsc::Sender<RecordFirstMessageRequest>);

#[tonic::async_trait]
impl ConversationFactService for Identity {
    async fn record_first_message(
        &self,
        request: Request<RecordFirstMessageRequest>,
    ) -> Result<Response<RecordFirstMessageResponse>, Status> {
        self.0.send(request.into_inner()).await.unwrap();
        Ok(Response::new(RecordFirstMessageResponse {}))
    }

    async fn record_fact(
        &self,
        _: Request<RecordFactRequest>,
    ) -> Result<Response<RecordFactResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}

/// A running service, one organization and one contact.
pub(crate) struct Stage {
    pub(crate) calls: ConversationServiceClient<Peer>,
    pub(crate) sync: ConversationSyncServiceClient<Peer>,
    pub(crate) streams: StreamServiceClient<Peer>,
    pub(crate) first_messages: Mutex<mpsc::Receiver<RecordFirstMessageRequest>>,
    pub(crate) life: Lifecycle,
    pub(crate) organization: String,
    pub(crate) contact: String,
    _database: ScratchDatabase,
}

pub(crate) fn uuid() -> String {
    new_uuid(SystemClock.now(), &SystemEntropy).to_string()
}

pub(crate) async fn stage(database: ScratchDatabase) -> Stage {
    let (sender, first_messages) = mpsc::channel(16);
    let routes = Routes::new(ConversationFactServiceServer::new(Identity(sender)));
    let identity = Server::new(routes, &[]);
    let deps = Deps {
        db: database.db.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        nats: None,
        identity: identity.peer(),
    };
    let service = build(deps);
    let peer = service.peer();
    let life = Lifecycle::new();
    service.start(TcpListener::bind("127.0.0.1:0").await.unwrap().into(), &life);
    Stage {
        calls: ConversationServiceClient::new(peer.clone()),
        sync: ConversationSyncServiceClient::new(peer.clone()),
        streams: StreamServiceClient::new(peer),
        first_messages: Mutex::new(first_messages),
        life,
        organization: uuid(),
        contact: uuid(),
        _database: database,
    }
}

impl Stage {
    pub(crate) fn draft(&self, kind: AuthorKind, text: &str) -> SendMessageRequest {
        let id = match kind {
            AuthorKind::Contact => self.contact.clone(),
            _ => uuid(),
        };
        SendMessageRequest {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            author: Some(Author { kind: kind.into(), id }),
            client_message_id: uuid(),
            body: Some(Body::Text(text.to_owned())),
            begins_conversation: false,
        }
    }

    pub(crate) async fn send(
        &self,
        request: SendMessageRequest,
    ) -> Result<SendMessageResponse, Error> {
        Ok(self.calls.clone().send_message(request).await?.into_inner())
    }

    pub(crate) async fn write(&self, kind: AuthorKind, text: &str) -> Message {
        self.send(self.draft(kind, text)).await.unwrap().message.unwrap()
    }

    pub(crate) async fn note(&self, text: &str) -> Message {
        let mut note = self.draft(AuthorKind::Agent, text);
        note.body = Some(Body::Note(text.to_owned()));
        self.send(note).await.unwrap().message.unwrap()
    }

    /// The newest messages, as agents see them.
    pub(crate) async fn messages(&self) -> Result<ListMessagesResponse, Error> {
        let request = ListMessagesRequest {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            side: Side::Agent.into(),
            position: None,
            page_size: 0,
        };
        Ok(self.calls.clone().list_messages(request).await?.into_inner())
    }

    pub(crate) async fn mark(&self, side: Side, seq: i64) -> i64 {
        let request = MarkReadRequest {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            side: side.into(),
            seq,
        };
        self.calls.clone().mark_read(request).await.unwrap().into_inner().seq
    }

    pub(crate) fn open(&self, side: Side, after_seq: Option<i64>) -> Action {
        Action::Open(OpenSubscription {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            side: side.into(),
            after_seq,
        })
    }

    pub(crate) fn open_all(&self) -> Action {
        Action::Open(OpenSubscription {
            organization_id: self.organization.clone(),
            conversation_id: String::new(),
            side: Side::Agent.into(),
            after_seq: None,
        })
    }

    pub(crate) async fn stream(&self) -> Stream {
        let (commands, sent) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(sent));
        request.extensions_mut().insert(NoDeadline);
        let events = self.streams.clone().subscribe(request).await.unwrap().into_inner();
        Stream { commands, events }
    }
}

pub(crate) struct Stream {
    pub(crate) commands: mpsc::Sender<SubscribeRequest>,
    pub(crate) events: Streaming<SubscribeResponse>,
}

impl Stream {
    pub(crate) async fn command(&self, subscription_id: u64, action: Action) {
        self.commands
            .send(SubscribeRequest { subscription_id, action: Some(action) })
            .await
            .unwrap();
    }

    pub(crate) async fn next(&mut self) -> (u64, Event) {
        loop {
            let event = timeout(EVENT_TIMEOUT, self.events.next()).await;
            let event = event.expect("an event in time").expect("the stream is open").unwrap();
            match event.event.unwrap() {
                Event::Heartbeat(_) => assert_eq!(event.subscription_id, 0),
                other => return (event.subscription_id, other),
            }
        }
    }

    pub(crate) async fn opened(&mut self, subscription: u64, action: Action) {
        self.command(subscription, action).await;
        let (id, event) = self.next().await;
        assert_eq!(id, subscription);
        assert!(matches!(event, Event::Opened(_)), "{event:?}");
    }

    /// The next event, which has to be the end of a subscription: which one, and why.
    pub(crate) async fn ended(&mut self) -> (u64, SubscriptionEndReason, String) {
        match self.next().await {
            (id, Event::Ended(ended)) => (id, ended.reason(), ended.message),
            other => panic!("no end: {other:?}"),
        }
    }

    /// The next event, which has to be a message: its subscription, its number, the previous one.
    pub(crate) async fn message(&mut self) -> (u64, i64, i64) {
        match self.next().await {
            (id, Event::Message(message)) => (id, message.seq, message.prev_seq),
            other => panic!("no message: {other:?}"),
        }
    }
}
