//! The id in the path.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use onethread_errors::{Error, Reason};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Type,
        path::{Parameter, ParameterIn},
        schema::{KnownFormat, SchemaFormat},
    },
};

use crate::{
    openapi::{Rejects, parameter},
    problem::ApiError,
};

/// The id in the path. A text that isn't an id is answered like an id that doesn't exist.
#[derive(Debug)]
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Error::not_found().into())
    }
}

impl<T> Rejects for PathId<T> {
    fn reasons() -> Vec<Reason> {
        vec![Reason::NotFound]
    }
}

impl<T> IntoParams for PathId<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        vec![parameter("id", ParameterIn::Path, "Its id.", id)]
    }
}
