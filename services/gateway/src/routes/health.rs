//! Whether the process lives, and whether it serves.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_errors::{Error, Reason};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    openapi::{Refusals, reasons::Unavailable},
    problem::{ApiError, ApiResult},
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(lives)).routes(routes!(serves))
}

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    status: Status,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
enum Status {
    Ok,
}

/// Does the process live?
#[utoipa::path(get, path = "/healthz", operation_id = "lives", tag = "health", security(()),
    responses((status = 200, description = "It lives.", body = Health)))]
async fn lives() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Does the process serve?
///
/// No longer while it drains, so that calls go elsewhere.
#[utoipa::path(get, path = "/readyz", operation_id = "serves", tag = "health", security(()),
    responses((status = 200, description = "It serves.", body = Health), Refusals<(Unavailable,)>))]
async fn serves(State(app): State<Arc<App>>) -> ApiResult<Json<Health>> {
    if app.life.is_stopping() {
        return Err(ApiError(Error::new(Reason::Unavailable).because("The server is draining.")));
    }
    Ok(Json(Health { status: Status::Ok }))
}
