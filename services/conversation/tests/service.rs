//! The service as its callers meet it: over gRPC in the process, with an identity that only notes
//! what it is told.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use onethread_conversation::{Deps, build};
use onethread_core::{Clock, SystemClock, SystemEntropy, new_uuid};
use onethread_errors::{Error, Reason};
use onethread_grpc::{Peer, Server, Unhurried};
use onethread_lifecycle::Lifecycle;
use onethread_proto::{
    conversation::{
        Author, AuthorKind, CloseSubscription, GetConversationRequest, ListConversationsRequest,
        ListMessagesRequest, MarkReadRequest, Message, MessageKind, OpenSubscription,
        SendMessageRequest, SendMessageResponse, Side, SubscribeRequest, SubscribeResponse,
        conversation_service_client::ConversationServiceClient,
        stream_service_client::StreamServiceClient, subscribe_request::Action,
        subscribe_response::Event,
    },
    identity::{
        AdmitVisitorRequest, AdmitVisitorResponse, BatchGetContactsRequest,
        BatchGetContactsResponse, DeleteContactRequest, DeleteContactResponse, GetContactRequest,
        GetContactResponse, ImportContactsRequest, ImportContactsResponse,
        ListAttributeKeysRequest, ListAttributeKeysResponse, ListContactsRequest,
        ListContactsResponse, MergeContactsRequest, MergeContactsResponse,
        RecordFirstMessageRequest, RecordFirstMessageResponse, ResetSecurityHashRequest,
        ResetSecurityHashResponse, SearchContactsRequest, SearchContactsResponse,
        SetSecurityHashRequest, SetSecurityHashResponse, TrackEventRequest, TrackEventResponse,
        UpdateContactRequest, UpdateContactResponse, UpdateOwnProfileRequest,
        UpdateOwnProfileResponse, UpsertContactRequest, UpsertContactResponse,
        contact_service_server::{ContactService, ContactServiceServer},
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

onethread_testing::on_each_database! {
    onethread_conversation::MIGRATIONS:
    a_send_answers_with_the_stored_message_and_a_repeat_with_the_same,
    what_cannot_be_taken_is_named_and_nothing_is_stored,
    both_sides_see_their_own_unread_and_last_message,
    identity_hears_of_the_contacts_first_message_once,
    a_reader_gets_what_it_missed_and_then_what_comes,
    a_thread_may_be_listened_to_before_it_begins,
    a_contact_hears_no_note_and_both_hear_read_marks,
    agents_hear_all_conversations_of_their_organization_alone,
    concurrent_sends_reach_every_reader_in_order_each_once,
    a_stream_ends_with_the_process_and_with_a_command_that_cannot_be_taken,
}

const SOON: Duration = Duration::from_secs(10);

/// Notes first messages.
struct Identity(mpsc::Sender<RecordFirstMessageRequest>);

macro_rules! unused {
    ($($name:ident $request:ty => $response:ty;)*) => {
        #[tonic::async_trait]
        impl ContactService for Identity {
            $(async fn $name(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("not in this test"))
            })*

            type ImportContactsStream =
                futures::stream::BoxStream<'static, Result<ImportContactsResponse, Status>>;

            async fn import_contacts(
                &self,
                _: Request<Streaming<ImportContactsRequest>>,
            ) -> Result<Response<Self::ImportContactsStream>, Status> {
                Err(Status::unimplemented("not in this test"))
            }

            async fn record_first_message(
                &self,
                request: Request<RecordFirstMessageRequest>,
            ) -> Result<Response<RecordFirstMessageResponse>, Status> {
                self.0.send(request.into_inner()).await.unwrap();
                Ok(Response::new(RecordFirstMessageResponse {}))
            }
        }
    };
}

unused! {
    get_contact GetContactRequest => GetContactResponse;
    batch_get_contacts BatchGetContactsRequest => BatchGetContactsResponse;
    list_contacts ListContactsRequest => ListContactsResponse;
    merge_contacts MergeContactsRequest => MergeContactsResponse;
    search_contacts SearchContactsRequest => SearchContactsResponse;
    list_attribute_keys ListAttributeKeysRequest => ListAttributeKeysResponse;
    upsert_contact UpsertContactRequest => UpsertContactResponse;
    update_contact UpdateContactRequest => UpdateContactResponse;
    delete_contact DeleteContactRequest => DeleteContactResponse;
    track_event TrackEventRequest => TrackEventResponse;
    update_own_profile UpdateOwnProfileRequest => UpdateOwnProfileResponse;
    admit_visitor AdmitVisitorRequest => AdmitVisitorResponse;
    set_security_hash SetSecurityHashRequest => SetSecurityHashResponse;
    reset_security_hash ResetSecurityHashRequest => ResetSecurityHashResponse;
}

/// A running service, one organization and one contact.
struct Stage {
    calls: ConversationServiceClient<Peer>,
    streams: StreamServiceClient<Peer>,
    first_messages: Mutex<mpsc::Receiver<RecordFirstMessageRequest>>,
    life: Lifecycle,
    organization: String,
    contact: String,
    _database: ScratchDatabase,
}

fn uuid() -> String {
    new_uuid(SystemClock.now(), &SystemEntropy).to_string()
}

async fn stage(database: ScratchDatabase) -> Stage {
    let (told, first_messages) = mpsc::channel(16);
    let identity = Server::new(Routes::new(ContactServiceServer::new(Identity(told))), &[]);
    let deps = Deps {
        db: database.db.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        nats: None,
        identity: identity.peer(),
    };
    let service = build(deps).await.unwrap();
    let peer = service.peer();
    let life = Lifecycle::new();
    service.start(TcpListener::bind("127.0.0.1:0").await.unwrap(), &life);
    Stage {
        calls: ConversationServiceClient::new(peer.clone()),
        streams: StreamServiceClient::new(peer),
        first_messages: Mutex::new(first_messages),
        life,
        organization: uuid(),
        contact: uuid(),
        _database: database,
    }
}

impl Stage {
    fn draft(&self, kind: AuthorKind, text: &str) -> SendMessageRequest {
        let id = match kind {
            AuthorKind::Contact => self.contact.clone(),
            _ => uuid(),
        };
        SendMessageRequest {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            author: Some(Author { kind: kind.into(), id }),
            client_message_id: uuid(),
            text: text.to_owned(),
            kind: MessageKind::Text.into(),
            begins_conversation: false,
        }
    }

    async fn send(&self, request: SendMessageRequest) -> Result<SendMessageResponse, Error> {
        Ok(self.calls.clone().send_message(request).await?.into_inner())
    }

    async fn write(&self, kind: AuthorKind, text: &str) -> Message {
        self.send(self.draft(kind, text)).await.unwrap().message.unwrap()
    }

    async fn note(&self, text: &str) -> Message {
        let mut note = self.draft(AuthorKind::Agent, text);
        note.set_kind(MessageKind::Note);
        self.send(note).await.unwrap().message.unwrap()
    }

    async fn mark(&self, side: Side, seq: i64) -> i64 {
        let request = MarkReadRequest {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            side: side.into(),
            seq,
        };
        self.calls.clone().mark_read(request).await.unwrap().into_inner().seq
    }

    fn open(&self, side: Side, after_seq: Option<i64>) -> Action {
        Action::Open(OpenSubscription {
            organization_id: self.organization.clone(),
            conversation_id: self.contact.clone(),
            side: side.into(),
            after_seq,
        })
    }

    fn open_all(&self) -> Action {
        Action::Open(OpenSubscription {
            organization_id: self.organization.clone(),
            conversation_id: String::new(),
            side: Side::Agent.into(),
            after_seq: None,
        })
    }

    async fn stream(&self) -> Stream {
        let (commands, sent) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(sent));
        request.extensions_mut().insert(Unhurried);
        let events = self.streams.clone().subscribe(request).await.unwrap().into_inner();
        Stream { commands, events }
    }
}

struct Stream {
    commands: mpsc::Sender<SubscribeRequest>,
    events: Streaming<SubscribeResponse>,
}

impl Stream {
    async fn say(&self, subscription_id: u64, action: Action) {
        self.commands
            .send(SubscribeRequest { subscription_id, action: Some(action) })
            .await
            .unwrap();
    }

    async fn next(&mut self) -> (u64, Event) {
        let event = timeout(SOON, self.events.next()).await.expect("an event comes soon");
        let event = event.expect("the stream goes on").unwrap();
        (event.subscription_id, event.event.unwrap())
    }

    async fn opened(&mut self, subscription: u64, action: Action) {
        self.say(subscription, action).await;
        let (id, event) = self.next().await;
        assert_eq!(id, subscription);
        assert!(matches!(event, Event::Opened(_)), "{event:?}");
    }

    /// The next event, which has to be a message: its subscription, its number, the one before.
    async fn message(&mut self) -> (u64, i64, i64) {
        match self.next().await {
            (id, Event::Message(message)) => (id, message.seq, message.prev_seq),
            other => panic!("no message: {other:?}"),
        }
    }
}

async fn a_send_answers_with_the_stored_message_and_a_repeat_with_the_same(
    scratch: ScratchDatabase,
) {
    let stage = stage(scratch).await;
    let draft = stage.draft(AuthorKind::Contact, "hi 👋");
    let first = stage.send(draft.clone()).await.unwrap();
    let again = stage.send(draft.clone()).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(first.message, again.message);
    let message = first.message.unwrap();
    assert_eq!((message.seq, message.prev_seq, message.text.as_str()), (1, 0, "hi 👋"));
    assert_eq!(message.client_message_id, Some(draft.client_message_id.clone()));

    let other = SendMessageRequest { text: "ho".to_owned(), ..draft };
    assert_eq!(stage.send(other).await.unwrap_err().reason, Reason::MessageIdReused);
}

async fn what_cannot_be_taken_is_named_and_nothing_is_stored(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let good = stage.draft(AuthorKind::Contact, "hi");
    let cases = [
        (SendMessageRequest { text: String::new(), ..good.clone() }, "/text"),
        (SendMessageRequest { text: "a\0".to_owned(), ..good.clone() }, "/text"),
        (SendMessageRequest { text: "a".repeat(20_001), ..good.clone() }, "/text"),
        (
            SendMessageRequest { client_message_id: "7".to_owned(), ..good.clone() },
            "/clientMessageId",
        ),
        (SendMessageRequest { conversation_id: "7".to_owned(), ..good.clone() }, "/conversationId"),
        (SendMessageRequest { kind: MessageKind::Event.into(), ..good.clone() }, "/kind"),
    ];
    for (request, pointer) in cases {
        let error = stage.send(request).await.unwrap_err();
        assert_eq!(error.reason, Reason::InvalidArgument);
        assert_eq!(error.fields[0].pointer, pointer);
    }
    let note = SendMessageRequest { kind: MessageKind::Note.into(), ..good.clone() };
    assert_eq!(stage.send(note).await.unwrap_err().reason, Reason::Forbidden);
    // A contact in another's conversation, and an agent where nobody wrote.
    let foreign = SendMessageRequest { conversation_id: uuid(), ..good };
    assert_eq!(stage.send(foreign).await.unwrap_err().reason, Reason::NotFound);
    let early = stage.draft(AuthorKind::Agent, "hi");
    assert_eq!(stage.send(early).await.unwrap_err().reason, Reason::NotFound);

    let list = ListMessagesRequest {
        organization_id: stage.organization.clone(),
        conversation_id: stage.contact.clone(),
        side: Side::Agent.into(),
        position: None,
        page_size: 0,
    };
    let error = stage.calls.clone().list_messages(list).await.unwrap_err();
    assert_eq!(Error::from(error).reason, Reason::NotFound);
}

async fn both_sides_see_their_own_unread_and_last_message(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    stage.note("between us").await;
    let get = async |side: Side| {
        let request = GetConversationRequest {
            organization_id: stage.organization.clone(),
            conversation_id: stage.contact.clone(),
            side: side.into(),
        };
        let got = stage.calls.clone().get_conversation(request).await.unwrap().into_inner();
        let got = got.conversation.unwrap();
        (got.last_seq, got.unread, got.last_message.unwrap().text)
    };
    assert_eq!(get(Side::Contact).await, (1, 0, "one".to_owned()));
    assert_eq!(get(Side::Agent).await, (2, 1, "between us".to_owned()));
    assert_eq!(stage.mark(Side::Agent, 50).await, 2);
    assert_eq!(get(Side::Agent).await, (2, 0, "between us".to_owned()));

    let list = ListConversationsRequest {
        assignment: None,
        organization_id: stage.organization.clone(),
        status: 0,
        page_size: 1,
        page_token: "made up".to_owned(),
    };
    let error = stage.calls.clone().list_conversations(list.clone()).await.unwrap_err();
    assert_eq!(Error::from(error).fields[0].pointer, "/cursor");
    let list = ListConversationsRequest { page_token: String::new(), ..list };
    let page = stage.calls.clone().list_conversations(list).await.unwrap().into_inner();
    assert_eq!(page.conversations.len(), 1);
    assert_eq!(page.next_page_token, "");
}

async fn identity_hears_of_the_contacts_first_message_once(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    for text in ["one", "two", "three"] {
        stage.write(AuthorKind::Contact, text).await;
    }
    let mut told = stage.first_messages.lock().await;
    let first = timeout(SOON, told.recv()).await.unwrap().unwrap();
    assert_eq!((&first.organization_id, &first.contact_id), (&stage.organization, &stage.contact));
    assert!(told.try_recv().is_err());
}

async fn a_reader_gets_what_it_missed_and_then_what_comes(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    for n in 0..450 {
        stage.write(AuthorKind::Contact, &n.to_string()).await;
    }
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, Some(3))).await;
    for seq in 4..=450 {
        assert_eq!(stream.message().await, (1, seq, seq - 1));
    }
    stage.write(AuthorKind::Agent, "live").await;
    assert_eq!(stream.message().await, (1, 451, 450));
    // From now: only what comes.
    stream.opened(2, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Agent, "live").await;
    let mut both = [stream.message().await, stream.message().await];
    both.sort_unstable();
    assert_eq!(both, [(1, 452, 451), (2, 452, 451)]);
    // A closed one is silent.
    stream.say(1, Action::Close(CloseSubscription {})).await;
    stream.opened(3, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Agent, "live").await;
    let mut both = [stream.message().await, stream.message().await];
    both.sort_unstable();
    assert_eq!(both, [(2, 453, 452), (3, 453, 452)]);
}

async fn a_thread_may_be_listened_to_before_it_begins(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Contact, "first").await;
    assert_eq!(stream.message().await, (1, 1, 0));
    // A number that was never given out can't be gone on from.
    stream.say(2, stage.open(Side::Contact, Some(9))).await;
    assert!(matches!(stream.next().await, (2, Event::Reload(_))));
}

async fn a_contact_hears_no_note_and_both_hear_read_marks(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, Some(0))).await;
    assert_eq!(stream.message().await, (1, 1, 0));
    stage.note("between us").await;
    stage.write(AuthorKind::Agent, "two").await;
    assert_eq!(stream.message().await, (1, 3, 1));
    stage.mark(Side::Agent, 1).await;
    match stream.next().await {
        (1, Event::Read(mark)) => assert_eq!((mark.side(), mark.seq), (Side::Agent, 1)),
        other => panic!("{other:?}"),
    }
}

async fn agents_hear_all_conversations_of_their_organization_alone(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open_all()).await;
    let mut foreign = stage.draft(AuthorKind::Contact, "elsewhere");
    foreign.organization_id = uuid();
    stage.send(foreign).await.unwrap();

    stage.write(AuthorKind::Contact, "one").await;
    stage.note("between us").await;
    stage.mark(Side::Agent, 2).await;
    // What happens together may be told together: each message and mark once, and behind them the
    // conversation as it stands then.
    let (mut seen, mut marks) = (Vec::new(), Vec::new());
    loop {
        match stream.next().await {
            (1, Event::Message(message)) => seen.push(message.seq),
            (1, Event::Read(mark)) => marks.push((mark.side(), mark.seq)),
            (1, Event::Conversation(now)) => {
                assert_eq!(now.id, stage.contact);
                if seen.len() == 2 && !marks.is_empty() {
                    break assert_eq!((now.last_seq, now.unread), (2, 0));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seen, marks), (vec![1, 2], vec![(Side::Agent, 2)]));
}

async fn concurrent_sends_reach_every_reader_in_order_each_once(scratch: ScratchDatabase) {
    let stage = Arc::new(stage(scratch).await);
    stage.write(AuthorKind::Contact, "first").await;
    let mut stream = stage.stream().await;
    for id in 1..=20 {
        stream.opened(id, stage.open(Side::Agent, None)).await;
    }
    stream.opened(21, stage.open_all()).await;
    let senders = (0..16).map(|_| {
        let stage = stage.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                stage.write(AuthorKind::Contact, "more").await;
            }
        })
    });
    let senders = futures::future::join_all(senders);
    let read = async {
        let mut last = [1; 22];
        while last[1..].iter().any(|seq| *seq < 161) {
            match stream.next().await {
                (id, Event::Message(message)) => {
                    let last = &mut last[usize::try_from(id).unwrap()];
                    assert_eq!(message.seq, *last + 1, "subscription {id}");
                    *last = message.seq;
                }
                (21, Event::Conversation(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let (sent, ()) = tokio::join!(senders, read);
    assert!(sent.into_iter().all(|sender| sender.is_ok()));
}

async fn a_stream_ends_with_the_process_and_with_a_command_that_cannot_be_taken(
    scratch: ScratchDatabase,
) {
    let stage = stage(scratch).await;
    let mut broken = stage.stream().await;
    broken.opened(1, stage.open(Side::Contact, None)).await;
    broken.say(1, stage.open(Side::Contact, None)).await;
    let status = timeout(SOON, broken.events.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(Error::from(status).reason, Reason::InvalidArgument);

    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    stage.life.stop();
    assert!(timeout(SOON, stream.events.next()).await.unwrap().is_none());
    stage.life.drained().await;
}
