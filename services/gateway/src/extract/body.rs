//! JSON bodies, read into the type that describes them in the document.

use std::time::Duration;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use deserr::Deserr;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use onethread_errors::{Error, Reason, Result};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Faults;
use crate::{openapi::Rejects, problem::ApiError};

/// Bytes of a JSON body.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Time that a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON object read into a type. A call without a body, or with null, has an empty object.
///
/// Faults are reported when the handler reads the content, and not before: a handler first answers
/// whether the caller may call at all.
#[derive(Debug)]
pub(crate) struct Body<T>(Result<T>);

impl<T> Body<T> {
    /// The content.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` that names every field at fault.
    pub(crate) fn content(self) -> Result<T> {
        self.0
    }
}

impl<S: Sync, T: Deserr<Faults>> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let members = Value::Object(object(request).await?);
        Ok(Self(deserr::deserialize(members).map_err(|faults: Faults| faults.into())))
    }
}

async fn object(request: Request) -> Result<Map<String, Value>> {
    let (parts, body) = request.into_parts();
    let media_type = media_type(&parts.headers);
    if !media_type.is_empty() && media_type != "application/json" {
        return Err(Error::new(Reason::UnsupportedMediaType));
    }
    let bytes = read(body).await?;
    if media_type.is_empty() {
        let rejected = || Error::new(Reason::UnsupportedMediaType);
        return bytes.is_empty().then(Map::new).ok_or_else(rejected);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(Error::invalid("", "is not an object")),
        Err(_) => Err(Error::new(Reason::MalformedJson)),
    }
}

async fn read(body: axum::body::Body) -> Result<Bytes> {
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::new(Reason::TooLarge)),
        Ok(Err(_)) => Err(Error::new(Reason::MalformedJson)),
        Err(_) => Err(Error::new(Reason::DeadlineExceeded)),
    }
}

/// The content type without its parameters, in lower case; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl<T> Rejects for Body<T> {
    fn reasons() -> Vec<Reason> {
        vec![
            Reason::InvalidArgument,
            Reason::MalformedJson,
            Reason::TooLarge,
            Reason::UnsupportedMediaType,
            Reason::DeadlineExceeded,
        ]
    }
}
