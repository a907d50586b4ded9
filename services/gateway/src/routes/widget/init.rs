//! Starting the widget, and starting again after a logout.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use http::HeaderMap;
use onethread_core::{ContactId, ConversationId};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::{
    self, ApplicationNumberAndSecret, IdentifyRequest, IdentityRefused, LogoutRequest, SessionMode,
    identify_request::Application, identify_response::Outcome,
};
use serde_json::{Map, Value as Member};
use utoipa::ToSchema;

use super::user::{Environment, Page, User};
use crate::{
    address,
    app::App,
    authentication::WidgetCaller,
    clients::answered_id,
    extract::{Body, Faults, Lenient, flattened},
    json::{ApplicationNumber, Message, Session, Thread, Warning},
    limits::Limits,
    openapi::{
        Problems,
        reasons::{
            Blocked, DeadlineExceeded, IdentityRefused as IdentityRefusedReason, OriginRefused,
            RateLimited, Unavailable, UnknownApplication,
        },
    },
    origin,
    problem::{ApiResult, problem},
    routes::messages,
};

/// Messages in the answer to `init`.
const INIT_MESSAGES: i32 = 50;

/// The widget starts: by the application's public UUID, or by its number with the secret.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub(super) enum Start {
    ByAppId(StartByAppId),
    BySecret(StartBySecret),
}

/// What apps send.
#[derive(Debug, ToSchema)]
pub(super) struct StartByAppId {
    #[serde(flatten)]
    common: StartCommon,
    #[serde(flatten)]
    application: ApplicationByAppId,
}

/// An application by its public id.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct ApplicationByAppId {
    /// The application's public UUID.
    app_id: String,
}

/// What the snippet sends.
#[derive(Debug, ToSchema)]
pub(super) struct StartBySecret {
    #[serde(flatten)]
    common: StartCommon,
    #[serde(flatten)]
    application: ApplicationBySecret,
}

/// An application by its number and secret.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct ApplicationBySecret {
    application_id: ApplicationNumber,
    application_secret: String,
}

/// What every start has or may have.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct StartCommon {
    /// The organization's domain.
    organization: String,
    #[deserr(default)]
    user: Option<User>,
    /// `session.deviceToken` of an earlier answer.
    #[deserr(default)]
    device_token: Option<String>,
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
    #[deserr(default)]
    #[schema(value_type = Option<Page>)]
    page: Lenient<Page>,
}

flattened!(StartByAppId { common, application });
flattened!(StartBySecret { common, application });

impl Deserr<Faults> for Start {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let body = Member::deserialize_from_value(value, location)?;
        let has_app_id = body.get("appId").is_some_and(|app_id| !app_id.is_null());
        let body = body.into_value();
        if has_app_id {
            StartByAppId::deserialize_from_value(body, location).map(Self::ByAppId)
        } else {
            StartBySecret::deserialize_from_value(body, location).map(Self::BySecret)
        }
    }
}

impl Start {
    /// For identity, with warnings about what is stored differently.
    fn into_request(self, headers: &HeaderMap) -> (IdentifyRequest, Vec<Warning>) {
        let (common, application) = match self {
            Self::ByAppId(start) => {
                (start.common, Application::ApplicationId(start.application.app_id))
            }
            Self::BySecret(start) => {
                let ApplicationBySecret { application_id, application_secret } = start.application;
                let (number, secret) = (application_id.0, application_secret);
                let named = ApplicationNumberAndSecret { number, secret };
                (start.common, Application::NumberAndSecret(named))
            }
        };
        let StartCommon { organization, user, device_token, platform, locale, time_zone, page } =
            common;
        let environment = Environment { platform, locale, time_zone, page };
        let (user, warnings) = user.map(User::into_claims).unzip();
        let request = IdentifyRequest {
            organization_name: organization,
            application: Some(application),
            user,
            device_token: device_token.unwrap_or_default(),
            context: Some(environment.into_context(headers)),
            ..IdentifyRequest::default()
        };
        (request, warnings.unwrap_or_default())
    }
}

/// Reasons for which `init` may be rejected besides its body.
type InitReasons = (
    UnknownApplication,
    IdentityRefusedReason,
    (OriginRefused, Blocked),
    RateLimited,
    Unavailable,
    DeadlineExceeded,
);

/// Starts the widget for a visitor, or for the user whom the page identifies and proves.
///
/// If the identity is refused, the answer has a session as well: a new visitor's, to be held in
/// memory only.
#[utoipa::path(post, path = "/init", operation_id = "init", tag = "widget", security(()),
    request_body = Start,
    responses((status = 200, description = "A session.", body = Session),
        Problems<(Body<Start>, InitReasons)>))]
pub(super) async fn init(State(app): State<Arc<App>>, request: Request) -> ApiResult<Response> {
    let trusted = &app.config.trusted_proxies;
    let from = address::client(request.extensions(), request.headers(), trusted);
    let client_address = address::exact(request.extensions(), request.headers(), trusted);
    // Before the body is read: the body of a caller over the limit costs nothing.
    app.limits.init(from)?;
    let headers = request.headers().clone();
    let origin = origin::foreign_origin(&headers, request.uri());
    let body = Body::<Start>::from_request(request, &app).await?;
    let (request, warnings) = body.content()?.into_request(&headers);
    let client_address = client_address.to_string();
    let request = IdentifyRequest { origin, client_address, ..request };
    Ok(identify(&app, request, from, warnings).await?)
}

async fn identify(
    app: &App,
    request: IdentifyRequest,
    from: IpAddr,
    warnings: Vec<Warning>,
) -> Result<Response> {
    let attempt = app.limits.proof(&request, from).await?;
    let answer = app.clients.sessions().identify(request).await;
    let answer = answer.map_err(Error::from)?.into_inner();
    match answer.outcome {
        Some(Outcome::Session(session)) => {
            Limits::proven(attempt, &answer.application_id, &session.device_token);
            let organization = answered_id(&session.organization_id)?;
            app.revocations.note_answered(organization, &answer.revoked_ids);
            if let Some(person) = &session.person {
                app.names.contact_changed(organization, answered_id(&person.id)?);
            }
            let session = start(app, session, INIT_MESSAGES).await?;
            Ok(Json(session.with_warnings(warnings)).into_response())
        }
        Some(Outcome::Refused(refused)) => {
            Limits::proof_refused(attempt, &answer.application_id);
            Ok(clean_session(refused))
        }
        None => Err(Error::internal("identity answered neither outcome")),
    }
}

fn clean_session(refused: IdentityRefused) -> Response {
    let session = refused.clean_session.unwrap_or_default();
    let session = Session::new(session, Thread::default());
    let session = serde_json::to_value(session).expect("answers are plain data");
    let members = Map::from_iter([("cleanSession".to_owned(), session)]);
    problem(&Error::new(Reason::IdentityRefused), members)
}

/// Ends the session of a contact; the device continues as a new visitor. A visitor stays the same.
#[utoipa::path(post, path = "/logout", operation_id = "endSession", tag = "widget",
    responses((status = 200, description = "A visitor's session.", body = Session),
        Problems<(WidgetCaller,)>))]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
) -> ApiResult<Json<Session>> {
    let request = LogoutRequest { token: caller.token };
    let answer = app.clients.sessions().logout(request).await?.into_inner();
    app.revocations.note(caller.organization, [caller.device.0]);
    Ok(Json(start(&app, answer.session.unwrap_or_default(), INIT_MESSAGES).await?))
}

/// A session with the newest messages of its conversation. With 0 messages it has only the
/// conversation's numbers.
pub(super) async fn start(app: &App, session: identity::Session, messages: i32) -> Result<Session> {
    let person = session.person.clone().unwrap_or_default();
    let has_conversation = session.mode() == SessionMode::Contact || session.stored;
    let id = has_conversation.then(|| person.id.clone());
    let mut conversation = Thread { id, ..Thread::default() };
    if session.stored {
        let organization = answered_id(&session.organization_id)?;
        let contact: ContactId = answered_id(&person.id)?;
        let of = (organization, ConversationId::of_contact(contact));
        let mut page = messages::of_contact(app, of, None, messages.max(1)).await?;
        if messages == 0 {
            page.messages.clear();
        }
        let named = (contact, person.name.as_str());
        let authors =
            app.names.authors_of_conversation(app, organization, named, &page.messages).await?;
        conversation.last_seq = page.last_seq;
        conversation.unread = page.unread_count;
        conversation.messages = Message::list(page.messages, &authors);
    }
    Ok(Session::new(session, conversation))
}

#[cfg(test)]
mod tests {
    use prost_types::value::Kind;
    use serde_json::json;

    use super::*;

    fn read(body: Member) -> Result<IdentifyRequest, Vec<String>> {
        let start: Result<Start, Faults> = deserr::deserialize(body);
        start.map(|start| start.into_request(&HeaderMap::new()).0).map_err(|faults| {
            Error::from(faults).fields.into_iter().map(|field| field.path).collect()
        })
    }

    #[test]
    fn absent_null_and_given_stay_apart() {
        let sent = json!({"organization": "demo", "applicationId": 1, "applicationSecret": "s",
            "user": {"user_id": 5, "email": null}});
        let user = read(sent).unwrap().user.unwrap();
        assert_eq!(user.user_id.unwrap().kind, Some(Kind::NumberValue(5.0)));
        assert_eq!(user.email.unwrap().kind, Some(Kind::NullValue(0)));
        assert!(user.name.is_none());
    }

    #[test]
    fn a_number_may_be_quoted() {
        let sent = json!({"organization": "demo", "applicationId": "12", "applicationSecret": "s"});
        let Some(Application::NumberAndSecret(named)) = read(sent).unwrap().application else {
            panic!("by secret");
        };
        assert_eq!(named.number, 12);
    }

    #[test]
    fn every_member_of_another_type_is_named() {
        for (sent, pointers) in [
            (
                json!({"organization": 1}),
                &["/organization", "/applicationId", "/applicationSecret"][..],
            ),
            (json!({"organization": "d"}), &["/applicationId", "/applicationSecret"]),
            (
                json!({"organization": "d", "applicationId": 1.5}),
                &["/applicationId", "/applicationSecret"],
            ),
            (json!({"organization": "d", "applicationId": 1}), &["/applicationSecret"]),
            (json!({"organization": "d", "appId": 1}), &["/appId"]),
            (json!({"organization": "d", "appId": "x", "user": "me"}), &["/user"]),
        ] {
            assert_eq!(read(sent.clone()).unwrap_err(), pointers, "{sent}");
        }
    }

    #[test]
    fn an_environment_that_cannot_be_used_is_left_out() {
        let sent = json!({"organization": "d", "appId": "x", "platform": 5, "locale": "de",
            "page": {"url": "https://shop.example/", "title": 1}});
        let context = read(sent).unwrap().context.unwrap();
        assert_eq!((context.platform, context.locale.as_str()), (0, "de"));
        assert_eq!(context.page.unwrap().url, "https://shop.example/");
    }
}
