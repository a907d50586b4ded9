//! Whether the process lives, and whether it serves.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use onethread_errors::{Error, Reason};
use serde_json::{Value, json};

use crate::{
    app::App,
    problem::{ApiError, ApiResult},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(lives)).route("/readyz", get(serves))
}

async fn lives() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// No longer while the process drains, so that calls go elsewhere.
async fn serves(State(app): State<Arc<App>>) -> ApiResult<Json<Value>> {
    if app.life.is_stopping() {
        return Err(ApiError(Error::new(Reason::Unavailable).because("The server is draining.")));
    }
    Ok(Json(json!({"status": "ok"})))
}
