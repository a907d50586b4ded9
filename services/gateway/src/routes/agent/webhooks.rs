//! Webhooks of an organization. For owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use http::StatusCode;
use onethread_core::WebhookId;
use onethread_errors::Error;
use onethread_proto::identity::{
    self, CreateWebhookRequest, DeleteWebhookRequest, ListWebhookDeliveriesRequest,
    ListWebhooksRequest, UpdateWebhookRequest,
};
use prost_types::FieldMask;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::Owner,
    extract::{Body, Faults, Paging, PathId, Query},
    json::{CreatedWebhook, List, Webhook, WebhookDelivery, WebhookEvent, event_to_wire},
    openapi::{Problems, reasons::TooManyWebhooks},
    problem::ApiResult,
};

/// The webhooks, oldest first: ten at most, all on one page.
#[utoipa::path(get, path = "/webhooks", operation_id = "listWebhooks", tag = "organization",
    responses((status = 200, description = "The webhooks.", body = List<Webhook>),
        Problems<(Owner,)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<Json<List<Webhook>>> {
    let request = ListWebhooksRequest { organization_id: owner.organization.to_string() };
    let found = app.clients.webhooks().list_webhooks(request).await?.into_inner();
    let items = found.webhooks.into_iter().map(Webhook::from).collect();
    Ok(Json(List::new(items, String::new())))
}

/// A webhook to create.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct NewWebhook {
    /// http or https, without user name and password.
    #[schema(max_length = 2048)]
    url: String,
    #[deserr(default)]
    #[schema(value_type = Vec<WebhookEvent>, min_items = 1, required)]
    events: Option<Vec<String>>,
}

/// Creates a webhook. Its secret is shown only this once.
#[utoipa::path(post, path = "/webhooks", operation_id = "createWebhook", tag = "organization",
    request_body = NewWebhook,
    responses((status = 201, description = "The webhook.", body = CreatedWebhook),
        Problems<(Owner, Body<NewWebhook>, TooManyWebhooks)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body<NewWebhook>,
) -> ApiResult<(StatusCode, Json<CreatedWebhook>)> {
    let NewWebhook { url, events } = body.content()?;
    let events = events.unwrap_or_default();
    let request = CreateWebhookRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        url,
        events: events.iter().map(|name| event_to_wire(name)).collect(),
        request_id: String::new(),
    };
    let answer = app.clients.webhooks().create_webhook(request).await?.into_inner();
    let webhook = answer.webhook.ok_or_else(Error::not_found)?.into();
    Ok((StatusCode::CREATED, Json(CreatedWebhook { webhook, secret: answer.secret })))
}

/// Changes of a webhook. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct WebhookPatch {
    #[deserr(default)]
    #[schema(max_length = 2048)]
    url: Option<String>,
    #[deserr(default)]
    #[schema(value_type = Option<Vec<WebhookEvent>>, min_items = 1)]
    events: Option<Vec<String>>,
}

/// Changes a webhook's address or events.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "changeWebhook", tag = "organization",
    params(PathId<WebhookId>), request_body = WebhookPatch,
    responses((status = 200, description = "The webhook.", body = Webhook),
        Problems<(Owner, PathId<WebhookId>, Body<WebhookPatch>)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<WebhookId>,
    body: Body<WebhookPatch>,
) -> ApiResult<Json<Webhook>> {
    let WebhookPatch { url, events } = body.content()?;
    if events.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid("/events", "names no event").into());
    }
    let given = [("url", url.is_some()), ("events", events.is_some())];
    let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
    let webhook = identity::Webhook {
        id: id.to_string(),
        url: url.unwrap_or_default(),
        events: events.unwrap_or_default().iter().map(|name| event_to_wire(name)).collect(),
        ..identity::Webhook::default()
    };
    let request = UpdateWebhookRequest {
        organization_id: owner.organization.to_string(),
        webhook: Some(webhook),
        update_mask: Some(FieldMask { paths: paths.collect() }),
        actor: Some(owner.actor()),
    };
    let changed = app.clients.webhooks().update_webhook(request).await?.into_inner();
    Ok(Json(changed.webhook.ok_or_else(Error::not_found)?.into()))
}

/// Deletes a webhook. Nothing is delivered to it any more.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "deleteWebhook",
    tag = "organization", params(PathId<WebhookId>),
    responses((status = 204, description = "The webhook is deleted."), Problems<(Owner, PathId<WebhookId>)>))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<WebhookId>,
) -> ApiResult<StatusCode> {
    let request = DeleteWebhookRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        webhook_id: id.to_string(),
    };
    app.clients.webhooks().delete_webhook(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deliveries of a webhook, newest first. They are kept for 30 days.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries",
    tag = "organization", params(PathId<WebhookId>, Paging),
    responses((status = 200, description = "A page of deliveries.", body = List<WebhookDelivery>),
        Problems<(Owner, PathId<WebhookId>, Query<Paging>)>))]
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<WebhookId>,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<WebhookDelivery>>> {
    let request = ListWebhookDeliveriesRequest {
        organization_id: owner.organization.to_string(),
        webhook_id: id.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.webhooks().list_webhook_deliveries(request).await?.into_inner();
    let items = page.deliveries.into_iter().map(WebhookDelivery::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}
