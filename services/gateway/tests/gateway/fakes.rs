//! Services that answer from one world in memory. What no test calls is unimplemented.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use super::support::{CONTACT, at, id};
use futures::{Stream, stream::BoxStream};
use onethread_errors::{Error, Reason};
use onethread_proto::{
    contactimport::{import_service_server::ImportService, *},
    conversation::{
        conversation_service_server::ConversationService, stream_service_server::StreamService, *,
    },
    identity::{
        contact_service_server::ContactService, organization_service_server::OrganizationService,
        session_service_server::SessionService, *,
    },
};
use prost_types::{Struct, Value, value::Kind};
use tokio::sync::broadcast;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;

/// All there is.
pub(crate) struct World {
    pub(crate) callers: Mutex<HashMap<String, AuthenticateResponse>>,
    /// How often identity was asked who calls.
    pub(crate) authenticated: AtomicI64,
    pub(crate) identity_away: AtomicBool,
    pub(crate) feed_silent: AtomicBool,
    pub(crate) keys_full: AtomicBool,
    pub(crate) revoked: broadcast::Sender<Revocation>,
    pub(crate) init: Mutex<Option<IdentifyResponse>>,
    pub(crate) asked: Mutex<Vec<IdentifyRequest>>,
    pub(crate) admitted: AtomicI64,
    pub(crate) threads: Mutex<HashMap<String, Vec<Message>>>,
    pub(crate) live: broadcast::Sender<Message>,
    /// Breaks every stream of subscriptions.
    pub(crate) broken: broadcast::Sender<()>,
    /// Uploads that came to their end.
    pub(crate) uploads: Mutex<Vec<(UploadHeader, usize)>>,
    pub(crate) rejected: Mutex<Vec<RejectedRow>>,
    /// Makes the import go on with each look at the list.
    pub(crate) importing: AtomicBool,
    pub(crate) processed: AtomicI64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            callers: Mutex::default(),
            authenticated: AtomicI64::default(),
            identity_away: AtomicBool::default(),
            feed_silent: AtomicBool::default(),
            keys_full: AtomicBool::default(),
            revoked: broadcast::channel(16).0,
            init: Mutex::default(),
            asked: Mutex::default(),
            admitted: AtomicI64::default(),
            threads: Mutex::default(),
            live: broadcast::channel(1024).0,
            broken: broadcast::channel(1).0,
            uploads: Mutex::default(),
            rejected: Mutex::default(),
            importing: AtomicBool::default(),
            processed: AtomicI64::default(),
        }
    }
}

impl World {
    /// Stores a message and tells of it.
    pub(crate) fn write(
        &self,
        conversation: &str,
        author: Author,
        text: &str,
        id: &str,
    ) -> Message {
        let mut threads = self.threads.lock().unwrap();
        let thread = threads.entry(conversation.to_owned()).or_default();
        let seq = i64::try_from(thread.len()).unwrap() + 1;
        let message = Message {
            id: super::support::id(seq),
            conversation_id: conversation.to_owned(),
            seq,
            prev_seq: seq - 1,
            author: Some(author),
            text: text.to_owned(),
            created_at: at(),
            client_message_id: Some(id.to_owned()),
            kind: MessageKind::Text.into(),
        };
        thread.push(message.clone());
        // Nobody may be listening.
        let _ = self.live.send(message.clone());
        message
    }

    fn here(&self) -> Result<(), Status> {
        if self.identity_away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("identity is away").into());
        }
        Ok(())
    }
}

/// One of the services.
#[derive(Clone)]
pub(crate) struct Fake(pub(crate) Arc<World>);

#[tonic::async_trait]
impl SessionService for Fake {
    async fn identify(&self, request: Request<IdentifyRequest>) -> Answer<IdentifyResponse> {
        self.0.asked.lock().unwrap().push(request.into_inner());
        let answer = self.0.init.lock().unwrap().clone();
        answer.map(Response::new).ok_or_else(|| Error::new(Reason::UnknownApplication).into())
    }

    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Answer<AuthenticateResponse> {
        self.0.here()?;
        self.0.authenticated.fetch_add(1, Ordering::SeqCst);
        let caller = self.0.callers.lock().unwrap().get(&request.get_ref().credential).cloned();
        caller.map(Response::new).ok_or_else(|| Error::new(Reason::SessionEnded).into())
    }

    async fn submit_pre_chat(
        &self,
        request: Request<SubmitPreChatRequest>,
    ) -> Answer<SubmitPreChatResponse> {
        if request.get_ref().token == "contact" {
            return Err(Error::new(Reason::NotAVisitor).into());
        }
        let fields = request.into_inner().fields;
        if fields.contains_key("email") {
            return Err(Error::invalid("/fields/email", "is no e-mail").into());
        }
        Ok(Response::new(SubmitPreChatResponse { session: Some(super::support::session(true)) }))
    }

    async fn logout(&self, _: Request<LogoutRequest>) -> Answer<LogoutResponse> {
        Ok(Response::new(LogoutResponse { session: Some(super::support::session(false)) }))
    }

    type WatchRevocationsStream = BoxStream<'static, Result<WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        _: Request<WatchRevocationsRequest>,
    ) -> Answer<Self::WatchRevocationsStream> {
        self.0.here()?;
        let world = self.0.clone();
        let mut revoked = world.revoked.subscribe();
        let beats = async_stream::stream! {
            loop {
                let beat = tokio::time::timeout(Duration::from_millis(200), revoked.recv()).await;
                if world.feed_silent.load(Ordering::SeqCst) {
                    continue;
                }
                let revocations = beat.ok().and_then(Result::ok).into_iter().collect();
                yield Ok(WatchRevocationsResponse { revocations });
            }
        };
        Ok(Response::new(Box::pin(beats)))
    }
}

#[tonic::async_trait]
impl ContactService for Fake {
    async fn get_contact(&self, asked: Request<GetContactRequest>) -> Answer<GetContactResponse> {
        if asked.into_inner().contact_id != CONTACT {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(GetContactResponse { contact: Some(contact()) }))
    }

    async fn batch_get_contacts(
        &self,
        request: Request<BatchGetContactsRequest>,
    ) -> Answer<BatchGetContactsResponse> {
        let ids = request.into_inner().contact_ids.into_iter();
        let contact = |id| Contact {
            person: Some(Person { id, name: "Ann".to_owned(), ..Person::default() }),
            ..Contact::default()
        };
        Ok(Response::new(BatchGetContactsResponse { contacts: ids.map(contact).collect() }))
    }

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Answer<ListContactsResponse> {
        let next_page_token = request.into_inner().page_size.to_string();
        Ok(Response::new(ListContactsResponse { contacts: vec![contact()], next_page_token }))
    }

    async fn search_contacts(
        &self,
        _: Request<SearchContactsRequest>,
    ) -> Answer<SearchContactsResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn list_attribute_keys(
        &self,
        _: Request<ListAttributeKeysRequest>,
    ) -> Answer<ListAttributeKeysResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn upsert_contact(
        &self,
        _: Request<UpsertContactRequest>,
    ) -> Answer<UpsertContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn update_contact(
        &self,
        _: Request<UpdateContactRequest>,
    ) -> Answer<UpdateContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn delete_contact(
        &self,
        _: Request<DeleteContactRequest>,
    ) -> Answer<DeleteContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn merge_contacts(
        &self,
        request: Request<MergeContactsRequest>,
    ) -> Answer<MergeContactsResponse> {
        let MergeContactsRequest { contact_id, into_id, dry_run, .. } = request.into_inner();
        if !dry_run && contact_id == into_id {
            return Err(Error::new(Reason::TwoUserIds).into());
        }
        let id = Some(Person { id: into_id, ..super::support::session(true).person.unwrap() });
        let contact = Contact { person: id, ..contact() };
        Ok(Response::new(MergeContactsResponse { contact: Some(contact) }))
    }

    async fn track_event(&self, _: Request<TrackEventRequest>) -> Answer<TrackEventResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn update_own_profile(
        &self,
        request: Request<UpdateOwnProfileRequest>,
    ) -> Answer<UpdateOwnProfileResponse> {
        let user = request.into_inner().user.unwrap_or_default();
        assert!(user.user_id.is_none() && user.security_hash.is_none());
        let warning = Warning { pointer: "/user/email".to_owned(), detail: "is odd".to_owned() };
        let person = super::support::session(true).person;
        Ok(Response::new(UpdateOwnProfileResponse { person, warnings: vec![warning] }))
    }

    async fn admit_visitor(&self, _: Request<AdmitVisitorRequest>) -> Answer<AdmitVisitorResponse> {
        self.0.admitted.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(AdmitVisitorResponse { person: super::support::session(true).person }))
    }

    async fn record_first_message(
        &self,
        _: Request<RecordFirstMessageRequest>,
    ) -> Answer<RecordFirstMessageResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn set_security_hash(
        &self,
        request: Request<SetSecurityHashRequest>,
    ) -> Answer<SetSecurityHashResponse> {
        match request.into_inner().security_hash.as_str() {
            "claimed" => Err(Error::new(Reason::ClaimExists).into()),
            "visitor" => Err(Error::new(Reason::NoUserId).into()),
            _ => Ok(Response::new(SetSecurityHashResponse {})),
        }
    }

    async fn reset_security_hash(
        &self,
        request: Request<ResetSecurityHashRequest>,
    ) -> Answer<ResetSecurityHashResponse> {
        assert_eq!(request.into_inner().reason, "lost");
        Ok(Response::new(ResetSecurityHashResponse {}))
    }

    type ImportContactsStream = BoxStream<'static, Result<ImportContactsResponse, Status>>;

    async fn import_contacts(
        &self,
        _: Request<Streaming<ImportContactsRequest>>,
    ) -> Answer<Self::ImportContactsStream> {
        Err(Status::unimplemented("not called"))
    }
}

#[tonic::async_trait]
impl OrganizationService for Fake {
    async fn create_organization(
        &self,
        request: Request<CreateOrganizationRequest>,
    ) -> Answer<CreateOrganizationResponse> {
        let wanted = request.into_inner();
        if wanted.organization == "demo" {
            return Err(Error::new(Reason::OrganizationExists).into());
        }
        if wanted.agent_password.len() < 8 {
            return Err(Error::invalid("/agentPassword", "is shorter than 8 bytes").into());
        }
        Ok(Response::new(CreateOrganizationResponse {
            organization_id: super::support::ORGANIZATION.to_owned(),
            application_id: 1,
            application_secret: "s".to_owned(),
            app_id: super::support::id(3),
            agent: Some(Agent { email: wanted.agent_email, ..super::support::agent() }),
            api_key: "key".to_owned(),
        }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Answer<LoginResponse> {
        if request.into_inner().password != "right" {
            return Err(Error::new(Reason::LoginRefused).into());
        }
        Ok(Response::new(LoginResponse {
            organization_id: super::support::ORGANIZATION.to_owned(),
            agent: Some(super::support::agent()),
            token: "agent".to_owned(),
            expires_at: Some(prost_types::Timestamp { seconds: 1_750_003_600, nanos: 0 }),
        }))
    }

    async fn end_login(&self, _: Request<EndLoginRequest>) -> Answer<EndLoginResponse> {
        Ok(Response::new(EndLoginResponse {}))
    }

    async fn batch_get_agents(
        &self,
        _: Request<BatchGetAgentsRequest>,
    ) -> Answer<BatchGetAgentsResponse> {
        Ok(Response::new(BatchGetAgentsResponse { agents: vec![super::support::agent()] }))
    }

    async fn get_organization(
        &self,
        _: Request<GetOrganizationRequest>,
    ) -> Answer<GetOrganizationResponse> {
        let mut organization = Organization { name: "demo".to_owned(), ..Organization::default() };
        organization.set_policy(Policy::Hmac);
        Ok(Response::new(GetOrganizationResponse { organization: Some(organization) }))
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Answer<UpdateOrganizationResponse> {
        let request = request.into_inner();
        assert_eq!(request.actor.unwrap().kind(), ActorKind::Agent);
        let wanted = request.organization.unwrap();
        if wanted.name == "taken" {
            return Err(Error::new(Reason::OrganizationExists).into());
        }
        Ok(Response::new(UpdateOrganizationResponse { organization: Some(wanted) }))
    }

    async fn list_identity_keys(
        &self,
        _: Request<ListIdentityKeysRequest>,
    ) -> Answer<ListIdentityKeysResponse> {
        let key = IdentityKey { id: id(8), created_at: at() };
        Ok(Response::new(ListIdentityKeysResponse { keys: vec![key] }))
    }

    async fn create_identity_key(
        &self,
        _: Request<CreateIdentityKeyRequest>,
    ) -> Answer<CreateIdentityKeyResponse> {
        if self.0.keys_full.load(Ordering::SeqCst) {
            return Err(Error::new(Reason::TooManyKeys).into());
        }
        Ok(Response::new(CreateIdentityKeyResponse { id: id(8), key: "k".to_owned() }))
    }

    async fn delete_identity_key(
        &self,
        request: Request<DeleteIdentityKeyRequest>,
    ) -> Answer<DeleteIdentityKeyResponse> {
        if request.into_inner().key_id != id(8) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(DeleteIdentityKeyResponse {}))
    }

    async fn list_audit_entries(
        &self,
        _: Request<ListAuditEntriesRequest>,
    ) -> Answer<ListAuditEntriesResponse> {
        let entry = AuditEntry {
            at: Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 0 }),
            actor: Some(Actor { kind: ActorKind::Widget.into(), id: String::new() }),
            action: "claim.set".to_owned(),
            subject: super::support::id(5),
            detail: String::new(),
        };
        let next_page_token = String::new();
        Ok(Response::new(ListAuditEntriesResponse { entries: vec![entry], next_page_token }))
    }
}

#[tonic::async_trait]
impl ConversationService for Fake {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Answer<SendMessageResponse> {
        let sent = request.into_inner();
        if sent.text.is_empty() {
            return Err(Error::invalid("/text", "is empty").into());
        }
        let found = {
            let threads = self.0.threads.lock().unwrap();
            let thread = threads.get(&sent.conversation_id).into_iter().flatten();
            let same = |m: &&Message| m.client_message_id.as_ref() == Some(&sent.client_message_id);
            thread.cloned().collect::<Vec<_>>().iter().find(same).cloned()
        };
        let repeated = found.is_some();
        if found.as_ref().is_some_and(|message| message.text != sent.text) {
            return Err(Error::new(Reason::MessageIdReused).into());
        }
        let message = found.unwrap_or_else(|| {
            let author = sent.author.unwrap();
            self.0.write(&sent.conversation_id, author, &sent.text, &sent.client_message_id)
        });
        Ok(Response::new(SendMessageResponse { message: Some(message), repeated }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Answer<ListMessagesResponse> {
        let asked = request.into_inner();
        let threads = self.0.threads.lock().unwrap();
        let thread =
            threads.get(&asked.conversation_id).ok_or_else(|| Status::from(Error::not_found()))?;
        let page = usize::try_from(asked.page_size).unwrap();
        let messages = match asked.position {
            Some(list_messages_request::Position::AfterSeq(after)) => {
                thread.iter().filter(|m| m.seq > after).take(page).cloned().collect()
            }
            _ => thread[thread.len().saturating_sub(page)..].to_vec(),
        };
        let last_seq = thread.last().map_or(0, |message| message.seq);
        Ok(Response::new(ListMessagesResponse { messages, last_seq, unread: 0 }))
    }

    async fn list_conversations(
        &self,
        _: Request<ListConversationsRequest>,
    ) -> Answer<ListConversationsResponse> {
        let threads = self.0.threads.lock().unwrap();
        let conversations = threads.iter().map(conversation).collect();
        Ok(Response::new(ListConversationsResponse { conversations, ..Default::default() }))
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Answer<GetConversationResponse> {
        let threads = self.0.threads.lock().unwrap();
        let found = threads.get_key_value(&request.into_inner().conversation_id);
        let found = found.ok_or_else(|| Status::from(Error::not_found()))?;
        Ok(Response::new(GetConversationResponse { conversation: Some(conversation(found)) }))
    }

    async fn update_conversation(
        &self,
        request: Request<UpdateConversationRequest>,
    ) -> Answer<UpdateConversationResponse> {
        let asked = request.into_inner();
        let threads = self.0.threads.lock().unwrap();
        let found = threads.get_key_value(&asked.conversation_id);
        let found = found.ok_or_else(|| Status::from(Error::not_found()))?;
        let assignee_id = asked.assignee_id;
        let changed = Conversation { status: asked.status, assignee_id, ..conversation(found) };
        Ok(Response::new(UpdateConversationResponse { conversation: Some(changed) }))
    }

    async fn set_typing(&self, asked: Request<SetTypingRequest>) -> Answer<SetTypingResponse> {
        if !self.0.threads.lock().unwrap().contains_key(&asked.into_inner().conversation_id) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(SetTypingResponse {}))
    }

    async fn mark_read(&self, request: Request<MarkReadRequest>) -> Answer<MarkReadResponse> {
        Ok(Response::new(MarkReadResponse { seq: request.into_inner().seq }))
    }

    async fn fold_conversation(
        &self,
        request: Request<FoldConversationRequest>,
    ) -> Answer<FoldConversationResponse> {
        let asked = request.into_inner();
        let mut threads = self.0.threads.lock().unwrap();
        let moved = threads.remove(&asked.source_id).unwrap_or_default();
        threads.entry(asked.target_id.clone()).or_default().extend(moved);
        Ok(Response::new(FoldConversationResponse { conversation_id: asked.target_id }))
    }

    async fn erase_conversation(
        &self,
        request: Request<EraseConversationRequest>,
    ) -> Answer<EraseConversationResponse> {
        self.0.threads.lock().unwrap().remove(&request.into_inner().conversation_id);
        Ok(Response::new(EraseConversationResponse {}))
    }

    async fn set_interest(&self, _: Request<SetInterestRequest>) -> Answer<SetInterestResponse> {
        Err(Status::unimplemented("not called"))
    }
}

#[tonic::async_trait]
impl StreamService for Fake {
    type SubscribeStream = ReceiverStream<Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Answer<Self::SubscribeStream> {
        let (answers, receiver) = tokio::sync::mpsc::channel(64);
        let world = self.0.clone();
        let mut live = world.live.subscribe();
        let mut broken = world.broken.subscribe();
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut open = HashMap::new();
            loop {
                let events = tokio::select! {
                    request = requests.message() => match request {
                        Ok(Some(request)) => subscribed(&world, &mut open, request),
                        _ => return,
                    },
                    Ok(message) = live.recv() => matching(&open, &message),
                    _ = broken.recv() => {
                        let _ = answers.send(Err(Status::unavailable("broken"))).await;
                        return;
                    }
                };
                for (subscription_id, event) in events {
                    let answer = SubscribeResponse { subscription_id, event: Some(event) };
                    if answers.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

type Events = Vec<(u64, subscribe_response::Event)>;

fn subscribed(
    world: &World,
    open: &mut HashMap<u64, OpenSubscription>,
    request: SubscribeRequest,
) -> Events {
    let id = request.subscription_id;
    let Some(subscribe_request::Action::Open(wanted)) = request.action else {
        open.remove(&id);
        return Vec::new();
    };
    let opened = subscribe_response::Event::Opened(SubscriptionOpened {});
    let threads = world.threads.lock().unwrap();
    let thread = threads.get(&wanted.conversation_id).into_iter().flatten();
    let after = wanted.after_seq.unwrap_or(i64::MAX);
    let missed = thread.filter(|message| message.seq > after).cloned();
    let missed = missed.map(|message| (id, subscribe_response::Event::Message(message)));
    let events = std::iter::once((id, opened)).chain(missed).collect();
    open.insert(id, wanted);
    events
}

fn matching(open: &HashMap<u64, OpenSubscription>, message: &Message) -> Events {
    let wants = |wanted: &OpenSubscription| {
        wanted.conversation_id.is_empty() || wanted.conversation_id == message.conversation_id
    };
    let ids = open.iter().filter(|(_, wanted)| wants(wanted)).map(|(id, _)| *id);
    ids.map(|id| (id, subscribe_response::Event::Message(message.clone()))).collect()
}

#[tonic::async_trait]
impl ImportService for Fake {
    async fn upload_import(
        &self,
        request: Request<Streaming<UploadImportRequest>>,
    ) -> Answer<UploadImportResponse> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|request| request.part);
        let Some(upload_import_request::Part::Header(header)) = first else {
            return Err(Status::invalid_argument("no header"));
        };
        if header.request_id == "another file's" {
            return Err(Error::new(Reason::IdempotencyKeyReused).into());
        }
        let mut length = 0;
        while let Some(request) = parts.message().await? {
            if let Some(upload_import_request::Part::Chunk(chunk)) = request.part {
                length += chunk.len();
            }
        }
        let file_name = header.file_name.clone();
        self.0.uploads.lock().unwrap().push((header, length));
        let import = Import { file_name, ..import(id(7)) };
        Ok(Response::new(UploadImportResponse { import: Some(import) }))
    }

    async fn get_import(&self, request: Request<GetImportRequest>) -> Answer<GetImportResponse> {
        let id = request.into_inner().import_id;
        if id != super::support::id(7) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(GetImportResponse { import: Some(import(id)) }))
    }

    async fn list_imports(&self, _: Request<ListImportsRequest>) -> Answer<ListImportsResponse> {
        let further = i64::from(self.0.importing.load(Ordering::SeqCst));
        let processed = self.0.processed.fetch_add(further, Ordering::SeqCst);
        let imports = vec![Import { processed, ..import(id(7)) }];
        Ok(Response::new(ListImportsResponse { imports, ..Default::default() }))
    }

    async fn apply_import(
        &self,
        asked: Request<ApplyImportRequest>,
    ) -> Answer<ApplyImportResponse> {
        let import = Some(ready(asked.into_inner().import_id)?);
        Ok(Response::new(ApplyImportResponse { import }))
    }

    async fn cancel_import(
        &self,
        asked: Request<CancelImportRequest>,
    ) -> Answer<CancelImportResponse> {
        let import = Some(ready(asked.into_inner().import_id)?);
        Ok(Response::new(CancelImportResponse { import }))
    }

    type WatchImportStream = BoxStream<'static, Result<WatchImportResponse, Status>>;

    async fn watch_import(
        &self,
        request: Request<WatchImportRequest>,
    ) -> Answer<Self::WatchImportStream> {
        let id = request.into_inner().import_id;
        if id != super::support::id(7) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(Box::pin(states(id))))
    }

    async fn list_rejected_rows(
        &self,
        request: Request<ListRejectedRowsRequest>,
    ) -> Answer<ListRejectedRowsResponse> {
        let asked = request.into_inner();
        let from: usize = asked.page_token.parse().unwrap_or(0);
        let rows = self.0.rejected.lock().unwrap();
        let to = rows.len().min(from + usize::try_from(asked.page_size).unwrap());
        let next_page_token = if to < rows.len() { to.to_string() } else { String::new() };
        Ok(Response::new(ListRejectedRowsResponse {
            rows: rows[from..to].to_vec(),
            next_page_token,
        }))
    }
}

fn contact() -> Contact {
    let custom_data =
        [("plan", Kind::StringValue("pro".to_owned())), ("age", Kind::NumberValue(3.5))];
    let fields = custom_data.map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) }));
    let person = Person {
        id: CONTACT.to_owned(),
        user_id: Some("u".to_owned()),
        name: "Ann".to_owned(),
        custom_data: Some(Struct { fields: fields.into_iter().collect() }),
        ..Person::default()
    };
    let device = Device { id: id(4), platform: "web".to_owned(), last_seen_at: at() };
    Contact {
        person: Some(person),
        source: Source::PreChat.into(),
        verification: Verification::SecurityHash.into(),
        page: Some(Page { url: "https://shop.example/".to_owned(), ..Page::default() }),
        devices: vec![device],
        created_at: at(),
        ..Contact::default()
    }
}

fn conversation((id, thread): (&String, &Vec<Message>)) -> Conversation {
    Conversation {
        id: id.clone(),
        status: ConversationStatus::Open.into(),
        last_message: thread.last().cloned(),
        updated_at: at(),
        ..Conversation::default()
    }
}

fn import(id: String) -> Import {
    let columns = vec!["email".to_owned(), "name".to_owned()];
    Import { id, columns, created_at: at(), ..Import::default() }
}

/// Import 6 is there to be applied or cancelled, import 7 is done.
fn ready(asked: String) -> Result<Import, Status> {
    if asked == id(7) {
        return Err(Error::new(Reason::ImportState).into());
    }
    Ok(import(asked))
}

fn states(id: String) -> impl Stream<Item = Result<WatchImportResponse, Status>> {
    let state = move |state: ImportState| {
        let import = Import { state: state.into(), ..import(id.clone()) };
        Ok(WatchImportResponse { import: Some(import) })
    };
    futures::stream::iter([ImportState::Running, ImportState::Done].map(state))
}
