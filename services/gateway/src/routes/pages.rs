//! The pages and the widget's script, embedded as the build script made them from `web/`. The
//! file's name is the address: the chat's frame and its page for apps are under `/widget/`, the
//! others at the root, pages without their `.html`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use deserr::Deserr;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use onethread_errors::Error;
use onethread_proto::identity::{ListOriginsRequest, list_origins_request::Application as Named};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    address::ClientAddress,
    app::App,
    extract::{Faults, Query},
    problem::ApiResult,
};

/// The page of the chat within other pages.
const FRAME: &str = "frame.html";
/// The agents' page.
const INBOX: &str = "inbox.html";
/// What the pages of customers load.
const SCRIPT: &str = "widget.js";

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Assets;

#[expect(clippy::disallowed_methods, reason = "pages are for people, the document for programs")]
pub(super) fn routes() -> Router<Arc<App>> {
    let own = Router::new()
        .route("/demo/settings.json", get(demo_settings))
        .route(&path(FRAME), get(frame));
    Assets::iter().filter(|name| name != FRAME).fold(own, |routes, name| {
        let path = path(&name);
        routes.route(&path, get(move |headers: HeaderMap| async move { file(&name, &headers) }))
    })
}

/// The application that the chat's frame is for. Values that can't be used name none.
#[derive(Debug, Deserr)]
#[deserr(error = Faults, rename_all = camelCase)]
struct FrameQuery {
    #[deserr(default)]
    organization: String,
    #[deserr(default)]
    application_id: Option<String>,
    #[deserr(default)]
    app_id: Option<String>,
}

/// Only pages of the application's origins may embed the chat's frame. The frame's script starts
/// only the application that the address names, so that no page can avoid the check.
async fn frame(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    Query(query): Query<FrameQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let organization_name = query.organization;
    let number = query.application_id.and_then(|number| number.parse().ok());
    let id = query.app_id.filter(|id| Uuid::parse_str(id).is_ok()).map(Named::ApplicationId);
    let application = id.or(number.map(Named::Number));
    let mut origins = Vec::new();
    // Without an application the frame starts none, so any page may embed it.
    if application.is_some() {
        app.limits.other(from)?;
        let request = ListOriginsRequest { organization_name, application };
        origins = app.clients.applications().list_origins(request).await?.into_inner().origins;
    }
    if origins.is_empty() {
        return Ok(file(FRAME, &headers));
    }
    // No 304: the allowed origins can change while the page stays the same.
    let mut response = file(FRAME, &HeaderMap::new());
    let ancestors = format!("'self' {}", origins.join(" "));
    let policy = HeaderValue::from_str(&policy(&ancestors)).map_err(Error::internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().remove(header::ETAG);
    Ok(response)
}

/// `frame.html` → `/widget/frame`, `inbox.js` → `/inbox.js`.
fn path(name: &str) -> String {
    let (stem, _) = name.split_once('.').unwrap_or((name, ""));
    let folder = if matches!(stem, "frame" | "app") { "/widget/" } else { "/" };
    format!("{folder}{}", name.strip_suffix(".html").unwrap_or(name))
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Assets::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = entity_tag(&file);
    // Revalidated each time and sent only if it changed: a new release is used at once.
    let cached = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_current = cached.is_some_and(|tags| tags.split(',').any(|one| strong_tag(one) == tag));
    let mut response = if is_current {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hex in quotes"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // The widget's script and frame are made for pages of other sites.
    let anybody = HeaderValue::from_static("cross-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), anybody);
    if name == FRAME {
        // Pages that are isolated from other origins hold only frames that ask for the same.
        let isolated = HeaderValue::from_static("require-corp");
        headers.insert(HeaderName::from_static("cross-origin-embedder-policy"), isolated);
    }
    if name == INBOX {
        // A page that opens the inbox, or that it opens, has no hold of its window.
        let isolated = HeaderValue::from_static("same-origin");
        headers.insert(HeaderName::from_static("cross-origin-opener-policy"), isolated);
    }
    if name == SCRIPT {
        // A page may load it with `crossorigin`, to see its errors or to pin its hash.
        let anybody = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    }
    if name.ends_with(".html") {
        let policy = HeaderValue::from_str(&policy(ancestors(name))).expect("plain letters");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Proxies that compress mark a tag as weak.
fn strong_tag(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The `frame-ancestors` of a page: only the widget's frame may be embedded by other sites.
fn ancestors(name: &str) -> &'static str {
    match name {
        FRAME => "*",
        INBOX => "'none'",
        _ => "'self'",
    }
}

/// Nothing inline, nothing from elsewhere.
fn policy(ancestors: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors {ancestors}"
    )
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

async fn demo_settings(State(app): State<Arc<App>>) -> ApiResult<Json<Value>> {
    let demo = app.config.demo.as_ref().ok_or_else(Error::not_found)?;
    Ok(Json(json!({
        "organization": demo.organization,
        "applicationId": demo.application_id,
        "applicationSecret": demo.application_secret,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_where_pages_look_for_them() {
        assert_eq!(path("frame.html"), "/widget/frame");
        assert_eq!(path("frame.js"), "/widget/frame.js");
        assert_eq!(path("app.html"), "/widget/app");
        assert_eq!(path("widget.js"), "/widget.js");
        assert_eq!(path("inbox.html"), "/inbox");
    }

    #[test]
    fn every_file_has_a_content_type() {
        for name in Assets::iter() {
            assert_ne!(content_type(&name), "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn isolated_pages_can_hold_the_frame_and_load_the_script() {
        let frame = file(FRAME, &HeaderMap::new());
        assert_eq!(frame.headers()["cross-origin-embedder-policy"], "require-corp");
        for name in [FRAME, SCRIPT, "frame.js", "frame.css", "links.js"] {
            let sent = file(name, &HeaderMap::new());
            assert_eq!(sent.headers()["cross-origin-resource-policy"], "cross-origin", "{name}");
        }
        assert_eq!(file(SCRIPT, &HeaderMap::new()).headers()["access-control-allow-origin"], "*");
    }

    #[test]
    fn only_the_inbox_is_cut_off_from_windows_of_other_sites() {
        let inbox = file(INBOX, &HeaderMap::new());
        assert_eq!(inbox.headers()["cross-origin-opener-policy"], "same-origin");
        assert!(
            !file(FRAME, &HeaderMap::new()).headers().contains_key("cross-origin-opener-policy")
        );
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let first = file("widget.js", &HeaderMap::new());
        assert_eq!(first.status(), 200);
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", first.headers()["etag"].clone());
        assert_eq!(file("widget.js", &headers).status(), 304);
    }
}
