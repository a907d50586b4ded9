//! What handlers take from a request: a JSON body, the query, an id in the path. Each refusal is
//! a problem with a pointer.

use std::{collections::HashMap, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use onethread_core::PageSize;
use onethread_errors::{Error, Reason, Result};
use serde_json::{Map, Value};
use tokio::time::timeout;
use uuid::Uuid;

use crate::problem::ApiError;

/// Bytes of a JSON body.
const LONGEST_BODY: usize = 256 * 1024;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(15);

/// A JSON object. A call without any body is one with an empty object.
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

    /// A whole number from 0 that has to be there.
    pub(crate) fn count(&self, name: &str) -> Result<i64> {
        let value = self.0.get(name).ok_or_else(|| missing(name))?;
        let number = value.as_i64().filter(|number| *number >= 0);
        number.ok_or_else(|| Error::invalid(format!("/{name}"), "is not a whole number from 0"))
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

/// The query.
#[derive(Debug)]
pub(crate) struct Params(HashMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(_) => Err(Error::invalid("", "the query can't be read").into()),
        }
    }
}

impl Params {
    /// A parameter as text; an empty one is the same as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// `limit`: rows a page, cut to the longest page.
    pub(crate) fn limit(&self) -> Result<i32> {
        let Some(text) = self.text("limit") else {
            return Ok(rows(PageSize::DEFAULT));
        };
        // Digits that no number type holds are still a number above the bound.
        let wanted = match text.parse::<u64>() {
            Ok(wanted) => i32::try_from(wanted).unwrap_or(i32::MAX),
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => i32::MAX,
            Err(_) => 0,
        };
        let size = if wanted == 0 { None } else { PageSize::new(wanted) };
        size.map(rows).ok_or_else(|| Error::invalid("/limit", "is not a whole number from 1"))
    }

    /// `cursor`: where the list goes on; empty for its beginning.
    pub(crate) fn cursor(&self) -> String {
        self.text("cursor").unwrap_or_default().to_owned()
    }

    /// A sequence number.
    pub(crate) fn seq(&self, name: &str) -> Result<Option<i64>> {
        self.text(name).map(|text| seq(name, text)).transpose()
    }
}

/// A sequence number from its text.
pub(crate) fn seq(name: &str, text: &str) -> Result<i64> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Error::invalid(format!("/{name}"), "is not a whole number from 0"))
}

fn rows(size: PageSize) -> i32 {
    i32::try_from(size.rows()).expect("a page is short")
}

/// The one id in the path, in its usual spelling. A text that is no id names nothing that is there.
#[derive(Debug)]
pub(crate) struct PathId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| Uuid::parse_str(&text).ok());
        id.map(|id| Self(id.to_string())).ok_or_else(|| Error::not_found().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(limit: &str) -> Params {
        Params(HashMap::from([("limit".to_owned(), limit.to_owned())]))
    }

    #[test]
    fn a_limit_is_cut_above_and_refused_below() {
        assert_eq!(params("").limit().unwrap(), 50);
        assert_eq!(params("7").limit().unwrap(), 7);
        for long in ["201", "4294967299", "99999999999999999999999"] {
            assert_eq!(params(long).limit().unwrap(), 200, "{long}");
        }
        for odd in ["0", "-1", "x", "1.5"] {
            assert_eq!(params(odd).limit().unwrap_err().fields[0].pointer, "/limit", "{odd}");
        }
    }

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
