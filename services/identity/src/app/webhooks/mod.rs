//! Webhooks: made, changed and looked at by owners, and delivered by a worker of their own.

mod facts;
mod post;
mod worker;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use onethread_core::{OrganizationId, PageSize, PageToken, WebhookId};
use onethread_errors::{Error, Field, Reason, Result};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{
        audit::Actor,
        webhook::{Delivery, Event, Webhook, read_url},
    },
    store::{WebhookChange, WebhookChanged},
};

pub(crate) use post::Poster;
pub(crate) use worker::Sender;

impl App {
    /// Makes a webhook; the secret is told this once.
    pub(crate) async fn create_webhook(
        &self,
        of: OrganizationId,
        actor: Actor,
        url: String,
        events: &[String],
    ) -> Result<(Webhook, SecretString)> {
        let mut wrong = Vec::new();
        if let Err(detail) = read_url(&url, self.private_webhooks) {
            wrong.push(Field::new("/url", detail));
        }
        let events = read_events(events).unwrap_or_else(|fields| {
            wrong.extend(fields);
            Vec::new()
        });
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let now = self.clock.now();
        let id = WebhookId::generate(&*self.clock, &*self.entropy);
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        let secret = SecretString::from(format!("ots_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)));
        let place = Webhook::place(of, id);
        let sealed = self.keys.seal(&place, secret.expose_secret().as_bytes(), &*self.entropy);
        let webhook =
            Webhook { organization_id: of, id, url, events, secret: sealed, created_at: now };
        let created = WebhookChange::Create(webhook);
        let webhook = settled(self.store.change_webhook(of, id, created, actor, now).await?)?;
        self.interest_told(of).await?;
        Ok((webhook, secret))
    }

    pub(crate) async fn webhooks(&self, of: OrganizationId) -> Result<Vec<Webhook>> {
        Ok(self.store.webhooks(of).await?)
    }

    /// Changes a webhook; no events leave them as they are.
    pub(crate) async fn update_webhook(
        &self,
        of: OrganizationId,
        actor: Actor,
        id: WebhookId,
        url: Option<String>,
        events: &[String],
    ) -> Result<Webhook> {
        if let Some(url) = &url {
            read_url(url, self.private_webhooks).map_err(|said| Error::invalid("/url", said))?;
        }
        let events = match events {
            [] => None,
            events => Some(read_events(events).map_err(Error::invalid_fields)?),
        };
        let change = WebhookChange::Update { url, events };
        let now = self.clock.now();
        let webhook = settled(self.store.change_webhook(of, id, change, actor, now).await?)?;
        self.interest_told(of).await?;
        Ok(webhook)
    }

    pub(crate) async fn delete_webhook(
        &self,
        of: OrganizationId,
        actor: Actor,
        id: WebhookId,
    ) -> Result<()> {
        let now = self.clock.now();
        let gone = self.store.change_webhook(of, id, WebhookChange::Delete, actor, now).await?;
        self.wake.wake();
        settled(gone).map(drop)
    }

    /// A page of what was delivered, newest first, and the token of the next one.
    pub(crate) async fn webhook_deliveries(
        &self,
        of: OrganizationId,
        id: WebhookId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Delivery>, String)> {
        let bad_token = |_| Error::invalid("/cursor", "is not a cursor of this list");
        let before: Option<Uuid> = PageToken::decode(page_token).map_err(bad_token)?;
        let page = self.store.webhook_deliveries(of, id, before, size).await?;
        let (deliveries, more) = page.ok_or_else(Error::not_found)?;
        let last = deliveries.last().filter(|_| more);
        let next = last.map(|delivery| PageToken::encode(&delivery.id)).unwrap_or_default();
        Ok((deliveries, next))
    }
}

fn settled(changed: WebhookChanged) -> Result<Webhook> {
    match changed {
        WebhookChanged::Done(webhook) => Ok(webhook),
        WebhookChanged::NotFound => Err(Error::not_found()),
        WebhookChanged::TooMany => Err(Error::new(Reason::TooManyWebhooks)),
    }
}

/// Reads events; one named twice counts once.
fn read_events(names: &[String]) -> std::result::Result<Vec<Event>, Vec<Field>> {
    if names.is_empty() {
        return Err(vec![Field::new("/events", "names no event")]);
    }
    let mut events = Vec::new();
    let mut wrong = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match Event::from_name(name) {
            Some(event) if events.contains(&event) => {}
            Some(event) => events.push(event),
            None => wrong.push(Field::new(format!("/events/{n}"), "is no event of a webhook")),
        }
    }
    if wrong.is_empty() { Ok(events) } else { Err(wrong) }
}
