//! The person's live events.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use onethread_errors::Result;

use crate::{
    app::App,
    auth::Person,
    extract::{self, Params},
    problem::ApiResult,
    streams,
};

pub(super) async fn follow(
    State(app): State<Arc<App>>,
    person: Person,
    params: Params,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let after = match last_event_id(&headers)? {
        Some(after) => Some(after),
        None => params.seq("afterSeq")?,
    };
    Ok(streams::follow_thread(app, person, after).await?)
}

/// What an interrupted reader says it has. An empty one is none.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    extract::seq("Last-Event-ID", value.to_str().unwrap_or("?")).map(Some)
}
