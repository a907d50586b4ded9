//! `/widget/v1`: what pages and apps call for the person in front of them. Pages of any site may
//! call; there are no cookies, so the token in the header is all that counts.

mod events;
mod init;
mod messages;
mod profile;

use std::{sync::Arc, time::Duration};

use http::{HeaderName, Method, header};
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, openapi, problem};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    let (router, mut document) = OpenApiRouter::default()
        .routes(routes!(init::init))
        .routes(routes!(profile::pre_chat))
        .routes(routes!(messages::list, messages::send))
        .routes(routes!(messages::read))
        .routes(routes!(messages::typing))
        .routes(routes!(events::follow))
        .routes(routes!(profile::update))
        .routes(routes!(init::logout))
        .split_for_parts();
    openapi::secure(&mut document, &["session"]);
    // Before the layer, so that a page of another site can read this answer, too.
    let router = router.method_not_allowed_fallback(problem::no_method).layer(cors());
    let mut routes = OpenApiRouter::from(router);
    *routes.get_openapi_mut() = document;
    routes
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
