//! Query parameters, read into the type that describes them in the document.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Query as Pairs},
    http::request::Parts,
};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_core::PageSize;
use onethread_errors::{Error, Reason};
use serde_json::{Map, Value as Json};
use utoipa::{
    IntoParams,
    openapi::{
        Object, ObjectBuilder, Type,
        schema::{KnownFormat, SchemaFormat},
    },
};

use super::{Faults, faults::by_rule};
use crate::{openapi::Rejects, problem::ApiError};

/// The largest number that every JSON client reads exactly.
const MAX_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

/// The query. An empty parameter is the same as none.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: Deserr<Faults>> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let pairs = Pairs::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Pairs(pairs) = pairs.map_err(|_| Error::invalid("", "the query can't be read"))?;
        let given = pairs.into_iter().filter(|(_, text)| !text.is_empty());
        let members: Map<_, _> = given.map(|(name, text)| (name, Json::String(text))).collect();
        let read = deserr::deserialize(Json::Object(members));
        read.map(Self).map_err(|faults: Faults| Error::from(faults).into())
    }
}

impl<T> Rejects for Query<T> {
    fn reasons() -> Vec<Reason> {
        vec![Reason::InvalidArgument]
    }
}

/// Which page of a list.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Rows of the page; more than 200 is cut to 200.
    #[deserr(default)]
    #[param(schema_with = PageLimit::schema, required = false)]
    pub(crate) limit: PageLimit,
    /// The `nextCursor` of the page before.
    #[deserr(default)]
    #[param(required = false)]
    pub(crate) cursor: String,
}

/// Rows of a page in a query, cut to the longest page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimit(pub(crate) i32);

impl PageLimit {
    pub(crate) fn schema() -> Object {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .default(Some(PageSize::DEFAULT.rows().into()))
            .build()
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(rows(PageSize::DEFAULT))
    }
}

impl Deserr<Faults> for PageLimit {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not a whole number from 1", |value| {
            let text = value.as_str()?;
            // Digits that no number type holds are still a number above the bound.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let limit = text.parse().or(if digits { Ok(u64::MAX) } else { Err(()) });
            limit.ok().filter(|limit| *limit > 0).map(cut_limit).map(Self)
        })
    }
}

/// Rows of a page for a limit from 1, cut to the longest page.
pub(crate) fn cut_limit(limit: u64) -> i32 {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    PageSize::new(limit).map_or(0, rows)
}

fn rows(size: PageSize) -> i32 {
    i32::try_from(size.rows()).expect("a page is short")
}

/// A sequence number in a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SequenceText(pub(crate) i64);

impl SequenceText {
    /// The number that a text is.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| *number >= 0).map(Self)
    }

    pub(crate) fn schema() -> Object {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .maximum(Some(MAX_SEQUENCE_NUMBER))
            .build()
    }
}

/// What a text that is no sequence number is answered with.
pub(crate) const NO_SEQUENCE_NUMBER: &str = "is not a whole number from 0";

impl Deserr<Faults> for SequenceText {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, NO_SEQUENCE_NUMBER, |value| Self::parse(value.as_str()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<i32, Error> {
        let read: Result<Paging, Faults> = deserr::deserialize(serde_json::json!({"limit": text}));
        Ok(read?.limit.0)
    }

    #[test]
    fn a_limit_is_cut_above_and_rejected_below() {
        assert_eq!(limit("7").unwrap(), 7);
        for long in ["201", "4294967299", "99999999999999999999999"] {
            assert_eq!(limit(long).unwrap(), 200, "{long}");
        }
        for odd in ["0", "-1", "x", "1.5"] {
            assert_eq!(limit(odd).unwrap_err().fields[0].path, "/limit", "{odd}");
        }
        assert_eq!(PageLimit::default().0, 50);
    }
}
