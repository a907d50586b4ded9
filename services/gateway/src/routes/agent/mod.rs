//! `/v1`: what agents' browsers and companies' servers call. Pages of other sites can't call it.

mod agents;
mod api_keys;
mod application_settings;
mod applications;
mod audit;
mod blocked_addresses;
mod contact_merge;
mod contact_search;
mod contacts;
mod conversations;
mod export;
mod identity_keys;
mod imports;
mod login;
mod messages;
mod organization;
mod rejected;
mod security_hash;
mod upload;
mod webhooks;

use std::sync::Arc;

use axum::{
    extract::{DefaultBodyLimit, State},
    response::Response,
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{
    app::App,
    authentication::ApiCaller,
    openapi::{self, Problems},
    problem::ApiResult,
    streams::{self, StreamPlace},
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    // Uploads have their own limit: they aren't held in memory.
    let uploads = DefaultBodyLimit::disable();
    let mut routes = OpenApiRouter::default()
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(login::me))
        .routes(routes!(login::change_password))
        .routes(routes!(organization::one, organization::update))
        .routes(routes!(identity_keys::list, identity_keys::create))
        .routes(routes!(identity_keys::delete))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::one, conversations::update))
        .routes(routes!(messages::list, messages::send))
        .routes(routes!(messages::read))
        .routes(routes!(messages::typing))
        .routes(routes!(messages::write_first))
        .routes(routes!(contacts::list, contacts::upsert))
        .routes(routes!(contact_search::search))
        .routes(routes!(contacts::one, contacts::update, contacts::erase))
        .routes(routes!(contact_merge::merge))
        .routes(routes!(export::all, export::found))
        .routes(routes!(security_hash::set, security_hash::reset))
        .routes(routes!(imports::list, upload::upload).layer(uploads))
        .routes(routes!(imports::one))
        .routes(routes!(imports::apply))
        .routes(routes!(imports::cancel))
        .routes(routes!(imports::events))
        .routes(routes!(rejected::download))
        .routes(routes!(audit::list))
        .routes(routes!(agents::list, agents::invite))
        .routes(routes!(agents::accept))
        .routes(routes!(agents::change, agents::remove))
        .routes(routes!(agents::reset))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(applications::list, applications::create))
        .routes(routes!(applications::change))
        .routes(routes!(blocked_addresses::list, blocked_addresses::block))
        .routes(routes!(blocked_addresses::unblock))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(events));
    openapi::secure(routes.get_openapi_mut(), &["login", "cookie", "apiKey"]);
    routes
}

/// The organization's events, live.
///
/// Begins with `reload` (`{}`), which is repeated whenever something may have been missed. Then
/// `conversation` (*Conversation*), `message` (*MessageOfConversation*), `read` (*Read*),
/// `typing` (*Typing*, only of contacts), `import` (*Import*, at most once a second each), and
/// `session-ended` (`{}`), after which the stream ends.
#[utoipa::path(get, path = "/events", operation_id = "followOrganization", tag = "conversations",
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream"),
        Problems<(ApiCaller,)>,
    ))]
async fn events(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    place: StreamPlace,
) -> ApiResult<Response> {
    Ok(streams::follow_organization(app, caller, place).await?)
}
