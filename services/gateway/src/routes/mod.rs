//! The routes by audience, and the layers around them.

mod agent;
mod health;
mod pages;
pub(crate) mod thread;
mod widget;

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};
use http::{HeaderValue, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

use crate::{app::App, problem, trace};

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
    Router::new()
        .nest("/widget/v1", widget::routes())
        .nest("/v1", agent::routes())
        .merge(health::routes())
        .merge(pages::routes())
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(no_sniffing)
        .layer(no_store)
        .layer(from_fn_with_state(app.clone(), trace::serve))
        .with_state(app.clone())
}
