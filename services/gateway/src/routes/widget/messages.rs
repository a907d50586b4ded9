//! The caller's messages: read, sent, and marked as read.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State};
use deserr::Deserr;
use http::{HeaderMap, StatusCode};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::{
        MarkReadRequest, SendMessageRequest, SetTypingRequest, Side, send_message_request,
    },
    identity::AdmitVisitorRequest,
};
use utoipa::ToSchema;

use super::user::{Environment, Page, User};
use crate::{
    address::ClientAddress,
    app::App,
    authentication::{MessageSender, WidgetCaller},
    extract::{Body, Faults, Lenient, Member, Query},
    json::Message,
    openapi::{
        Problems,
        reasons::{Blocked, MessageIdReused, PreChatRequired},
    },
    problem::ApiResult,
    routes::messages::{self, MessagePage, MessageRange, ReadMark, TypingState},
};

/// A message of a visitor or contact.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct NewMessage {
    /// Chosen by the sender: sent again with the same text, it is stored once.
    #[schema(format = Uuid)]
    client_message_id: String,
    #[schema(min_length = 1, max_length = 20000)]
    text: String,
    /// Read only with a visitor's first message.
    #[deserr(default)]
    #[schema(value_type = Option<User>)]
    user: Member,
    /// The page that the person is on.
    #[deserr(default)]
    #[schema(value_type = Option<Page>)]
    page: Lenient<Page>,
    /// Read only with a visitor's first message: `web`, `ios` or `android`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    platform: Lenient<String>,
    /// Read only with a visitor's first message.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    locale: Lenient<String>,
    /// Read only with a visitor's first message.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Lenient<String>,
}

/// The caller's messages, ascending.
#[utoipa::path(get, path = "/messages", operation_id = "listOwnMessages", tag = "widget",
    params(MessageRange),
    responses((status = 200, description = "A page of messages.", body = MessagePage),
        Problems<(WidgetCaller, Query<MessageRange>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    Query(range): Query<MessageRange>,
) -> ApiResult<Json<MessagePage>> {
    if !caller.is_stored {
        return Ok(Json(MessagePage { items: Vec::new(), last_seq: 0 }));
    }
    let conversation = (caller.organization, caller.conversation());
    let page = messages::of_contact(&app, conversation, range.position(), range.limit.0).await?;
    let named = (caller.contact, caller.name.as_str());
    let authors =
        app.names.authors_of_conversation(&app, caller.organization, named, &page.messages).await?;
    let items = Message::list(page.messages, &authors);
    Ok(Json(MessagePage { items, last_seq: page.last_seq }))
}

/// Reasons for which a message itself may be rejected.
type MessageReasons = (Blocked, PreChatRequired, MessageIdReused);

/// Sends a message.
#[utoipa::path(post, path = "/messages", operation_id = "sendOwnMessage", tag = "widget",
    request_body = NewMessage,
    responses(
        (status = 201, description = "The message is stored.", body = Message),
        (status = 200, description = "The message was stored before.", body = Message),
        Problems<(MessageSender, Body<NewMessage>, MessageReasons)>,
    ))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    MessageSender(mut caller): MessageSender,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Body<NewMessage>,
) -> ApiResult<(StatusCode, Json<Message>)> {
    if caller.is_blocked {
        return Err(Error::new(Reason::Blocked).into());
    }
    if caller.pre_chat_required {
        return Err(Error::new(Reason::PreChatRequired).into());
    }
    let NewMessage { client_message_id, text, user, page, platform, locale, time_zone } =
        body.content()?;
    let mut visited = None;
    if caller.is_stored {
        visited = page.0.map(Page::into);
    } else {
        let environment = Environment { platform, locale, time_zone, page };
        caller.name = admit(&app, &caller, from, (user, environment), &headers).await?;
    }
    let request = SendMessageRequest {
        organization_id: caller.organization.to_string(),
        conversation_id: caller.conversation().to_string(),
        author: Some(caller.author()),
        client_message_id,
        body: Some(send_message_request::Body::Text(text)),
        begins_conversation: false,
    };
    let mut conversations = app.clients.conversations();
    let (answer, ()) = tokio::join!(
        conversations.send_message(request),
        app.visited_pages.record(&app, &caller, visited),
    );
    let answer = answer?.into_inner();
    let status = if answer.already_stored { StatusCode::OK } else { StatusCode::CREATED };
    let message = answer.message.unwrap_or_default();
    let named = (caller.contact, caller.name.as_str());
    let authors =
        app.names.authors_of_conversation(&app, caller.organization, named, [&message]).await?;
    Ok((status, Json(Message::new(message, &authors))))
}

/// Stores a visitor, of whom nothing is stored yet, as the page describes them. Answers their name.
async fn admit(
    app: &App,
    caller: &WidgetCaller,
    from: IpAddr,
    (user, environment): (Member, Environment),
    headers: &HeaderMap,
) -> Result<String> {
    let user = User::from_member(user)?;
    app.limits.new_visitor(from)?;
    let request = AdmitVisitorRequest {
        token: caller.token.clone(),
        user: user.map(|user| user.into_claims().0),
        context: Some(environment.into_context(headers)),
    };
    let answer = app.clients.visitors().admit_visitor(request).await.map_err(Error::from)?;
    app.contact_changed(caller.organization, caller.contact);
    let person = answer.into_inner().person;
    Ok(person.map_or_else(|| caller.name.clone(), |admitted| admitted.name))
}

/// Marks messages as read by the caller.
#[utoipa::path(post, path = "/read", operation_id = "markOwnRead", tag = "widget",
    request_body = ReadMark,
    responses((status = 204, description = "The mark is stored."),
        Problems<(WidgetCaller, Body<ReadMark>)>))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    body: Body<ReadMark>,
) -> ApiResult<StatusCode> {
    let mark = body.content()?;
    if caller.is_stored {
        let request = MarkReadRequest {
            organization_id: caller.organization.to_string(),
            conversation_id: caller.conversation().to_string(),
            side: Side::Contact.into(),
            seq: mark.seq.0,
        };
        let marked = app.clients.conversations().mark_read(request).await;
        // A conversation without messages has nothing to mark.
        messages::empty_if_missing(marked.map(drop).map_err(Error::from))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Shows agents whether the caller is typing.
#[utoipa::path(post, path = "/typing", operation_id = "setOwnTyping", tag = "widget",
    request_body = TypingState,
    responses((status = 204, description = "The agents see it."),
        Problems<(WidgetCaller, Body<TypingState>)>))]
pub(super) async fn typing(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    body: Body<TypingState>,
) -> ApiResult<StatusCode> {
    let TypingState { typing } = body.content()?;
    // Agents don't see typing of callers who are blocked or have written nothing yet.
    if caller.is_stored && !caller.is_blocked {
        let request = SetTypingRequest {
            organization_id: caller.organization.to_string(),
            conversation_id: caller.conversation().to_string(),
            side: Side::Contact.into(),
            typing,
        };
        let sent = app.clients.conversations().set_typing(request).await;
        messages::empty_if_missing(sent.map(drop).map_err(Error::from))?;
    }
    Ok(StatusCode::NO_CONTENT)
}
