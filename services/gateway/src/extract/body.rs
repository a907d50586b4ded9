//! JSON bodies. A member that can't be taken is named by a pointer.

use std::time::Duration;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use onethread_errors::{Error, Reason, Result};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::{openapi::Refuses, problem::ApiError};

/// Bytes of a JSON body.
const LONGEST_BODY: usize = 256 * 1024;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(15);

/// A JSON object. A call without any body, or with null, is one with an empty object.
#[derive(Debug, Default)]
pub(crate) struct Body(pub(crate) Map<String, Value>);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let kind = media_type(&parts.headers);
        if !kind.is_empty() && kind != "application/json" {
            return Err(Error::new(Reason::UnsupportedMediaType).into());
        }
        let read = timeout(BODY_WAIT, Limited::new(body, LONGEST_BODY).collect()).await;
        let bytes = match read {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Error::new(Reason::TooLarge).into());
            }
            Ok(Err(_)) => return Err(Error::new(Reason::MalformedJson).into()),
            Err(_) => return Err(Error::new(Reason::DeadlineExceeded).into()),
        };
        if kind.is_empty() {
            let empty = bytes.is_empty();
            let refused = || Error::new(Reason::UnsupportedMediaType).into();
            return empty.then(Self::default).ok_or_else(refused);
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(Value::Null) => Ok(Self::default()),
            Ok(_) => Err(Error::invalid("", "is not an object").into()),
            Err(_) => Err(Error::new(Reason::MalformedJson).into()),
        }
    }
}

impl Body {
    /// A string that has to be there.
    pub(crate) fn text(&self, name: &str) -> Result<String> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// A string; null is the same as not given.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::invalid(format!("/{name}"), "is not a string")),
        }
    }

    /// True or false; null is the same as not given.
    pub(crate) fn optional_truth(&self, name: &str) -> Result<Option<bool>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(Error::invalid(format!("/{name}"), "is not true or false")),
        }
    }

    /// A whole number from 0 that has to be there.
    pub(crate) fn count(&self, name: &str) -> Result<i64> {
        let value = self.0.get(name).ok_or_else(|| missing(name))?;
        let number = value.as_i64().filter(|number| *number >= 0);
        number.ok_or_else(|| Error::invalid(format!("/{name}"), "is not a whole number from 0"))
    }

    /// True or false, which has to be there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        let value = self.0.get(name).ok_or_else(|| missing(name))?;
        let not_one = || Error::invalid(format!("/{name}"), "is not true or false");
        value.as_bool().ok_or_else(not_one)
    }

    /// An object; null is the same as not given.
    pub(crate) fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(Error::invalid(format!("/{name}"), "is not an object")),
        }
    }
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("/{name}"), "is missing")
}

/// The content type without its parameters, in lower case; empty where there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl Refuses for Body {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_another_type_is_named() {
        let body: Map<_, _> = serde_json::from_str(r#"{"text":5,"seq":-1,"user":[]}"#).unwrap();
        let body = Body(body);
        assert_eq!(body.text("text").unwrap_err().fields[0].pointer, "/text");
        assert_eq!(body.text("kind").unwrap_err().fields[0].detail, "is missing");
        assert_eq!(body.count("seq").unwrap_err().fields[0].pointer, "/seq");
        assert_eq!(body.object("user").unwrap_err().fields[0].pointer, "/user");
    }
}
