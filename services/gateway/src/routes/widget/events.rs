//! The person's live events.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::{HeaderMap, request::Parts};
use onethread_errors::{Reason, Result};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use crate::{
    app::App,
    auth::Person,
    extract::{self, Params, seq_parameter},
    openapi::{Refusals, Refuses},
    problem::{ApiError, ApiResult},
    streams,
};

/// The person's events, live.
///
/// `message` (*Message*, its number is the event's id), `read` (*Read*), `typing` (*Typing*, the
/// agents' alone), `contact` (*Person*, when it changed), and with `{}`: `session-ended` (then the stream ends) and `reload` (what was missed can't be told: fetch anew).
#[utoipa::path(get, path = "/events", operation_id = "followThread", tag = "widget",
    params(Beginning),
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream"),
        Refusals<(Person, Beginning)>,
    ))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    person: Person,
    Beginning(after): Beginning,
) -> ApiResult<Response> {
    Ok(streams::follow_thread(app, person, after).await?)
}

/// The last number that the reader has: `Last-Event-ID`, else `afterSeq`, else from now.
pub(super) struct Beginning(Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for Beginning {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = Params::from_request_parts(parts, state).await?;
        match last_event_id(&parts.headers)? {
            Some(after) => Ok(Self(Some(after))),
            None => Ok(Self(params.seq("afterSeq")?)),
        }
    }
}

impl Refuses for Beginning {
    fn reasons() -> Vec<Reason> {
        Params::reasons()
    }
}

impl IntoParams for Beginning {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let said = "The last number that the reader has; neither: from now.";
        vec![
            seq_parameter("Last-Event-ID", ParameterIn::Header, said),
            seq_parameter("afterSeq", ParameterIn::Query, "The same; the header counts more."),
        ]
    }
}

/// What an interrupted reader says it has. An empty one is none.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    extract::seq("Last-Event-ID", value.to_str().unwrap_or("?")).map(Some)
}
