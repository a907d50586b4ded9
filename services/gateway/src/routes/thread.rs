//! Reading a thread: what the widget's calls and the agents' have in common.

use axum::extract::FromRequestParts;
use http::request::Parts;
use onethread_errors::{Error, Reason, Result};
use onethread_proto::conversation::{
    ListMessagesRequest, ListMessagesResponse, Side, list_messages_request,
};
use serde::Serialize;
use utoipa::{
    IntoParams, ToSchema,
    openapi::path::{Parameter, ParameterIn},
};

use crate::{
    app::App,
    auth::Person,
    extract::{Params, limit_parameter, seq_parameter},
    json::Message,
    openapi::Refuses,
    problem::{ApiError, from_service},
};

pub(crate) use list_messages_request::Position;

/// A run of messages, ascending.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) items: Vec<Message>,
    /// The last number that this reader can see.
    #[schema(minimum = 0)]
    pub(super) last_seq: i64,
}

/// Which messages: `afterSeq` or `beforeSeq`, and `limit`.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) position: Option<Position>,
    /// Rows.
    pub(super) size: i32,
}

impl<S: Send + Sync> FromRequestParts<S> for Range {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = Params::from_request_parts(parts, state).await?;
        Ok(Self { position: position(&params)?, size: params.limit()? })
    }
}

impl Refuses for Range {
    fn reasons() -> Vec<Reason> {
        Params::reasons()
    }
}

impl IntoParams for Range {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let (after, before) = ("Those after this number.", "Those before it, instead.");
        vec![
            seq_parameter("afterSeq", ParameterIn::Query, after),
            seq_parameter("beforeSeq", ParameterIn::Query, before),
            limit_parameter(),
        ]
    }
}

/// `afterSeq` or `beforeSeq`; neither: the newest messages.
fn position(params: &Params) -> Result<Option<Position>> {
    match (params.seq("afterSeq")?, params.seq("beforeSeq")?) {
        (None, None) => Ok(None),
        (Some(after), None) => Ok(Some(Position::AfterSeq(after))),
        (None, Some(before)) => Ok(Some(Position::BeforeSeq(before))),
        (Some(_), Some(_)) => Err(Error::invalid("/beforeSeq", "stands beside afterSeq")),
    }
}

/// A run of any conversation's messages.
pub(super) async fn run(
    app: &App,
    organization_id: String,
    conversation_id: String,
    side: Side,
    position: Option<Position>,
    page_size: i32,
) -> Result<ListMessagesResponse> {
    let side = side.into();
    let request =
        ListMessagesRequest { organization_id, conversation_id, side, position, page_size };
    let answer = app.conversations().list_messages(request).await.map_err(from_service)?;
    Ok(answer.into_inner())
}

/// A run of the person's own messages; nothing while nothing was ever written.
pub(crate) async fn of_contact(
    app: &App,
    person: &Person,
    position: Option<Position>,
    page_size: i32,
) -> Result<ListMessagesResponse> {
    let (organization, contact) = (person.organization.clone(), person.contact.clone());
    or_nothing(run(app, organization, contact, Side::Contact, position, page_size).await)
}

/// A thread that isn't there is an empty one to its person.
pub(crate) fn or_nothing<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(error) if error.reason == Reason::NotFound => Ok(T::default()),
        found => found,
    }
}
