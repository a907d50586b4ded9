//! The person's messages: read, written, and read up to where.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State};
use http::{HeaderMap, StatusCode};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::{
        Author, AuthorKind, MarkReadRequest, MessageKind, SendMessageRequest, SetTypingRequest,
        Side,
    },
    identity::AdmitVisitorRequest,
};

use crate::{
    address::ClientAddress,
    app::App,
    auth::{Person, Sender},
    extract::Body,
    json::{self, Message, NewMessage, ReadMark, Types},
    openapi::{
        Refusals,
        reasons::{Blocked, MessageIdReused, PreChatRequired},
    },
    problem::{ApiResult, from_service},
    routes::thread::{self, Range, Run},
};

/// The person's messages, ascending.
#[utoipa::path(get, path = "/messages", operation_id = "listOwnMessages", tag = "widget",
    params(Range),
    responses((status = 200, description = "A run of messages.", body = Run),
        Refusals<(Person, Range)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    person: Person,
    range: Range,
) -> ApiResult<Json<Run>> {
    if !person.stored {
        return Ok(Json(Run { items: Vec::new(), last_seq: 0 }));
    }
    let run = thread::of_contact(&app, &person, range.position, range.size).await?;
    let by = (person.contact.as_str(), person.name.as_str());
    let authors = app.names.of_thread(&app, &person.organization, by, &run.messages).await?;
    Ok(Json(Run { items: Message::list(run.messages, &authors), last_seq: run.last_seq }))
}

/// What a message may be refused with for its own sake.
type Refused = (Blocked, PreChatRequired, MessageIdReused);

/// Sends a message.
#[utoipa::path(post, path = "/messages", operation_id = "sendOwnMessage", tag = "widget",
    request_body = NewMessage,
    responses(
        (status = 201, description = "It is stored.", body = Message),
        (status = 200, description = "It was stored before.", body = Message),
        Refusals<(Sender, Body, Refused)>,
    ))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Sender(mut person): Sender,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, Json<Message>)> {
    if person.blocked {
        return Err(Error::new(Reason::Blocked).into());
    }
    if person.pre_chat_required {
        return Err(Error::new(Reason::PreChatRequired).into());
    }
    let client_message_id = body.text("clientMessageId")?;
    let text = body.text("text")?;
    if !person.stored {
        person.name = admit(&app, &person, from, (&body, &headers)).await?;
    }
    let request = SendMessageRequest {
        organization_id: person.organization.clone(),
        conversation_id: person.contact.clone(),
        author: Some(Author { kind: AuthorKind::Contact.into(), id: person.contact.clone() }),
        client_message_id,
        text,
        kind: MessageKind::Text.into(),
        begins_conversation: false,
    };
    let answer = app.conversations().send_message(request).await?.into_inner();
    let status = if answer.repeated { StatusCode::OK } else { StatusCode::CREATED };
    let message = answer.message.unwrap_or_default();
    let by = (person.contact.as_str(), person.name.as_str());
    let authors = app.names.of_thread(&app, &person.organization, by, [&message]).await?;
    Ok((status, Json(Message::new(message, &authors))))
}

/// Nothing of this visitor was stored so far, so the page says once more who they are. Answers
/// the person's name.
async fn admit(
    app: &App,
    person: &Person,
    from: IpAddr,
    (body, headers): (&Body, &HeaderMap),
) -> Result<String> {
    let user = body.object("user")?.map(json::claims);
    app.limits.new_visitor(from)?;
    let context = Some(json::page_context(body, headers));
    let request = AdmitVisitorRequest { token: person.token.clone(), user, context };
    let answer = app.contacts().admit_visitor(request).await.map_err(from_service)?.into_inner();
    app.forget_person(&person.organization, &person.contact);
    Ok(answer.person.map_or_else(|| person.name.clone(), |admitted| admitted.name))
}

/// Says up to where the person has read.
#[utoipa::path(post, path = "/read", operation_id = "markOwnRead", tag = "widget",
    request_body = ReadMark,
    responses((status = 204, description = "Noted."), Refusals<(Person, Body)>))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    person: Person,
    body: Body,
) -> ApiResult<StatusCode> {
    let seq = body.count("seq")?;
    if person.stored {
        let request = MarkReadRequest {
            organization_id: person.organization,
            conversation_id: person.contact,
            side: Side::Contact.into(),
            seq,
        };
        let marked = app.conversations().mark_read(request).await;
        // Nothing was written yet, so there is nothing to mark.
        thread::or_nothing(marked.map(drop).map_err(from_service))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether the person types.
#[utoipa::path(post, path = "/typing", operation_id = "setOwnTyping", tag = "widget",
    request_body = Types,
    responses((status = 204, description = "The agents hear it."), Refusals<(Person, Body)>))]
pub(super) async fn typing(
    State(app): State<Arc<App>>,
    person: Person,
    body: Body,
) -> ApiResult<StatusCode> {
    let typing = body.flag("typing")?;
    // Agents hear nothing of who was blocked, or wrote nothing yet.
    if person.stored && !person.blocked {
        let request = SetTypingRequest {
            organization_id: person.organization,
            conversation_id: person.contact,
            side: Side::Contact.into(),
            typing,
        };
        let told = app.conversations().set_typing(request).await;
        thread::or_nothing(told.map(drop).map_err(from_service))?;
    }
    Ok(StatusCode::NO_CONTENT)
}
