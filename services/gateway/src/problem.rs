//! Failures as `application/problem+json` (RFC 9457). What each is called stands in
//! `onethread_errors`.

use std::{any::Any, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use onethread_errors::{Error, Problem, Reason};
use serde_json::{Map, Value};
use tonic::Status;
use tracing::{Span, error};

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
        Self(from_service(status))
    }
}

/// A service's failure, its fields named as JSON clients know them.
pub(crate) fn from_service(status: Status) -> Error {
    let mut error = Error::from(status);
    for field in &mut error.fields {
        if !field.pointer.starts_with('/') {
            field.pointer = pointer(&field.pointer);
        }
    }
    error
}

/// `client_message_id` → `/clientMessageId`.
fn pointer(field: &str) -> String {
    match field {
        "page_token" => return "/cursor".to_owned(),
        "page_size" => return "/limit".to_owned(),
        "request_id" => return "/idempotencyKey".to_owned(),
        _ => {}
    }
    let mut words = field.split('_');
    let mut pointer = format!("/{}", words.next().unwrap_or_default());
    for word in words {
        let mut letters = word.chars();
        pointer.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        pointer.push_str(letters.as_str());
    }
    pointer
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        problem(&self.0, Map::new())
    }
}

/// The answer for a failure, with further members beside those that every problem has.
pub(crate) fn problem(failure: &Error, members: Map<String, Value>) -> Response {
    // What a service of ours called by its reason was logged there.
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
    // For the layers around.
    response.extensions_mut().insert(failure.reason);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, json);
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let after = failure.retry_after.unwrap_or(Duration::from_secs(1));
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    if failure.reason == Reason::SessionEnded {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Rounded up, so that whoever waits so long isn't too early; at least 1.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// No such route.
pub(crate) async fn no_route() -> ApiError {
    ApiError(Error::not_found())
}

/// The route takes other methods.
pub(crate) async fn no_method() -> ApiError {
    ApiError(Error::new(Reason::MethodNotAllowed))
}

/// A handler panicked: a bug of ours, whose words go to the log alone.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    error!(panic = text, "a call panicked");
    ApiError(Error::new(Reason::Internal)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_services_become_pointers() {
        assert_eq!(pointer("client_message_id"), "/clientMessageId");
        assert_eq!(pointer("text"), "/text");
        assert_eq!(pointer("page_token"), "/cursor");
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
    }

    #[test]
    fn too_many_calls_say_when_to_go_on() {
        let failure = Error::new(Reason::RateLimited).retry_after(Duration::from_millis(2500));
        let response = ApiError(failure).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
