//! A stream's place among those of its address.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{address::ClientAddress, app::App, limits::Place, problem::ApiError};

/// The place of a stream that is about to open; none if streams aren't limited. It comes after the
/// caller, so that only streams of valid sessions take places.
#[derive(Debug)]
pub(crate) struct StreamPlace(pub(super) Option<Place>);

impl FromRequestParts<Arc<App>> for StreamPlace {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let Ok(ClientAddress(from)) = ClientAddress::from_request_parts(parts, app).await;
        Ok(Self(app.limits.stream(from)?))
    }
}
