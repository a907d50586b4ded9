//! The routes by audience, and the layers around them.

mod agent;
mod health;
mod pages;
pub(crate) mod thread;
mod widget;

use std::sync::{Arc, LazyLock};

use axum::{Router, middleware::from_fn_with_state};
use http::{HeaderName, HeaderValue, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, openapi, problem, trace};

/// All routes. Order of the layers, outermost first:
///
/// 1. the span, so that whatever follows stands in it and every answer can name its trace;
/// 2. headers that every answer has, those for panics too;
/// 3. panics, so that a bug costs one call and not the connection.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let no_sniffing = SetResponseHeaderLayer::overriding(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Answers of the API are for nobody else and no later time; pages say how long they keep.
    let no_store = SetResponseHeaderLayer::if_not_present(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    Router::from(calls())
        .merge(pages::routes())
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(no_sniffing)
        .layer(no_store)
        .layer(from_fn_with_state(app.clone(), trace::serve))
        .with_state(app.clone())
}

/// All calls of the API, and the document of them: none gets in here without its part of it.
fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::beginning())
        .nest("/widget/v1", widget::routes())
        .nest("/v1", agent::routes())
        .merge(health::routes())
        .routes(routes!(document))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "document", tag = "health",
    security(()), responses((status = 200, description = "The document.", body = Object)))]
async fn document() -> ([(HeaderName, &'static str); 1], &'static str) {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| calls().into_openapi().to_json().expect("a document is plain data"));
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}
