//! What visitors and contacts say about themselves: the pre-chat form, and changes later.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use deserr::Deserr;
use http::{HeaderMap, StatusCode};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{SubmitPreChatRequest, TrackEventRequest, UpdateOwnProfileRequest};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    init::start,
    user::{Environment, Page, Profile, User},
};
use crate::{
    address::ClientAddress,
    app::App,
    authentication::WidgetCaller,
    extract::{Body, Faults, Lenient, flattened, to_digits},
    json::{self, Session, Warning, value_to_wire},
    openapi::{AttributeChange, Problems, reasons::NotAVisitor},
    problem::{ApiResult, json_pointer},
};

/// The pre-chat form, filled in.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct PreChatAnswers {
    /// Values by the names of the form's fields.
    #[schema(value_type = BTreeMap<String, AttributeChange>)]
    fields: BTreeMap<String, Value>,
    #[deserr(default)]
    user: Option<User>,
    #[deserr(default)]
    #[schema(value_type = Option<Page>)]
    page: Lenient<Page>,
    /// `web`, `ios` or `android`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    platform: Lenient<String>,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    locale: Lenient<String>,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    time_zone: Lenient<String>,
}

/// Sends the pre-chat form.
///
/// The session comes without messages.
#[utoipa::path(post, path = "/pre-chat", operation_id = "submitPreChat", tag = "widget",
    request_body = PreChatAnswers,
    responses((status = 200, description = "The session as it is now.", body = Session),
        Problems<(WidgetCaller, Body<PreChatAnswers>, NotAVisitor)>))]
pub(super) async fn pre_chat(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Body<PreChatAnswers>,
) -> ApiResult<Json<Session>> {
    let PreChatAnswers { fields, user, page, platform, locale, time_zone } = body.content()?;
    if !caller.is_stored {
        app.limits.new_visitor(from)?;
    }
    let environment = Environment { platform, locale, time_zone, page };
    let mut fields: Map<_, _> = fields.into_iter().collect();
    let mut warnings = Warning::of_digits(to_digits(&mut fields), "/fields");
    let fields = fields.iter().map(|(name, value)| (name.clone(), value_to_wire(value)));
    let (user, of_user) = user.map(User::into_claims).unzip();
    warnings.extend(of_user.unwrap_or_default());
    let request = SubmitPreChatRequest {
        token: caller.token,
        fields: fields.collect(),
        user,
        context: Some(environment.into_context(&headers)),
    };
    let answer = app.clients.visitors().submit_pre_chat(request).await?.into_inner();
    app.contact_changed(caller.organization, caller.contact);
    let session = start(&app, answer.session.unwrap_or_default(), 0).await?;
    Ok(Json(session.with_warnings(warnings)))
}

/// The profile after a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedPerson)]
pub(super) struct ChangedProfile {
    #[serde(flatten)]
    person: json::Person,
    warnings: Vec<Warning>,
}

/// Changes of the caller's own profile.
#[derive(Debug, ToSchema)]
pub(super) struct ProfileChange {
    #[serde(flatten)]
    profile: Profile,
    #[serde(flatten)]
    visit: Visit,
}

flattened!(ProfileChange { profile, visit });

/// The page that the person is on.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
struct Visit {
    #[deserr(default)]
    #[schema(value_type = Option<Page>)]
    page: Lenient<Page>,
}

/// Changes the caller's own profile.
#[utoipa::path(patch, path = "/contact", operation_id = "updateOwnProfile", tag = "widget",
    request_body = ProfileChange,
    responses((status = 200, description = "The profile as it is now.", body = ChangedProfile),
        Problems<(WidgetCaller, Body<ProfileChange>)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    body: Body<ProfileChange>,
) -> ApiResult<Json<ChangedProfile>> {
    // Only init identifies a user: ids and proofs in this body are unknown members.
    let ProfileChange { profile, visit } = body.content()?;
    app.visited_pages.record(&app, &caller, visit.page.0.map(Page::into)).await;
    let (user, kept) = profile.into_claims("/custom_data");
    let request = UpdateOwnProfileRequest { token: caller.token.clone(), user: Some(user) };
    let answer = app.clients.visitors().update_own_profile(request).await.map_err(Error::from);
    let answer = relative_to_user(answer)?.into_inner();
    app.contact_changed(caller.organization, caller.contact);
    let mut warnings: Vec<_> = answer.warnings.into_iter().map(Warning::from).collect();
    for warning in &mut warnings {
        strip_user(&mut warning.pointer);
    }
    Warning::append(&mut warnings, kept);
    Ok(Json(ChangedProfile { person: answer.person.unwrap_or_default().into(), warnings }))
}

/// An event that happened to the user.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct NewEvent {
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Up to 4,096 bytes of JSON.
    #[deserr(default)]
    #[schema(value_type = Option<Object>)]
    data: Option<BTreeMap<String, Value>>,
    /// The page that the person is on.
    #[deserr(default)]
    #[schema(value_type = Option<Page>)]
    page: Lenient<Page>,
}

/// Records an event of the caller.
///
/// The last 100 events of a contact are kept, for 90 days. Events of a visitor who isn't stored yet
/// are discarded.
#[utoipa::path(post, path = "/track", operation_id = "track", tag = "widget",
    request_body = NewEvent,
    responses((status = 204, description = "The event is recorded."),
        Problems<(WidgetCaller, Body<NewEvent>)>))]
pub(super) async fn track(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    body: Body<NewEvent>,
) -> ApiResult<StatusCode> {
    let NewEvent { name, data, page } = body.content()?;
    app.visited_pages.record(&app, &caller, page.0.map(Page::into)).await;
    let mut data: Map<_, _> = data.unwrap_or_default().into_iter().collect();
    to_digits(&mut data);
    let data = Some(json::members(&data));
    let request = TrackEventRequest { token: caller.token, name, data };
    app.clients.visitors().track_event(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn relative_to_user<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|mut error| {
        for field in &mut error.fields {
            field.path = json_pointer(&field.path);
            strip_user(&mut field.path);
        }
        error
    })
}

/// The body of this call is the user itself: `/user/email` → `/email`.
fn strip_user(pointer: &mut String) {
    if let Some(rest) = pointer.strip_prefix("/user/") {
        *pointer = format!("/{rest}");
    }
}
