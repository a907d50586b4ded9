//! Messages as agents and servers read and write them.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use deserr::Deserr;
use http::StatusCode;
use onethread_core::{ContactId, ConversationId};
use onethread_errors::Error;
use onethread_proto::{
    conversation::{
        MarkReadRequest, SendMessageRequest, SetTypingRequest, Side, send_message_request,
    },
    identity::GetContactRequest,
};
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Body, Faults, PathId, Query},
    json::Message,
    openapi::{Problems, reasons::MessageIdReused},
    problem::ApiResult,
    routes::messages::{self, MessagePage, MessageRange, ReadMark, TypingState},
};

/// A conversation's messages and notes, ascending.
#[utoipa::path(get, path = "/conversations/{id}/messages", operation_id = "listMessages",
    tag = "conversations", params(PathId<ConversationId>, MessageRange),
    responses((status = 200, description = "A page of messages.", body = MessagePage),
        Problems<(ApiCaller, PathId<ConversationId>, Query<MessageRange>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
    Query(range): Query<MessageRange>,
) -> ApiResult<Json<MessagePage>> {
    let organization = caller.organization;
    let (position, limit) = (range.position(), range.limit.0);
    let page = messages::page(&app, (organization, id), Side::Agent, position, limit).await?;
    if page.last_seq == 0 {
        // Agents have a conversation from its first message.
        return Err(Error::not_found().into());
    }
    let contacts = app.names.contacts(&app, organization, [ContactId(id.0)]).await?;
    let names = &app.names;
    let authors =
        names.authors_of_conversations(&app, organization, &contacts, &page.messages).await?;
    let items = Message::list(page.messages, &authors);
    Ok(Json(MessagePage { items, last_seq: page.last_seq }))
}

/// A message of an agent or a server.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct NewAgentMessage {
    /// Chosen by the sender: sent again with the same text, it is stored once.
    #[schema(format = Uuid)]
    client_message_id: String,
    #[schema(min_length = 1, max_length = 20000)]
    text: String,
    #[deserr(default)]
    kind: Option<AgentMessageKind>,
}

/// A text for the contact, or a note that only agents see.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = lowercase)]
#[schema(rename_all = "lowercase", default = "text")]
enum AgentMessageKind {
    Text,
    Note,
}

/// Sends a message to the contact, or writes a note for agents.
#[utoipa::path(post, path = "/conversations/{id}/messages", operation_id = "sendMessage",
    tag = "conversations", params(PathId<ConversationId>), request_body = NewAgentMessage,
    responses(
        (status = 201, description = "The message is stored.", body = Message),
        (status = 200, description = "The message was stored before.", body = Message),
        Problems<(ApiCaller, PathId<ConversationId>, Body<NewAgentMessage>, MessageIdReused)>,
    ))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
    body: Body<NewAgentMessage>,
) -> ApiResult<(StatusCode, Json<Message>)> {
    store(&app, &caller, id, body.content()?, false).await
}

/// Writes to a contact, who may not have a conversation yet.
#[utoipa::path(post, path = "/contacts/{id}/messages", operation_id = "writeFirst",
    tag = "conversations", params(PathId<ContactId>), request_body = NewAgentMessage,
    responses(
        (status = 201, description = "The message is stored.", body = Message),
        (status = 200, description = "The message was stored before.", body = Message),
        Problems<(ApiCaller, PathId<ContactId>, Body<NewAgentMessage>, MessageIdReused)>,
    ))]
pub(super) async fn write_first(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
    body: Body<NewAgentMessage>,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let request = GetContactRequest {
        organization_id: caller.organization.to_string(),
        contact_id: id.to_string(),
    };
    app.clients.contacts().get_contact(request).await?;
    store(&app, &caller, ConversationId::of_contact(id), body.content()?, true).await
}

async fn store(
    app: &App,
    caller: &ApiCaller,
    conversation: ConversationId,
    message: NewAgentMessage,
    begins_conversation: bool,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let body = match message.kind {
        None | Some(AgentMessageKind::Text) => send_message_request::Body::Text(message.text),
        Some(AgentMessageKind::Note) => send_message_request::Body::Note(message.text),
    };
    let request = SendMessageRequest {
        organization_id: caller.organization.to_string(),
        conversation_id: conversation.to_string(),
        author: Some(caller.author()),
        client_message_id: message.client_message_id,
        body: Some(body),
        begins_conversation,
    };
    let answer = app.clients.conversations().send_message(request).await?.into_inner();
    let status = if answer.already_stored { StatusCode::OK } else { StatusCode::CREATED };
    let message = answer.message.unwrap_or_default();
    let (names, contacts) = (&app.names, HashMap::new());
    let organization = caller.organization;
    let authors = names.authors_of_conversations(app, organization, &contacts, [&message]).await?;
    Ok((status, Json(Message::new(message, &authors))))
}

/// Marks messages as read by the agents.
#[utoipa::path(post, path = "/conversations/{id}/read", operation_id = "markRead",
    tag = "conversations", params(PathId<ConversationId>), request_body = ReadMark,
    responses((status = 204, description = "The mark is stored."),
        Problems<(ApiCaller, PathId<ConversationId>, Body<ReadMark>)>))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
    body: Body<ReadMark>,
) -> ApiResult<StatusCode> {
    let request = MarkReadRequest {
        organization_id: caller.organization.to_string(),
        conversation_id: id.to_string(),
        side: Side::Agent.into(),
        seq: body.content()?.seq.0,
    };
    app.clients.conversations().mark_read(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows the contact whether an agent is typing.
#[utoipa::path(post, path = "/conversations/{id}/typing", operation_id = "setTyping",
    tag = "conversations", params(PathId<ConversationId>), request_body = TypingState,
    responses((status = 204, description = "The contact sees it."),
        Problems<(ApiCaller, PathId<ConversationId>, Body<TypingState>)>))]
pub(super) async fn typing(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
    body: Body<TypingState>,
) -> ApiResult<StatusCode> {
    let request = SetTypingRequest {
        organization_id: caller.organization.to_string(),
        conversation_id: id.to_string(),
        side: Side::Agent.into(),
        typing: body.content()?.typing,
    };
    app.clients.conversations().set_typing(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
