//! The id in the path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use onethread_errors::{Error, Reason, Result};
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Type,
        path::{Parameter, ParameterIn},
        schema::{KnownFormat, SchemaFormat},
    },
};
use uuid::Uuid;

use crate::{
    openapi::{Refuses, parameter},
    problem::ApiError,
};

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

impl Refuses for PathId {
    fn reasons() -> Vec<Reason> {
        vec![Reason::NotFound]
    }
}

impl IntoParams for PathId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        vec![parameter("id", ParameterIn::Path, "Its id.", id)]
    }
}
