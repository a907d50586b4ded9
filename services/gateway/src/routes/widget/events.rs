//! The caller's live events.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use deserr::Deserr;
use http::{HeaderMap, request::Parts};
use onethread_errors::{Error, Reason, Result};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use crate::{
    app::App,
    authentication::WidgetCaller,
    extract::{Faults, NO_SEQUENCE_NUMBER, Query, SequenceText},
    openapi::{Problems, Rejects, parameter},
    problem::{ApiError, ApiResult},
    streams::{self, StreamPlace},
};

/// The caller's events, live.
///
/// `message` (*Message*, its number is the event's id), `read` (*Read*), `typing` (*Typing*, only
/// of agents), `contact` (*Person*, when it changed), and with `{}`: `session-ended` (then the stream ends) and
/// `reload` (the stream can't resume: fetch again).
#[utoipa::path(get, path = "/events", operation_id = "followThread", tag = "widget",
    params(ResumePosition),
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream"),
        Problems<(WidgetCaller, ResumePosition)>,
    ))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    caller: WidgetCaller,
    place: StreamPlace,
    ResumePosition(after): ResumePosition,
) -> ApiResult<Response> {
    Ok(streams::follow_conversation(app, caller, place, after).await?)
}

/// The last sequence number that the client has: `Last-Event-ID`, else `afterSeq`, else from now.
pub(super) struct ResumePosition(Option<i64>);

#[derive(Deserr)]
#[deserr(error = Faults, rename_all = camelCase)]
struct ResumeQuery {
    #[deserr(default)]
    after_seq: Option<SequenceText>,
}

impl<S: Send + Sync> FromRequestParts<S> for ResumePosition {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // The header counts more, so a bad query beside it does no harm.
        if let Some(after) = last_event_id(&parts.headers)? {
            return Ok(Self(Some(after)));
        }
        let Query(query) = Query::<ResumeQuery>::from_request_parts(parts, state).await?;
        Ok(Self(query.after_seq.map(|seq| seq.0)))
    }
}

impl Rejects for ResumePosition {
    fn reasons() -> Vec<Reason> {
        vec![Reason::InvalidArgument]
    }
}

impl IntoParams for ResumePosition {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = "The last number that the reader has; neither: from now.";
        let query = "The same; the header counts more.";
        let schema = SequenceText::schema;
        vec![
            parameter("Last-Event-ID", ParameterIn::Header, header, schema()),
            parameter("afterSeq", ParameterIn::Query, query, schema()),
        ]
    }
}

/// The sequence number that a client resumes after. An empty header is the same as none.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let seq = SequenceText::parse(value.to_str().unwrap_or("?"));
    let seq = seq.ok_or_else(|| Error::invalid("/Last-Event-ID", NO_SEQUENCE_NUMBER))?;
    Ok(Some(seq.0))
}
