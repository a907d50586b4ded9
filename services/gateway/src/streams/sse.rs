//! Server-sent events: JSON in `data`, and a comment at an interval so that idle streams stay open.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Response, Sse,
    sse::{Event, KeepAlive},
};
use futures::{Stream, StreamExt};
use http::{HeaderName, HeaderValue, header};
use onethread_lifecycle::Lifecycle;
use serde::Serialize;

/// Interval of comments on an idle stream. Proxies and clients take a silent stream for a dead one.
const COMMENT_INTERVAL: Duration = Duration::from_secs(20);

/// An event with JSON data.
pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    let data = serde_json::to_string(data).expect("answers are plain data");
    Event::default().event(name).data(data)
}

/// A message. Its sequence number is the event's id, after which a client resumes.
pub(super) fn numbered(name: &str, seq: i64, data: &impl Serialize) -> Event {
    event(name, data).id(seq.to_string())
}

/// The client can't resume: it has to fetch again.
pub(super) fn reload() -> Event {
    Event::default().event("reload").data("{}")
}

/// The session ended.
pub(super) fn session_ended() -> Event {
    Event::default().event("session-ended").data("{}")
}

/// Answers with the events until they end or the process stops.
pub(super) fn respond(
    events: impl Stream<Item = Event> + Send + 'static,
    life: &Lifecycle,
) -> Response {
    let events = events.map(Ok::<_, Infallible>).take_until(life.stopping());
    let alive = KeepAlive::new().interval(COMMENT_INTERVAL);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx buffers an answer otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
