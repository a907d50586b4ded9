//! What people say of themselves: the form before the first message, and changes later.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderMap, StatusCode};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{
    SubmitPreChatRequest, TrackEventRequest, UpdateOwnProfileRequest, UserClaims,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::init::begin;
use crate::{
    address::ClientAddress,
    app::App,
    auth::Person,
    extract::Body,
    json::{self, Form, NewEvent, Profile, Session, Warning},
    openapi::{Refusals, reasons::NotAVisitor},
    problem::{ApiResult, from_service},
};

/// Sends the form before the first message.
///
/// The session comes without messages.
#[utoipa::path(post, path = "/pre-chat", operation_id = "submitPreChat", tag = "widget",
    request_body = Form,
    responses((status = 200, description = "The session as it is now.", body = Session),
        Refusals<(Person, Body, NotAVisitor)>))]
pub(super) async fn pre_chat(
    State(app): State<Arc<App>>,
    person: Person,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Session>> {
    let fields = body.object("fields")?;
    let fields = json::fields(fields.ok_or_else(|| Error::invalid("/fields", "is missing"))?);
    let user = body.object("user")?.map(json::claims);
    if !person.stored {
        app.limits.new_visitor(from)?;
    }
    let context = Some(json::page_context(&body, &headers));
    let request = SubmitPreChatRequest { token: person.token, fields, user, context };
    let answer = app.sessions().submit_pre_chat(request).await?.into_inner();
    app.forget_person(&person.organization, &person.contact);
    Ok(Json(begin(&app, answer.session.unwrap_or_default(), 0).await?))
}

/// The profile after a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedPerson)]
pub(super) struct Changed {
    #[serde(flatten)]
    person: json::Person,
    warnings: Vec<Warning>,
}

/// Changes what the person says of themself.
#[utoipa::path(patch, path = "/contact", operation_id = "updateOwnProfile", tag = "widget",
    request_body = Profile,
    responses((status = 200, description = "The profile as it is now.", body = Changed),
        Refusals<(Person, Body)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    person: Person,
    Body(user): Body,
) -> ApiResult<Json<Changed>> {
    // Who somebody is, and the proof of it, is settled by init alone.
    let user = UserClaims {
        user_id: None,
        security_hash: None,
        user_hash: None,
        user_jwt: None,
        ..json::claims(&user)
    };
    let request = UpdateOwnProfileRequest { token: person.token, user: Some(user) };
    let answer = app.contacts().update_own_profile(request).await.map_err(from_service);
    let answer = of_body(answer)?.into_inner();
    app.forget_person(&person.organization, &person.contact);
    let mut warnings: Vec<_> = answer.warnings.into_iter().map(Warning::from).collect();
    for warning in &mut warnings {
        within_user(&mut warning.pointer);
    }
    Ok(Json(Changed { person: answer.person.unwrap_or_default().into(), warnings }))
}

/// Tells what the person did.
///
/// The last 100 events of a person are kept, for 90 days. For somebody of whom nothing is stored
/// nothing is.
#[utoipa::path(post, path = "/track", operation_id = "track", tag = "widget",
    request_body = NewEvent,
    responses((status = 204, description = "Noted."), Refusals<(Person, Body)>))]
pub(super) async fn track(
    State(app): State<Arc<App>>,
    person: Person,
    body: Body,
) -> ApiResult<StatusCode> {
    let name = body.text("name")?;
    let data = json::members(body.object("data")?);
    let request = TrackEventRequest { token: person.token, name, data: Some(data) };
    app.contacts().track_event(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn of_body<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|mut error| {
        error.fields.iter_mut().for_each(|field| within_user(&mut field.pointer));
        error
    })
}

/// In this call the body itself is the user: `/user/email` → `/email`.
fn within_user(pointer: &mut String) {
    if let Some(rest) = pointer.strip_prefix("/user/") {
        *pointer = format!("/{rest}");
    }
}
