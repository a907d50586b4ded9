//! `/widget/v1`: what pages and apps call for the person in front of them. Pages of any site may
//! call; there are no cookies, so the token in the header is all that counts.

mod events;
mod init;
mod messages;
mod profile;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, patch, post},
};
use http::{HeaderName, Method, header};
use tower_http::cors::{Any, CorsLayer};

use crate::{app::App, problem};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/init", post(init::init))
        .route("/pre-chat", post(profile::pre_chat))
        .route("/messages", get(messages::list).post(messages::send))
        .route("/read", post(messages::read))
        .route("/events", get(events::follow))
        .route("/contact", patch(profile::update))
        .route("/logout", post(init::logout))
        // Before the layer, so that a page of another site can read this answer, too.
        .method_not_allowed_fallback(problem::no_method)
        .layer(cors())
}

fn cors() -> CorsLayer {
    let last_event_id = HeaderName::from_static("last-event-id");
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, last_event_id])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(2 * 60 * 60))
}
