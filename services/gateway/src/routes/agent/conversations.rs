//! Conversations as agents see and answer them.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_errors::{Error, Result};
use onethread_proto::conversation::{
    self, ConversationStatus, GetConversationRequest, ListConversationsRequest, MarkReadRequest,
    MessageKind, SendMessageRequest, Side,
};

use crate::{
    app::App,
    auth::Staff,
    extract::{Body, Params, PathId},
    json::{ContactLine, Conversation, List, Message},
    problem::ApiResult,
    routes::thread::{self, Run},
};

pub(super) async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    params: Params,
) -> ApiResult<Json<List<Conversation>>> {
    let request = ListConversationsRequest {
        organization_id: staff.organization.clone(),
        status: status(&params)?.into(),
        page_size: params.limit()?,
        page_token: params.cursor(),
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

pub(super) async fn messages(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    params: Params,
) -> ApiResult<Json<Run>> {
    let (position, limit) = (thread::position(&params)?, params.limit()?);
    let organization = staff.organization;
    let run =
        thread::run(&app, organization.clone(), id.clone(), Side::Agent, position, limit).await?;
    let people = app.names.people(&app, &organization, [id]).await?;
    let authors = app.names.of_threads(&app, &organization, &people, &run.messages).await?;
    Ok(Json(Run { items: Message::list(run.messages, &authors), last_seq: run.last_seq }))
}

pub(super) async fn send(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let kind = match body.optional_text("kind")?.as_deref() {
        None | Some("text") => MessageKind::Text,
        Some("note") => MessageKind::Note,
        Some(_) => return Err(Error::invalid("/kind", "is not text or note").into()),
    };
    let request = SendMessageRequest {
        organization_id: staff.organization.clone(),
        conversation_id: id,
        author: Some(staff.author()),
        client_message_id: body.text("clientMessageId")?,
        text: body.text("text")?,
        kind: kind.into(),
    };
    let answer = app.conversations().send_message(request).await?.into_inner();
    let status = if answer.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let message = answer.message.unwrap_or_default();
    let nobody = HashMap::new();
    let authors = app.names.of_threads(&app, &staff.organization, &nobody, [&message]).await?;
    Ok((status, Json(Message::new(message, &authors))))
}

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
