//! `/v1`: what agents' browsers and companies' servers call. Pages of other sites may not.

mod contacts;
mod conversations;
mod imports;
mod login;
mod rejected;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    response::Response,
    routing::{get, post},
};

use crate::{app::App, auth::Staff, problem::ApiResult, streams};

pub(super) fn routes() -> Router<Arc<App>> {
    // Uploads count for themselves: they are longer than what is held in memory.
    let uploads = DefaultBodyLimit::disable();
    Router::new()
        .route("/login", post(login::login))
        .route("/logout", post(login::logout))
        .route("/me", get(login::me))
        .route("/conversations", get(conversations::list))
        .route("/conversations/{id}", get(conversations::one))
        .route(
            "/conversations/{id}/messages",
            get(conversations::messages).post(conversations::send),
        )
        .route("/conversations/{id}/read", post(conversations::read))
        .route("/contacts", get(contacts::list))
        .route("/contacts/{id}", get(contacts::one))
        .route("/imports", get(imports::list).post(upload::upload).layer(uploads))
        .route("/imports/{id}", get(imports::one))
        .route("/imports/{id}/apply", post(imports::apply))
        .route("/imports/{id}/cancel", post(imports::cancel))
        .route("/imports/{id}/events", get(imports::events))
        .route("/imports/{id}/rejected.csv", get(rejected::download))
        .route("/events", get(events))
}

async fn events(State(app): State<Arc<App>>, staff: Staff) -> ApiResult<Response> {
    Ok(streams::follow_organization(app, staff).await?)
}
