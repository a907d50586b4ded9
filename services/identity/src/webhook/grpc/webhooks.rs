//! `WebhookService`.

use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, page_size, timestamp};
use onethread_proto::{
    common,
    identity::{self as wire, webhook_service_server::WebhookService},
};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use crate::{
    grpc::{Handlers, mask::Mask},
    organization::{domain::audit::Actor, grpc::audit},
    webhook::domain::{delivery::Delivery, webhook::Webhook},
};

type Answer<T> = Result<Response<T>, Status>;

const ORGANIZATION: &str = "organization_id";
const WEBHOOK: &str = "webhook_id";

#[tonic::async_trait]
impl WebhookService for Handlers {
    async fn create_webhook(
        &self,
        request: Request<wire::CreateWebhookRequest>,
    ) -> Answer<wire::CreateWebhookResponse> {
        let request = request.into_inner();
        let created = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let actor = actor(request.actor)?;
            self.app.create_webhook(organization, actor, request.url, &request.events).await
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
        let found = async { self.app.webhooks(id(ORGANIZATION, &request.organization_id)?).await };
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
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let actor = actor(request.actor)?;
            let new = request.webhook.unwrap_or_default();
            let fields = [("url", !new.url.is_empty()), ("events", !new.events.is_empty())];
            let mask = Mask::new(request.update_mask, &fields)?;
            let webhook = id("webhook.id", &new.id)?;
            let url = mask.has("url").then_some(new.url);
            let events = mask.has("events").then_some(new.events);
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
            let organization = id(ORGANIZATION, &request.organization_id)?;
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
            let organization = id(ORGANIZATION, &request.organization_id)?;
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

impl From<Webhook> for wire::Webhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url,
            events: webhook.events.iter().map(|event| event.name().to_owned()).collect(),
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
            event: delivery.event.name().to_owned(),
            state: state.into(),
            attempt_count: delivery.attempts,
            status: delivery.status.and_then(|status| i32::try_from(status).ok()),
            error: delivery.failure.unwrap_or_default(),
            created_at: Some(timestamp(delivery.created_at)),
            tried_at: delivery.attempted_at.map(timestamp),
            next_at: delivery.due_at.map(timestamp),
        }
    }
}
