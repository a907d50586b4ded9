//! `WebhookService`.

use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::{
    common,
    identity::{self as wire, webhook_service_server::WebhookService},
};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use crate::{
    grpc::{Handlers, mask::Mask, requested_id},
    organization::{domain::audit::Actor, grpc::audit},
    webhook::domain::{delivery::Delivery, event::Event, webhook::Webhook},
};

type Answer<T> = Result<Response<T>, Status>;

const WEBHOOK: &str = "webhook_id";

#[tonic::async_trait]
impl WebhookService for Handlers {
    async fn create_webhook(
        &self,
        request: Request<wire::CreateWebhookRequest>,
    ) -> Answer<wire::CreateWebhookResponse> {
        let request = request.into_inner();
        let created = async {
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            let events: Vec<_> = request.events.into_iter().map(event).collect();
            let requested = requested_id(&request.request_id)?;
            self.app.create_webhook(organization, actor, requested, request.url, &events).await
        };
        answer(created.await.map(|(webhook, secret)| wire::CreateWebhookResponse {
            webhook: Some(webhook.into()),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    async fn list_webhooks(
        &self,
        request: Request<wire::ListWebhooksRequest>,
    ) -> Answer<wire::ListWebhooksResponse> {
        let request = request.into_inner();
        let found = async { self.app.webhooks(organization_id(&request.organization_id)?).await };
        answer(found.await.map(|found| wire::ListWebhooksResponse {
            webhooks: found.into_iter().map(Into::into).collect(),
        }))
    }

    async fn update_webhook(
        &self,
        request: Request<wire::UpdateWebhookRequest>,
    ) -> Answer<wire::UpdateWebhookResponse> {
        let request = request.into_inner();
        let changed = async {
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            let new = request.webhook.unwrap_or_default();
            let fields = [("url", !new.url.is_empty()), ("events", !new.events.is_empty())];
            let mask = Mask::new(request.update_mask, &fields)?;
            let webhook = id("webhook.id", &new.id)?;
            let url = mask.has("url").then_some(new.url);
            let events = new.events.into_iter().map(event).collect();
            let events = mask.has("events").then_some(events);
            self.app.update_webhook(organization, actor, webhook, url, events).await
        };
        answer(
            changed
                .await
                .map(|webhook| wire::UpdateWebhookResponse { webhook: Some(webhook.into()) }),
        )
    }

    async fn delete_webhook(
        &self,
        request: Request<wire::DeleteWebhookRequest>,
    ) -> Answer<wire::DeleteWebhookResponse> {
        let request = request.into_inner();
        let deleted = async {
            let organization = organization_id(&request.organization_id)?;
            let webhook = id(WEBHOOK, &request.webhook_id)?;
            self.app.delete_webhook(organization, actor(request.actor)?, webhook).await
        };
        answer(deleted.await.map(|()| wire::DeleteWebhookResponse {}))
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<wire::ListWebhookDeliveriesRequest>,
    ) -> Answer<wire::ListWebhookDeliveriesResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let webhook = id(WEBHOOK, &request.webhook_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.webhook_deliveries(organization, webhook, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListWebhookDeliveriesResponse {
            deliveries: found.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}

/// The actor of a change; imports and widgets don't change webhooks.
fn actor(actor: Option<common::Actor>) -> Result<Actor> {
    match audit::actor(actor)? {
        Actor::Import(_) | Actor::Widget => {
            Err(Error::invalid("actor", "is not allowed to change webhooks"))
        }
        actor => Ok(actor),
    }
}

/// `None` for a number that is no event.
fn event(number: i32) -> Option<Event> {
    match wire::WebhookEvent::try_from(number).ok()? {
        wire::WebhookEvent::Unspecified => None,
        wire::WebhookEvent::ContactCreated => Some(Event::Created),
        wire::WebhookEvent::ContactUpdated => Some(Event::Updated),
        wire::WebhookEvent::ContactMerged => Some(Event::Merged),
        wire::WebhookEvent::MessageCreated => Some(Event::MessageCreated),
        wire::WebhookEvent::ConversationClosed => Some(Event::ConversationClosed),
    }
}

fn event_message(event: Event) -> wire::WebhookEvent {
    match event {
        Event::Created => wire::WebhookEvent::ContactCreated,
        Event::Updated => wire::WebhookEvent::ContactUpdated,
        Event::Merged => wire::WebhookEvent::ContactMerged,
        Event::MessageCreated => wire::WebhookEvent::MessageCreated,
        Event::ConversationClosed => wire::WebhookEvent::ConversationClosed,
    }
}

/// From the name in storage.
fn failure(name: Option<&str>) -> wire::WebhookDeliveryFailure {
    use wire::WebhookDeliveryFailure as Failure;
    match name {
        Some("status") => Failure::Status,
        Some("address") => Failure::Address,
        Some("name") => Failure::Name,
        Some("connect") => Failure::Connect,
        Some("tls") => Failure::Tls,
        Some("timeout") => Failure::Timeout,
        Some("protocol") => Failure::Protocol,
        Some("secret") => Failure::Secret,
        Some("backlog") => Failure::Backlog,
        _ => Failure::Unspecified,
    }
}

impl From<Webhook> for wire::Webhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url,
            events: webhook.events.into_iter().map(|event| event_message(event).into()).collect(),
            created_at: Some(timestamp(webhook.created_at)),
        }
    }
}

impl From<Delivery> for wire::WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        let state = match (delivery.due_at, &delivery.failure) {
            (Some(_), _) => wire::WebhookDeliveryState::Pending,
            (None, None) => wire::WebhookDeliveryState::Delivered,
            (None, Some(_)) => wire::WebhookDeliveryState::Failed,
        };
        Self {
            id: delivery.id.to_string(),
            event: event_message(delivery.event).into(),
            state: state.into(),
            attempt_count: delivery.attempts,
            status: delivery.status.and_then(|status| i32::try_from(status).ok()),
            failure: failure(delivery.failure.as_deref()).into(),
            created_at: Some(timestamp(delivery.created_at)),
            tried_at: delivery.attempted_at.map(timestamp),
            next_at: delivery.due_at.map(timestamp),
        }
    }
}
