//! Conversations as agents see and answer them.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_errors::{Error, Result};
use onethread_proto::{
    conversation::{
        self, ConversationStatus, GetConversationRequest, ListConversationsRequest,
        MarkReadRequest, MessageKind, SendMessageRequest, SetTypingRequest, Side,
        UpdateConversationRequest, list_conversations_request::Assignment,
    },
    identity::{BatchGetAgentsRequest, GetContactRequest},
};
use prost_types::FieldMask;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::App,
    auth::{Staff, Who},
    extract::{Body, Paging, Params, PathId},
    json::{ContactLine, Conversation, List, Message, NewAgentMessage, ReadMark, Types, Update},
    openapi::{Refusals, reasons::MessageIdReused},
    problem::{ApiResult, from_service},
    routes::thread::{self, Range, Run},
};

/// Conversations, newest activity first.
#[utoipa::path(get, path = "/conversations", operation_id = "listConversations",
    tag = "conversations",
    params(
        ("status" = Option<String>, Query, pattern = "^(open|closed|all)$",
            description = "Those in this status; all where it isn't said."),
        ("assignee" = Option<String>, Query,
            description = "`me` (agents alone), `none`, or an agent's id; all where it isn't said."),
        Paging,
    ),
    responses((status = 200, description = "A page of conversations.", body = List<Conversation>),
        Refusals<(Staff, Params, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    params: Params,
    paging: Paging,
) -> ApiResult<Json<List<Conversation>>> {
    let request = ListConversationsRequest {
        organization_id: staff.organization.clone(),
        status: status(&params)?.into(),
        page_size: paging.size,
        page_token: paging.cursor,
        assignment: assignment(&params, &staff)?,
    };
    let page = app.conversations().list_conversations(request).await?.into_inner();
    let items = with_names(&app, &staff.organization, page.conversations).await?;
    Ok(Json(List::new(items, page.next_page_token)))
}

fn status(params: &Params) -> Result<ConversationStatus> {
    match params.text("status") {
        None | Some("all") => Ok(ConversationStatus::Unspecified),
        Some("open") => Ok(ConversationStatus::Open),
        Some("closed") => Ok(ConversationStatus::Closed),
        Some(_) => Err(Error::invalid("/status", "is not open, closed or all")),
    }
}

fn assignment(params: &Params, staff: &Staff) -> Result<Option<Assignment>> {
    let to = |id: String| Ok(Some(Assignment::AssigneeId(id)));
    match (params.text("assignee"), &staff.who) {
        (None, _) => Ok(None),
        (Some("none"), _) => Ok(Some(Assignment::Unassigned(true))),
        (Some("me"), Who::Agent(agent)) => to(agent.id.clone()),
        (Some("me"), Who::Server(_)) => Err(Error::invalid("/assignee", "a server is no agent")),
        (Some(id), _) => match Uuid::parse_str(id) {
            Ok(id) => to(id.to_string()),
            Err(_) => Err(Error::invalid("/assignee", "is not me, none or an agent's id")),
        },
    }
}

/// Names of people and agents, each in one batch.
async fn with_names(
    app: &App,
    organization: &str,
    conversations: Vec<conversation::Conversation>,
) -> Result<Vec<Conversation>> {
    let ids = conversations.iter().map(|one| one.id.clone());
    let people = app.names.people(app, organization, ids).await?;
    let last = conversations.iter().filter_map(|one| one.last_message.as_ref());
    let authors = app.names.of_threads(app, organization, &people, last).await?;
    let named = |one: conversation::Conversation| {
        let contact = people.get(&one.id).cloned();
        let contact = contact.unwrap_or_else(|| ContactLine::unknown(&one.id));
        Conversation::new(one, contact, &authors)
    };
    Ok(conversations.into_iter().map(named).collect())
}

/// One of them.
#[utoipa::path(get, path = "/conversations/{id}", operation_id = "getConversation",
    tag = "conversations", params(PathId),
    responses((status = 200, description = "The conversation.", body = Conversation),
        Refusals<(Staff, PathId)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Json<Conversation>> {
    let request = GetConversationRequest {
        organization_id: staff.organization.clone(),
        conversation_id: id,
        side: Side::Agent.into(),
    };
    let answer = app.conversations().get_conversation(request).await?.into_inner();
    let found = answer.conversation.ok_or_else(Error::not_found)?;
    let mut named = with_names(&app, &staff.organization, vec![found]).await?;
    Ok(Json(named.pop().ok_or_else(Error::not_found)?))
}

/// Assigns it, closes it or opens it again.
///
/// Each change is told by an event in the thread, which agents alone see.
#[utoipa::path(patch, path = "/conversations/{id}", operation_id = "updateConversation",
    tag = "conversations", params(PathId), request_body = Update,
    responses((status = 200, description = "The conversation as it is now.", body = Conversation),
        Refusals<(Staff, PathId, Body)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Json<Conversation>> {
    let mut paths = Vec::new();
    let mut named = |path: &str| paths.push(path.to_owned());
    let status = new_status(&body)?.inspect(|_| named("status"));
    let assignee = new_assignee(&body)?.inspect(|_| named("assignee_id"));
    let assignee_id = assignee.flatten();
    if let Some(agent) = &assignee_id {
        has_agent(&app, &staff.organization, agent).await?;
    }
    let request = UpdateConversationRequest {
        organization_id: staff.organization.clone(),
        conversation_id: id,
        status: status.unwrap_or_default().into(),
        assignee_id,
        update_mask: Some(FieldMask { paths }),
        actor_id: staff.id().to_owned(),
    };
    let answer = app.conversations().update_conversation(request).await?.into_inner();
    let changed = answer.conversation.ok_or_else(Error::not_found)?;
    let mut named = with_names(&app, &staff.organization, vec![changed]).await?;
    Ok(Json(named.pop().ok_or_else(Error::not_found)?))
}

fn new_status(body: &Body) -> Result<Option<ConversationStatus>> {
    match body.0.get("status").map(Value::as_str) {
        None => Ok(None),
        Some(Some("open")) => Ok(Some(ConversationStatus::Open)),
        Some(Some("closed")) => Ok(Some(ConversationStatus::Closed)),
        Some(_) => Err(Error::invalid("/status", "is not open or closed")),
    }
}

/// Whom it goes to; `Some(None)` for nobody.
fn new_assignee(body: &Body) -> Result<Option<Option<String>>> {
    match body.0.get("assigneeId") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value) => match value.as_str().map(Uuid::parse_str) {
            Some(Ok(id)) => Ok(Some(Some(id.to_string()))),
            _ => Err(Error::invalid("/assigneeId", "is not an agent's id or null")),
        },
    }
}

/// Refuses another organization's agent as one that isn't there.
async fn has_agent(app: &App, organization: &str, id: &str) -> Result<()> {
    let request = BatchGetAgentsRequest {
        organization_id: organization.to_owned(),
        agent_ids: vec![id.to_owned()],
    };
    let answer = app.organizations().batch_get_agents(request).await.map_err(from_service)?;
    let found = answer.into_inner().agents.iter().any(|agent| agent.id == id);
    found.then_some(()).ok_or_else(Error::not_found)
}

/// Its messages and notes, ascending.
#[utoipa::path(get, path = "/conversations/{id}/messages", operation_id = "listMessages",
    tag = "conversations", params(PathId, Range),
    responses((status = 200, description = "A run of messages.", body = Run),
        Refusals<(Staff, PathId, Range)>))]
pub(super) async fn messages(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    Range { position, size }: Range,
) -> ApiResult<Json<Run>> {
    let organization = staff.organization;
    let run =
        thread::run(&app, organization.clone(), id.clone(), Side::Agent, position, size).await?;
    let people = app.names.people(&app, &organization, [id]).await?;
    let authors = app.names.of_threads(&app, &organization, &people, &run.messages).await?;
    Ok(Json(Run { items: Message::list(run.messages, &authors), last_seq: run.last_seq }))
}

/// Sends a message to the person, or writes a note for agents.
#[utoipa::path(post, path = "/conversations/{id}/messages", operation_id = "sendMessage",
    tag = "conversations", params(PathId), request_body = NewAgentMessage,
    responses(
        (status = 201, description = "It is stored.", body = Message),
        (status = 200, description = "It was stored before.", body = Message),
        Refusals<(Staff, PathId, Body, MessageIdReused)>,
    ))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<(StatusCode, Json<Message>)> {
    write(&app, &staff, id, &body, false).await
}

/// Writes to a person first, or goes on in their thread.
#[utoipa::path(post, path = "/contacts/{id}/messages", operation_id = "writeFirst",
    tag = "conversations", params(PathId), request_body = NewAgentMessage,
    responses(
        (status = 201, description = "It is stored.", body = Message),
        (status = 200, description = "It was stored before.", body = Message),
        Refusals<(Staff, PathId, Body, MessageIdReused)>,
    ))]
pub(super) async fn write_first(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let organization_id = staff.organization.clone();
    let request = GetContactRequest { organization_id, contact_id: id.clone() };
    app.contacts().get_contact(request).await?;
    write(&app, &staff, id, &body, true).await
}

async fn write(
    app: &App,
    staff: &Staff,
    conversation_id: String,
    body: &Body,
    begins_conversation: bool,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let kind = match body.optional_text("kind")?.as_deref() {
        None | Some("text") => MessageKind::Text,
        Some("note") => MessageKind::Note,
        Some(_) => return Err(Error::invalid("/kind", "is not text or note").into()),
    };
    let request = SendMessageRequest {
        organization_id: staff.organization.clone(),
        conversation_id,
        author: Some(staff.author()),
        client_message_id: body.text("clientMessageId")?,
        text: body.text("text")?,
        kind: kind.into(),
        begins_conversation,
    };
    let answer = app.conversations().send_message(request).await?.into_inner();
    let status = if answer.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let message = answer.message.unwrap_or_default();
    let nobody = HashMap::new();
    let authors = app.names.of_threads(app, &staff.organization, &nobody, [&message]).await?;
    Ok((status, Json(Message::new(message, &authors))))
}

/// Says up to where the agents have read.
#[utoipa::path(post, path = "/conversations/{id}/read", operation_id = "markRead",
    tag = "conversations", params(PathId), request_body = ReadMark,
    responses((status = 204, description = "Noted."), Refusals<(Staff, PathId, Body)>))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<StatusCode> {
    let request = MarkReadRequest {
        organization_id: staff.organization,
        conversation_id: id,
        side: Side::Agent.into(),
        seq: body.count("seq")?,
    };
    app.conversations().mark_read(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether an agent types.
#[utoipa::path(post, path = "/conversations/{id}/typing", operation_id = "setTyping",
    tag = "conversations", params(PathId), request_body = Types,
    responses((status = 204, description = "The person hears it."),
        Refusals<(Staff, PathId, Body)>))]
pub(super) async fn typing(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<StatusCode> {
    let request = SetTypingRequest {
        organization_id: staff.organization,
        conversation_id: id,
        side: Side::Agent.into(),
        typing: body.flag("typing")?,
    };
    app.conversations().set_typing(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
