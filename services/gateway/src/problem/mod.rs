//! Failures as `application/problem+json` (RFC 9457). `onethread_errors` names them.

mod body;
mod pointer;

use std::{any::Any, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use onethread_errors::{Error, Reason};
use serde_json::{Map, Value};
use tonic::Status;
use tracing::{Span, error};

pub(crate) use self::{
    body::Problem,
    pointer::{escape, json_pointer},
};

/// A failure of a call.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        Self(status.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        problem(&self.0, Map::new())
    }
}

/// The answer for a failure, with members beside those of every problem.
pub(crate) fn problem(failure: &Error, members: Map<String, Value>) -> Response {
    // A failure of another service has no source: that service has logged it.
    if failure.source.is_some() {
        onethread_grpc::log_failure(failure);
    }
    let problem = Problem::new(failure, onethread_telemetry::trace_id(&Span::current()));
    let status = StatusCode::from_u16(problem.status).expect("the table holds HTTP statuses");
    let mut body = serde_json::to_value(problem).expect("a problem is plain data");
    if let Value::Object(body) = &mut body {
        body.extend(members);
    }
    let mut response = (status, body.to_string()).into_response();
    // For the outer layers.
    response.extensions_mut().insert(failure.reason);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, json);
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let wait = failure.retry_after.unwrap_or(Duration::from_secs(1));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if failure.reason == Reason::SessionEnded {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Rounded up, so that a client that waits isn't too early; at least 1.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The answer for an unknown route.
pub(crate) async fn no_route() -> ApiError {
    ApiError(Error::not_found())
}

/// The answer for a route with other methods.
pub(crate) async fn no_method() -> ApiError {
    ApiError(Error::new(Reason::MethodNotAllowed))
}

/// The answer for a panic. Its message goes only to the log.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    error!(panic = text, "call panicked");
    ApiError(Error::new(Reason::Internal)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
    }

    #[test]
    fn a_rate_limited_call_has_retry_after() {
        let failure = Error::new(Reason::RateLimited).retry_after(Duration::from_millis(2500));
        let response = ApiError(failure).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
