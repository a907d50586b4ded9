//! Whether the process is alive, and whether it is ready.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_errors::{Error, Reason};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    openapi::{Problems, reasons::Unavailable},
    problem::{ApiError, ApiResult},
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(live)).routes(routes!(ready))
}

/// The state of the process.
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

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", operation_id = "lives", tag = "health", security(()),
    responses((status = 200, description = "It is alive.", body = Health)))]
async fn live() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Is the process ready?
///
/// Not while it drains, so that calls are sent to another process.
#[utoipa::path(get, path = "/readyz", operation_id = "serves", tag = "health", security(()),
    responses((status = 200, description = "It is ready.", body = Health), Problems<(Unavailable,)>))]
async fn ready(State(app): State<Arc<App>>) -> ApiResult<Json<Health>> {
    if app.life.is_stopping() {
        return Err(ApiError(
            Error::new(Reason::Unavailable).with_detail("The server is draining."),
        ));
    }
    Ok(Json(Health { status: Status::Ok }))
}
