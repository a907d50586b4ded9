//! The routes by audience (visitors and contacts, agents and servers, the operator), and the layers
//! around them.

mod agent;
mod health;
pub(crate) mod messages;
mod operator;
mod pages;
mod widget;

use std::sync::{Arc, LazyLock};

use axum::{Router, middleware::from_fn_with_state};
use http::{HeaderName, HeaderValue, header};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, openapi, problem, trace};

/// All routes. Order of the layers, outermost first:
///
/// 1. the span, so that everything else is part of it and every answer can name its trace;
/// 2. headers that every answer has, answers to panics included;
/// 3. panics, so that a bug fails one call and not the connection.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let no_sniffing = SetResponseHeaderLayer::overriding(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Answers of the API must not be cached; pages set their own `Cache-Control`.
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

/// All calls of the API with their document: a call that isn't described can't be added.
fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::document())
        .nest("/widget/v1", widget::routes())
        .nest("/v1", agent::routes().merge(operator::routes()))
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

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use serde_json::{Value, json};

    use super::*;

    /// From this file `npm run api` in `web/` generates the types of the web client.
    const SCHEMAS_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/shared/openapi.json");

    #[test]
    fn the_web_clients_schemas_are_current() {
        let mut document = serde_json::to_value(calls().into_openapi()).unwrap();
        // The web client needs the schemas, and not the calls.
        document["paths"] = json!({});
        document["webhooks"].take();
        document.as_object_mut().unwrap().retain(|_, value| !Value::is_null(value));
        let schemas = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if env::var_os("ONETHREAD_UPDATE_OPENAPI").is_some() {
            fs::write(SCHEMAS_FILE, &schemas).unwrap();
        }
        let committed = fs::read_to_string(SCHEMAS_FILE).unwrap_or_default();
        let hint = "run this test with ONETHREAD_UPDATE_OPENAPI=1, then `npm run api` in web/";
        assert!(committed == schemas, "{SCHEMAS_FILE} is out of date: {hint}");
    }
}
