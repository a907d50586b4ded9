//! Proto to domain and back. Requests are validated here, once. Errors name fields by their
//! paths in the request.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_grpc::{id, optional_id, organization_id, page_size, timestamp};
use onethread_proto::{
    common::{Actor, ActorKind},
    conversation as pb,
};
use uuid::Uuid;

use crate::{
    app::{History, ListInput, ListOutput, MessageInput, SentMessage, UpdateInput},
    domain::{
        Author, AuthorKind, ConversationEvent, ConversationUpdate, Message, MessageKind, Side,
        Status, Summary, Text, WebhookEvent,
    },
    live::{Command, EndReason, Event, EventKind, OpenCommand},
    store::{AssigneeFilter, PagePosition},
};

pub(super) fn organization(text: &str) -> Result<OrganizationId> {
    organization_id(text)
}

pub(super) fn conversation(text: &str) -> Result<ConversationId> {
    id("conversation_id", text)
}

pub(super) fn side(code: i32) -> Result<Side> {
    match pb::Side::try_from(code) {
        Ok(pb::Side::Contact) => Ok(Side::Contact),
        Ok(pb::Side::Agent) => Ok(Side::Agent),
        _ => Err(Error::invalid("side", "is neither the contact's nor the agents'")),
    }
}

pub(super) fn webhook_events(codes: &[i32]) -> Result<Vec<WebhookEvent>> {
    let event = |(index, code): (usize, &i32)| match pb::Fact::try_from(*code) {
        Ok(pb::Fact::MessageCreated) => Ok(WebhookEvent::MessageCreated),
        Ok(pb::Fact::ConversationClosed) => Ok(WebhookEvent::ConversationClosed),
        _ => Err(Error::invalid(format!("facts[{index}]"), "is not known")),
    };
    codes.iter().enumerate().map(event).collect()
}

fn status_filter(path: &str, code: i32) -> Result<Option<Status>> {
    match pb::ConversationStatus::try_from(code) {
        Ok(pb::ConversationStatus::Unspecified) => Ok(None),
        Ok(pb::ConversationStatus::Open) => Ok(Some(Status::Open)),
        Ok(pb::ConversationStatus::Closed) => Ok(Some(Status::Closed)),
        Err(_) => Err(Error::invalid(path, "is not known")),
    }
}

fn assignee_filter(
    filter: Option<pb::list_conversations_request::Assignment>,
) -> Result<AssigneeFilter> {
    use pb::list_conversations_request::Assignment;
    match filter {
        None => Ok(AssigneeFilter::Any),
        Some(Assignment::Unassigned(true)) => Ok(AssigneeFilter::Unassigned),
        Some(Assignment::Unassigned(false)) => {
            Err(Error::invalid("unassigned", "has to be true where it is said"))
        }
        Some(Assignment::AssigneeId(agent)) => {
            Ok(AssigneeFilter::AssignedTo(id("assignee_id", &agent)?))
        }
    }
}

pub(super) fn list_input(request: &pb::ListConversationsRequest) -> Result<ListInput> {
    Ok(ListInput {
        status: status_filter("status", request.status)?,
        assignee: assignee_filter(request.assignment.clone())?,
        size: page_size("page_size", request.page_size)?,
    })
}

impl TryFrom<pb::UpdateConversationRequest> for UpdateInput {
    type Error = Error;

    fn try_from(request: pb::UpdateConversationRequest) -> Result<Self> {
        const STATUS: &str = "conversation.status";
        let new = request.conversation.unwrap_or_default();
        let mut paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            let populated =
                [("status", new.status != 0), ("assignee_id", new.assignee_id.is_some())];
            paths.extend(populated.into_iter().filter(|one| one.1).map(|one| one.0.to_owned()));
        }
        let mut update = ConversationUpdate::default();
        for path in paths {
            match path.as_str() {
                "status" => {
                    let missing = || Error::invalid(STATUS, "is neither open nor closed");
                    update.status = Some(status_filter(STATUS, new.status)?.ok_or_else(missing)?);
                }
                "assignee_id" => {
                    let assignee = new.assignee_id.as_deref();
                    update.assignee = Some(optional_id("conversation.assignee_id", assignee)?);
                }
                _ => return Err(Error::invalid("update_mask", "names a field that can't change")),
            }
        }
        let conversation = id("conversation.id", &new.id)?;
        Ok(Self { conversation, update, actor: agent_or_key(request.actor)? })
    }
}

/// The agent or the API key that makes a change.
fn agent_or_key(actor: Option<Actor>) -> Result<Uuid> {
    let actor = actor.unwrap_or_default();
    match actor.kind() {
        ActorKind::Agent | ActorKind::ApiKey => uuid("actor.id", &actor.id),
        _ => Err(Error::invalid("actor", "is neither an agent nor an API key")),
    }
}

pub(super) fn position(position: Option<pb::list_messages_request::Position>) -> PagePosition {
    match position {
        Some(pb::list_messages_request::Position::AfterSeq(seq)) => PagePosition::After(seq),
        Some(pb::list_messages_request::Position::BeforeSeq(seq)) => PagePosition::Before(seq),
        None => PagePosition::Newest,
    }
}

pub(super) fn uuid(field: &str, text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| Error::invalid(field, "is not a UUID"))
}

impl TryFrom<pb::Author> for Author {
    type Error = Error;

    fn try_from(author: pb::Author) -> Result<Self> {
        let kind = match author.kind() {
            pb::AuthorKind::Contact => AuthorKind::Contact,
            pb::AuthorKind::Agent => AuthorKind::Agent,
            _ => return Err(Error::invalid("author.kind", "is neither contact nor agent")),
        };
        Ok(Self { kind, id: uuid("author.id", &author.id)? })
    }
}

impl TryFrom<pb::SendMessageRequest> for MessageInput {
    type Error = Error;

    fn try_from(request: pb::SendMessageRequest) -> Result<Self> {
        let (kind, path, text) = match request.body {
            Some(pb::send_message_request::Body::Text(text)) => (MessageKind::Text, "text", text),
            Some(pb::send_message_request::Body::Note(text)) => (MessageKind::Note, "note", text),
            None => return Err(Error::invalid("body", "is neither text nor note")),
        };
        let author = request.author.ok_or_else(|| Error::invalid("author", "is missing"))?;
        Ok(Self {
            conversation: conversation(&request.conversation_id)?,
            author: author.try_into()?,
            client_message_id: uuid("client_message_id", &request.client_message_id)?,
            kind,
            text: Text::new(text).map_err(|detail| Error::invalid(path, detail))?,
            may_begin: request.begins_conversation,
        })
    }
}

/// An invalid request ends its subscription only, so it is a command too.
impl From<pb::SubscribeRequest> for Command {
    fn from(request: pb::SubscribeRequest) -> Self {
        let subscription = request.subscription_id;
        command(request).unwrap_or_else(|error| {
            Self::Invalid(subscription, tonic::Status::from(error).message().to_owned())
        })
    }
}

fn command(request: pb::SubscribeRequest) -> Result<Command> {
    use pb::subscribe_request::Action;
    let subscription = request.subscription_id;
    if subscription == 0 {
        return Err(Error::invalid("subscription_id", "must be at least 1"));
    }
    let open = match request.action {
        Some(Action::Open(open)) => open,
        Some(Action::Close(_)) => return Ok(Command::Close(subscription)),
        None => return Err(Error::invalid("action", "is missing")),
    };
    let conversation = match open.conversation_id.as_str() {
        "" => None,
        text => Some(id("open.conversation_id", text)?),
    };
    let side = match (pb::Side::try_from(open.side), conversation) {
        (Ok(pb::Side::Agent), _) => Side::Agent,
        (Ok(pb::Side::Contact), Some(_)) => Side::Contact,
        (_, Some(_)) => return Err(Error::invalid("open.side", "must be contact or agent")),
        (_, None) => {
            return Err(Error::invalid("open.side", "must be agent for all conversations"));
        }
    };
    Ok(Command::Open(OpenCommand {
        subscription,
        organization: id("open.organization_id", &open.organization_id)?,
        conversation,
        side,
        // There is nothing before the first message.
        after: open.after_seq.map(|seq| seq.max(0)),
    }))
}

fn wire_side(side: Side) -> pb::Side {
    match side {
        Side::Contact => pb::Side::Contact,
        Side::Agent => pb::Side::Agent,
    }
}

fn id_text(id: Uuid) -> String {
    id.to_string()
}

/// A message as a side sees it.
fn message(message: Message, side: Side) -> pb::Message {
    let author = pb::Author {
        kind: match message.author.kind {
            AuthorKind::Contact => pb::AuthorKind::Contact.into(),
            AuthorKind::Agent => pb::AuthorKind::Agent.into(),
            AuthorKind::System => pb::AuthorKind::System.into(),
        },
        id: Some(message.author.id).filter(|id| !id.is_nil()).map_or_else(String::new, id_text),
    };
    pb::Message {
        id: message.id.to_string(),
        conversation_id: message.conversation.to_string(),
        seq: message.seq,
        prev_seq: message.prev_seq(side),
        author: Some(author),
        created_at: Some(timestamp(message.created_at)),
        client_message_id: message.client_message_id.map(|id| id.to_string()),
        body: Some(match message.kind {
            MessageKind::Text => pb::message::Body::Text(message.text.into_string()),
            MessageKind::Note => pb::message::Body::Note(message.text.into_string()),
            MessageKind::Event | MessageKind::PublicEvent => {
                let event = ConversationEvent::parse(&message.text, message.author);
                pb::message::Body::Event(pb::ConversationEvent { kind: event.map(event_kind) })
            }
        }),
    }
}

fn event_kind(event: ConversationEvent) -> pb::conversation_event::Kind {
    use pb::conversation_event::Kind;
    match event {
        ConversationEvent::Closed => Kind::Closed(pb::ClosedEvent {}),
        ConversationEvent::Reopened => Kind::Reopened(pb::ReopenedEvent {}),
        ConversationEvent::Assigned(agent) => {
            Kind::Assigned(pb::AssignedEvent { assignee_id: agent.to_string() })
        }
        ConversationEvent::Unassigned => Kind::Unassigned(pb::UnassignedEvent {}),
        ConversationEvent::Merged(source) => {
            Kind::Merged(pb::MergedEvent { source_conversation_id: source.to_string() })
        }
    }
}

/// A conversation as a side sees it.
pub(super) fn summary(summary: Summary, side: Side) -> pb::Conversation {
    let Summary { conversation, last_message } = summary;
    pb::Conversation {
        id: conversation.id.to_string(),
        status: match conversation.status {
            Status::Open => pb::ConversationStatus::Open.into(),
            Status::Closed => pb::ConversationStatus::Closed.into(),
        },
        assignee_id: conversation.assignee.map(|id| id.to_string()),
        last_message: last_message.map(|last| message(last, side)),
        last_seq: conversation.last_seq(side),
        unread_count: conversation.read_state(side).unread,
        updated_at: Some(timestamp(conversation.updated_at)),
    }
}

/// A page of messages as a side sees it.
pub(super) fn history(history: History, side: Side) -> pb::ListMessagesResponse {
    pb::ListMessagesResponse {
        messages: history.messages.iter().map(|one| message(one.clone(), side)).collect(),
        last_seq: history.conversation.last_seq(side),
        unread_count: history.conversation.read_state(side).unread,
    }
}

impl From<SentMessage> for pb::SendMessageResponse {
    fn from(sent: SentMessage) -> Self {
        let side = sent.message.author.kind.side();
        Self { message: Some(message(sent.message, side)), already_stored: sent.is_repeated }
    }
}

impl From<ListOutput> for pb::ListConversationsResponse {
    fn from(list: ListOutput) -> Self {
        let conversations = list.conversations.into_iter();
        Self {
            conversations: conversations.map(|one| summary(one, Side::Agent)).collect(),
            next_page_token: list.next_page_token,
        }
    }
}

impl From<Event> for pb::SubscribeResponse {
    fn from(event: Event) -> Self {
        use pb::subscribe_response::Event as WireEvent;
        let wire = match event.kind {
            EventKind::Opened => WireEvent::Opened(pb::SubscriptionOpened {}),
            EventKind::Message(one, side) => WireEvent::Message(message(*one, side)),
            EventKind::ReadMarkMoved { conversation, side, seq } => WireEvent::Read(pb::ReadMark {
                conversation_id: conversation.to_string(),
                side: wire_side(side).into(),
                seq,
            }),
            EventKind::Typing { conversation, side, is_typing } => WireEvent::Typing(pb::Typing {
                conversation_id: conversation.to_string(),
                side: wire_side(side).into(),
                typing: is_typing,
            }),
            EventKind::Conversation(one) => WireEvent::Conversation(summary(*one, Side::Agent)),
            EventKind::Ended(reason) => WireEvent::Ended(ended(reason)),
            EventKind::Heartbeat => WireEvent::Heartbeat(pb::Heartbeat {}),
        };
        let traceparent = event.trace.to_string();
        Self { subscription_id: event.subscription, event: Some(wire), traceparent }
    }
}

fn ended(reason: EndReason) -> pb::SubscriptionEnded {
    use pb::SubscriptionEndReason as Wire;
    let (reason, message) = match reason {
        EndReason::Closed => (Wire::Closed, String::new()),
        EndReason::UnknownPosition => (Wire::UnknownPosition, String::new()),
        EndReason::FellBehind => (Wire::FellBehind, String::new()),
        EndReason::ConversationEnded => (Wire::ConversationEnded, String::new()),
        EndReason::TooMany => (Wire::TooMany, String::new()),
        EndReason::Invalid(message) => (Wire::Invalid, message),
    };
    pb::SubscriptionEnded { reason: reason.into(), message }
}
