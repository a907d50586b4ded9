//! The query: parameters that many calls have, and others by their names.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use onethread_core::PageSize;
use onethread_errors::{Error, Reason, Result};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Type,
        path::{Parameter, ParameterIn},
        schema::{KnownFormat, SchemaFormat},
    },
};

use crate::{
    openapi::{Refuses, parameter},
    problem::ApiError,
};

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

/// Rows a page for a wish from 1, cut to the longest page.
pub(crate) fn cut_limit(wanted: u64) -> i32 {
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
    PageSize::new(wanted).map_or(0, rows)
}

fn rows(size: PageSize) -> i32 {
    i32::try_from(size.rows()).expect("a page is short")
}

impl Refuses for Params {
    fn reasons() -> Vec<Reason> {
        vec![Reason::InvalidArgument]
    }
}

/// Which page of a list: `limit` and `cursor`.
#[derive(Debug)]
pub(crate) struct Paging {
    /// Rows.
    pub(crate) size: i32,
    /// Where the list goes on; empty for its beginning.
    pub(crate) cursor: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = Params::from_request_parts(parts, state).await?;
        let cursor = params.text("cursor").unwrap_or_default().to_owned();
        Ok(Self { size: params.limit()?, cursor })
    }
}

impl Refuses for Paging {
    fn reasons() -> Vec<Reason> {
        Params::reasons()
    }
}

impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let said = "The `nextCursor` of the page before.";
        vec![limit_parameter(), parameter("cursor", ParameterIn::Query, said, text)]
    }
}

/// `limit` as the document has it.
pub(crate) fn limit_parameter() -> Parameter {
    let rows = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .default(Some(PageSize::DEFAULT.rows().into()));
    let said = "Rows of the page; more than 200 is cut to 200.";
    parameter("limit", ParameterIn::Query, said, rows)
}

/// Larger ones are no longer whole in every client.
const LARGEST_SEQ: u64 = (1 << 53) - 1;

/// A sequence number as the document has it.
pub(crate) fn seq_parameter(name: &str, place: ParameterIn, said: &str) -> Parameter {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some(LARGEST_SEQ));
    parameter(name, place, said, number)
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
}
