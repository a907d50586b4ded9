//! Where companies' servers are told of what happens. For owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_errors::{Error, Result};
use onethread_proto::identity::{
    CreateWebhookRequest, DeleteWebhookRequest, ListWebhookDeliveriesRequest, ListWebhooksRequest,
    UpdateWebhookRequest,
};
use serde_json::Value;

use crate::{
    app::App,
    auth::Owner,
    extract::{Body, Paging, PathId},
    json::{List, MadeWebhook, NewWebhook, Webhook, WebhookDelivery, WebhookPatch},
    openapi::{Refusals, reasons::TooManyWebhooks},
    problem::ApiResult,
};

/// The webhooks, oldest first: ten at most, all on one page.
#[utoipa::path(get, path = "/webhooks", operation_id = "listWebhooks", tag = "organization",
    responses((status = 200, description = "The webhooks.", body = List<Webhook>),
        Refusals<(Owner,)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<Json<List<Webhook>>> {
    let request = ListWebhooksRequest { organization_id: owner.organization };
    let found = app.webhooks().list_webhooks(request).await?.into_inner();
    let items = found.webhooks.into_iter().map(Webhook::from).collect();
    Ok(Json(List::new(items, String::new())))
}

/// Makes a webhook. Its secret is shown this once.
#[utoipa::path(post, path = "/webhooks", operation_id = "createWebhook", tag = "organization",
    request_body = NewWebhook,
    responses((status = 201, description = "The webhook.", body = MadeWebhook),
        Refusals<(Owner, Body, TooManyWebhooks)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body,
) -> ApiResult<(StatusCode, Json<MadeWebhook>)> {
    let request = CreateWebhookRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization,
        url: body.text("url")?,
        events: events(&body)?.unwrap_or_default(),
    };
    let made = app.webhooks().create_webhook(request).await?.into_inner();
    let webhook = made.webhook.ok_or_else(Error::not_found)?.into();
    Ok((StatusCode::CREATED, Json(MadeWebhook { webhook, secret: made.secret })))
}

/// Changes a webhook's address or events.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "changeWebhook", tag = "organization",
    params(PathId), request_body = WebhookPatch,
    responses((status = 200, description = "The webhook.", body = Webhook),
        Refusals<(Owner, PathId, Body)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Json<Webhook>> {
    let events = events(&body)?;
    if events.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid("/events", "names no event").into());
    }
    let request = UpdateWebhookRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization,
        webhook_id: id,
        url: body.optional_text("url")?,
        events: events.unwrap_or_default(),
    };
    let changed = app.webhooks().update_webhook(request).await?.into_inner();
    Ok(Json(changed.webhook.ok_or_else(Error::not_found)?.into()))
}

/// Deletes a webhook: nothing is delivered to it any more.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "deleteWebhook",
    tag = "organization", params(PathId),
    responses((status = 204, description = "It is gone."), Refusals<(Owner, PathId)>))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let request = DeleteWebhookRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization,
        webhook_id: id,
    };
    app.webhooks().delete_webhook(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was delivered or is to be, newest first. Kept for 30 days.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries",
    tag = "organization", params(PathId, Paging),
    responses((status = 200, description = "A page of deliveries.", body = List<WebhookDelivery>),
        Refusals<(Owner, PathId, Paging)>))]
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
    paging: Paging,
) -> ApiResult<Json<List<WebhookDelivery>>> {
    let request = ListWebhookDeliveriesRequest {
        organization_id: owner.organization,
        webhook_id: id,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.webhooks().list_webhook_deliveries(request).await?.into_inner();
    let items = page.deliveries.into_iter().map(WebhookDelivery::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// `events`, when they are there.
fn events(body: &Body) -> Result<Option<Vec<String>>> {
    let list = match body.0.get("events") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Error::invalid("/events", "is not a list")),
    };
    let text = |(n, event): (usize, &Value)| {
        let text = event.as_str().map(str::to_owned);
        text.ok_or_else(|| Error::invalid(format!("/events/{n}"), "is not a string"))
    };
    list.iter().enumerate().map(text).collect::<Result<_>>().map(Some)
}
