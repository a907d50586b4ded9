//! Wire ⇄ domain. What comes in is checked here once. Errors name fields as the JSON API spells
//! them, because the gateway passes them on.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_grpc::{id, page_size, timestamp};
use onethread_proto::conversation as pb;
use uuid::Uuid;

use crate::{
    app::{Accepted, Draft, Listed, Update, Wanted},
    domain::{Author, AuthorKind, Change, Fact, Kind, Message, Side, Status, Summary, Text},
    live::{Command, Event, Open, What},
    store::{Assigned, History, Position},
};

pub(super) fn organization(text: &str) -> Result<OrganizationId> {
    id("/organizationId", text)
}

pub(super) fn conversation(text: &str) -> Result<ConversationId> {
    id("/conversationId", text)
}

pub(super) fn side(code: i32) -> Result<Side> {
    match pb::Side::try_from(code) {
        Ok(pb::Side::Contact) => Ok(Side::Contact),
        Ok(pb::Side::Agent) => Ok(Side::Agent),
        _ => Err(Error::invalid("/side", "is neither the contact's nor the agents'")),
    }
}

pub(super) fn facts(codes: &[i32]) -> Result<Vec<Fact>> {
    let fact = |(n, code): (usize, &i32)| match pb::Fact::try_from(*code) {
        Ok(pb::Fact::MessageCreated) => Ok(Fact::MessageCreated),
        Ok(pb::Fact::ConversationClosed) => Ok(Fact::ConversationClosed),
        _ => Err(Error::invalid(format!("/facts/{n}"), "is not known")),
    };
    codes.iter().enumerate().map(fact).collect()
}

fn status_filter(code: i32) -> Result<Option<Status>> {
    match pb::ConversationStatus::try_from(code) {
        Ok(pb::ConversationStatus::Unspecified) => Ok(None),
        Ok(pb::ConversationStatus::Open) => Ok(Some(Status::Open)),
        Ok(pb::ConversationStatus::Closed) => Ok(Some(Status::Closed)),
        Err(_) => Err(Error::invalid("/status", "is not known")),
    }
}

fn assigned(filter: Option<pb::list_conversations_request::Assignment>) -> Result<Assigned> {
    use pb::list_conversations_request::Assignment;
    match filter {
        None => Ok(Assigned::Any),
        Some(Assignment::Unassigned(true)) => Ok(Assigned::ToNobody),
        Some(Assignment::Unassigned(false)) => {
            Err(Error::invalid("/assignee", "has to be true where it is said"))
        }
        Some(Assignment::AssigneeId(agent)) => Ok(Assigned::To(id("/assignee", &agent)?)),
    }
}

pub(super) fn wanted(request: &pb::ListConversationsRequest) -> Result<Wanted> {
    Ok(Wanted {
        status: status_filter(request.status)?,
        assigned: assigned(request.assignment.clone())?,
        size: page_size("/limit", request.page_size)?,
    })
}

impl TryFrom<pb::UpdateConversationRequest> for Update {
    type Error = Error;

    fn try_from(request: pb::UpdateConversationRequest) -> Result<Self> {
        let mut change = Change::default();
        for path in request.update_mask.iter().flat_map(|mask| &mask.paths) {
            match path.as_str() {
                "status" => {
                    let status = status_filter(request.status)?;
                    let missing = || Error::invalid("/status", "is neither open nor closed");
                    change.status = Some(status.ok_or_else(missing)?);
                }
                "assignee_id" => {
                    let assignee = request.assignee_id.as_deref();
                    let assignee = assignee.map(|agent| id("/assigneeId", agent)).transpose()?;
                    change.assignee = Some(assignee);
                }
                _ => return Err(Error::invalid("/updateMask", "names a field that can't change")),
            }
        }
        Ok(Self {
            conversation: conversation(&request.conversation_id)?,
            change,
            actor: uuid("/actorId", &request.actor_id)?,
        })
    }
}

pub(super) fn position(position: Option<pb::list_messages_request::Position>) -> Position {
    match position {
        Some(pb::list_messages_request::Position::AfterSeq(seq)) => Position::After(seq),
        Some(pb::list_messages_request::Position::BeforeSeq(seq)) => Position::Before(seq),
        None => Position::Newest,
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
            _ => return Err(Error::invalid("/author/kind", "is neither contact nor agent")),
        };
        Ok(Self { kind, id: uuid("/author/id", &author.id)? })
    }
}

impl TryFrom<pb::SendMessageRequest> for Draft {
    type Error = Error;

    fn try_from(request: pb::SendMessageRequest) -> Result<Self> {
        let kind = match request.kind() {
            pb::MessageKind::Unspecified | pb::MessageKind::Text => Kind::Text,
            pb::MessageKind::Note => Kind::Note,
            pb::MessageKind::Event => {
                return Err(Error::invalid("/kind", "is neither text nor note"));
            }
        };
        let author = request.author.ok_or_else(|| Error::invalid("/author", "is missing"))?;
        Ok(Self {
            conversation: conversation(&request.conversation_id)?,
            author: author.try_into()?,
            client_message_id: uuid("/clientMessageId", &request.client_message_id)?,
            kind,
            text: Text::new(request.text)?,
            begins: request.begins_conversation,
        })
    }
}

impl TryFrom<pb::SubscribeRequest> for Command {
    type Error = Error;

    fn try_from(request: pb::SubscribeRequest) -> Result<Self> {
        use pb::subscribe_request::Action;
        let open = match request.action {
            Some(Action::Open(open)) => open,
            Some(Action::Close(_)) => return Ok(Self::Close(request.subscription_id)),
            None => return Err(Error::invalid("/action", "is missing")),
        };
        let side = side(open.side)?;
        let conversation = match open.conversation_id.as_str() {
            "" if side != Side::Agent => {
                return Err(Error::invalid("/side", "is not the agents'"));
            }
            "" => None,
            text => Some(conversation(text)?),
        };
        Ok(Self::Open(Open {
            subscription: request.subscription_id,
            organization: organization(&open.organization_id)?,
            conversation,
            side,
            // Nothing lies before the first message.
            after: open.after_seq.map(|seq| seq.max(0)),
        }))
    }
}

fn wire_side(side: Side) -> pb::Side {
    match side {
        Side::Contact => pb::Side::Contact,
        Side::Agent => pb::Side::Agent,
    }
}

fn text(id: Uuid) -> String {
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
        id: Some(message.author.id).filter(|id| !id.is_nil()).map_or_else(String::new, text),
    };
    pb::Message {
        id: message.id.to_string(),
        conversation_id: message.conversation.to_string(),
        seq: message.seq,
        prev_seq: message.prev_seq(side),
        author: Some(author),
        created_at: Some(timestamp(message.created_at)),
        client_message_id: message.client_message_id.map(|id| id.to_string()),
        kind: match message.kind {
            Kind::Text => pb::MessageKind::Text.into(),
            Kind::Note => pb::MessageKind::Note.into(),
            Kind::Event | Kind::Mark => pb::MessageKind::Event.into(),
        },
        text: message.text.into_string(),
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
        unread: conversation.reader(side).unread,
        updated_at: Some(timestamp(conversation.updated_at)),
    }
}

/// A run of messages as a side sees it.
pub(super) fn history(history: History, side: Side) -> pb::ListMessagesResponse {
    pb::ListMessagesResponse {
        messages: history.messages.iter().map(|one| message(one.clone(), side)).collect(),
        last_seq: history.conversation.last_seq(side),
        unread: history.conversation.reader(side).unread,
    }
}

impl From<Accepted> for pb::SendMessageResponse {
    fn from(accepted: Accepted) -> Self {
        let side = accepted.message.author.kind.side();
        Self { message: Some(message(accepted.message, side)), repeated: accepted.repeated }
    }
}

impl From<Listed> for pb::ListConversationsResponse {
    fn from(listed: Listed) -> Self {
        let conversations = listed.conversations.into_iter();
        Self {
            conversations: conversations.map(|one| summary(one, Side::Agent)).collect(),
            next_page_token: listed.next_page_token,
        }
    }
}

impl From<Event> for pb::SubscribeResponse {
    fn from(event: Event) -> Self {
        use pb::subscribe_response::Event as Wire;
        let wire = match event.what {
            What::Opened => Wire::Opened(pb::SubscriptionOpened {}),
            What::Message(one, side) => Wire::Message(message(*one, side)),
            What::Read { conversation, side, seq } => Wire::Read(pb::ReadMark {
                conversation_id: conversation.to_string(),
                side: wire_side(side).into(),
                seq,
            }),
            What::Typing { conversation, side, typing } => Wire::Typing(pb::Typing {
                conversation_id: conversation.to_string(),
                side: wire_side(side).into(),
                typing,
            }),
            What::Conversation(one) => Wire::Conversation(summary(*one, Side::Agent)),
            What::Reload => Wire::Reload(pb::ReloadSubscription {}),
        };
        Self { subscription_id: event.subscription, event: Some(wire) }
    }
}
