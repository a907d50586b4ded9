//! `/widget/v1`: what pages and apps call for a visitor or contact. There are no cookies, only the
//! token in the header. The application lists the sites whose pages may call.

mod events;
mod init;
mod messages;
mod profile;
mod user;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, header};
use onethread_errors::Reason;
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
        .routes(routes!(profile::track))
        .routes(routes!(init::logout))
        .split_for_parts();
    openapi::secure(&mut document, &["session"]);
    // Before the layers, so that a page of another site can read this answer as well.
    let router = router
        .method_not_allowed_fallback(problem::no_method)
        .layer(cors())
        .layer(from_fn(allow_origin));
    let mut routes = OpenApiRouter::from(router);
    *routes.get_openapi_mut() = document;
    routes
}

/// A preflight names no application, so it is answered for every origin: it reads and changes
/// nothing. The call itself is rejected unless its origin is one of the application's, and pages of
/// other origins can't read the answer.
fn cors() -> CorsLayer {
    let last_event_id = HeaderName::from_static("last-event-id");
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, last_event_id])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(2 * 60 * 60))
}

/// Allows the calling origin to read the answer, unless the call was rejected because of it.
async fn allow_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let origin = request.headers().get(header::ORIGIN).cloned().filter(|_| !preflight);
    let mut response = next.run(request).await;
    let Some(origin) = origin else { return response };
    let is_rejected = response.extensions().get() == Some(&Reason::OriginRefused);
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if is_rejected {
        headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    } else {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}
