//! Starting the widget, and starting anew after a logout.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::Side,
    identity::{self, IdentifyRequest, LogoutRequest, Mode, identify_response::Outcome},
};
use serde_json::Map;

use crate::{
    address,
    app::App,
    auth::{self, Person},
    extract::Body,
    json::{self, Message, Session, Start, Thread},
    openapi::{
        Refusals,
        reasons::{
            Blocked, DeadlineExceeded, IdentityRefused, OriginRefused, RateLimited, Unavailable,
            UnknownApplication,
        },
    },
    problem::{ApiError, ApiResult, problem},
    routes::thread,
};

/// Messages that a widget begins with.
const BEGINNING: i32 = 50;

/// What `init` may be refused with besides its body.
type Refused = (
    UnknownApplication,
    IdentityRefused,
    (OriginRefused, Blocked),
    RateLimited,
    Unavailable,
    DeadlineExceeded,
);

/// Starts the widget for a visitor, or for the user whom the page names and proves.
///
/// A refused identity gets a session as well: of nobody, to be held in memory only.
#[utoipa::path(post, path = "/init", operation_id = "init", tag = "widget", security(()),
    request_body = Start,
    responses((status = 200, description = "A session.", body = Session), Refusals<(Body, Refused)>))]
pub(super) async fn init(State(app): State<Arc<App>>, request: Request) -> ApiResult<Response> {
    let trusted = &app.config.trusted_proxies;
    let from = address::client(request.extensions(), request.headers(), trusted);
    let exact = address::exact(request.extensions(), request.headers(), trusted);
    // Before the body is read: whoever calls too often isn't listened to.
    app.limits.init(from)?;
    let headers = request.headers().clone();
    let origin = auth::foreign_origin(&headers, request.uri());
    let body = Body::from_request(request, &app).await?;
    let asked = IdentifyRequest {
        origin,
        client_address: exact.to_string(),
        ..json::init(&body, &headers)?
    };
    let attempt = app.limits.proof(&asked, from)?;
    let answer = app.sessions().identify(asked).await?.into_inner();
    app.limits.named(attempt, &answer.app_id);
    match answer.outcome {
        Some(Outcome::Session(session)) => {
            if !answer.revoked_ids.is_empty() {
                let ids = answer.revoked_ids.iter().map(String::as_str);
                app.revocations.forget(&session.organization_id, ids);
            }
            if let Some(person) = &session.person {
                app.names.forget(&session.organization_id, &person.id);
            }
            Ok(Json(begin(&app, session, BEGINNING).await?).into_response())
        }
        Some(Outcome::Refused(refused)) => {
            app.limits.refused(attempt, &answer.app_id);
            let clean = refused.clean_session.unwrap_or_default();
            let clean = Session::new(clean, Thread::default());
            let clean = serde_json::to_value(clean).expect("answers are plain data");
            let members = Map::from_iter([("cleanSession".to_owned(), clean)]);
            Ok(problem(&Error::new(Reason::IdentityRefused), members))
        }
        None => Err(ApiError(Error::internal("identity answered neither"))),
    }
}

/// Ends the session; the device goes on as a new visitor.
#[utoipa::path(post, path = "/logout", operation_id = "endSession", tag = "widget",
    responses((status = 200, description = "A visitor's session.", body = Session), Refusals<(Person,)>))]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    person: Person,
) -> ApiResult<Json<Session>> {
    let request = LogoutRequest { token: person.token };
    let answer = app.sessions().logout(request).await?.into_inner();
    app.revocations.forget(&person.organization, [person.device.as_str()]);
    Ok(Json(begin(&app, answer.session.unwrap_or_default(), BEGINNING).await?))
}

/// A session with the person's thread and the newest messages of it. With 0 messages only its
/// numbers are there.
pub(super) async fn begin(app: &App, session: identity::Session, messages: i32) -> Result<Session> {
    let person = session.person.clone().unwrap_or_default();
    let known = session.mode() == Mode::Contact || session.stored;
    let mut conversation = Thread { id: known.then(|| person.id.clone()), ..Thread::default() };
    if session.stored {
        let organization = session.organization_id.clone();
        let contact = person.id.clone();
        let run = thread::run(app, organization, contact, Side::Contact, None, messages.max(1));
        let mut run = thread::or_nothing(run.await)?;
        if messages == 0 {
            run.messages.clear();
        }
        let by = (person.id.as_str(), person.name.as_str());
        let organization = session.organization_id.as_str();
        let authors = app.names.of_thread(app, organization, by, &run.messages).await?;
        conversation.last_seq = run.last_seq;
        conversation.unread = run.unread;
        conversation.messages = Message::list(run.messages, &authors);
    }
    Ok(Session::new(session, conversation))
}
