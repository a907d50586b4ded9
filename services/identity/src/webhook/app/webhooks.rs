//! Webhooks, as owners manage them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use onethread_core::{OrganizationId, PageSize, WebhookId};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Result};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    organization::domain::audit::Actor,
    store::effects,
    webhook::{
        domain::{
            delivery::Delivery,
            event::Event,
            url::read_url,
            webhook::{self, Webhook, WebhookPatch},
        },
        store::{deliveries, interests, webhooks},
    },
};

/// Random bytes of a webhook's secret.
const SECRET_BYTES: usize = 32;

impl App {
    /// Creates a webhook. Its secret is shown this once. A repeated call with the same requested id
    /// gives the webhook of the first one a new secret, because the caller never got the other.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, or `TooManyWebhooks`.
    pub(crate) async fn create_webhook(
        &self,
        organization: OrganizationId,
        actor: Actor,
        requested: Option<WebhookId>,
        url: String,
        events: &[Option<Event>],
    ) -> Result<(Webhook, SecretString)> {
        let mut invalid = Vec::new();
        if let Err(detail) = read_url(&url, self.private_webhooks) {
            invalid.push(Field::new("url", detail));
        }
        let events = read_events("events", events).unwrap_or_else(|fields| {
            invalid.extend(fields);
            Vec::new()
        });
        if !invalid.is_empty() {
            return Err(Error::invalid_fields(invalid));
        }
        let generate = || WebhookId::generate(&*self.clock, &*self.entropy);
        let id = requested.unwrap_or_else(generate);
        let mut bytes = [0; SECRET_BYTES];
        self.entropy.fill(&mut bytes);
        let secret = SecretString::from(format!("ots_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)));
        let context = Webhook::sealing_context(organization, id);
        let sealed = self.keys.seal(&context, secret.expose_secret().as_bytes(), &*self.entropy);
        let now = self.clock.now();
        let new = Webhook {
            organization_id: organization,
            id,
            url,
            events,
            secret: sealed,
            created_at: now,
        };
        let stored = transaction!(self.db, "webhook.change", |tx| {
            let interest = interests::locked(tx, organization).await?;
            let mut all = webhooks::list(tx, organization).await?;
            let is_repeated = all.iter().any(|webhook| webhook.id == id);
            let (stored, created) = webhook::create(&mut all, new.clone(), actor)?;
            if is_repeated {
                webhooks::update(tx, &stored).await?;
            } else {
                webhooks::insert(tx, &stored).await?;
            }
            let (wanted, changed) = interest.change(&all);
            interests::update(tx, organization, wanted).await?;
            let effects = created.and(changed);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(stored)
        })?;
        self.wait_for_interest(organization).await?;
        Ok((stored, secret))
    }

    /// The webhooks of an organization, oldest first.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub(crate) async fn webhooks(&self, organization: OrganizationId) -> Result<Vec<Webhook>> {
        let mut conn = self.db.reader("webhook.list").await?;
        Ok(webhooks::list(&mut conn, organization).await?)
    }

    /// Changes a webhook. `None` leaves the URL or the events as they are.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, or `NotFound`.
    pub(crate) async fn update_webhook(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: WebhookId,
        url: Option<String>,
        events: Option<Vec<Option<Event>>>,
    ) -> Result<Webhook> {
        if let Some(url) = &url {
            let checked = read_url(url, self.private_webhooks);
            checked.map_err(|detail| Error::invalid("webhook.url", detail))?;
        }
        let events = events.map(|events| read_events("webhook.events", &events)).transpose();
        let events = events.map_err(Error::invalid_fields)?;
        let (patch, now) = (WebhookPatch { url, events }, self.clock.now());
        let webhook = transaction!(self.db, "webhook.change", |tx| {
            let interest = interests::locked(tx, organization).await?;
            let mut all = webhooks::list(tx, organization).await?;
            let (webhook, updated) = webhook::change(&mut all, id, &patch, actor)?;
            webhooks::update(tx, &webhook).await?;
            let (wanted, changed) = interest.change(&all);
            interests::update(tx, organization, wanted).await?;
            let effects = updated.and(changed);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(webhook)
        })?;
        self.wait_for_interest(organization).await?;
        Ok(webhook)
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn delete_webhook(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: WebhookId,
    ) -> Result<()> {
        let now = self.clock.now();
        transaction!(self.db, "webhook.change", |tx| {
            let interest = interests::locked(tx, organization).await?;
            let mut all = webhooks::list(tx, organization).await?;
            let deleted = webhook::delete(&mut all, id, actor)?;
            webhooks::delete(tx, organization, id).await?;
            let (wanted, changed) = interest.change(&all);
            interests::update(tx, organization, wanted).await?;
            let effects = deleted.and(changed);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })?;
        self.wake.wake();
        Ok(())
    }

    /// A page of a webhook's deliveries, newest first, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token, or `NotFound`.
    pub(crate) async fn webhook_deliveries(
        &self,
        organization: OrganizationId,
        id: WebhookId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Delivery>, String)> {
        let before = page_start(page_token)?.unwrap_or(Uuid::max());
        let mut conn = self.db.reader("webhook.deliveries").await?;
        let all = webhooks::list(&mut conn, organization).await?;
        if !all.iter().any(|webhook| webhook.id == id) {
            return Err(Error::not_found());
        }
        let mut page = deliveries::page(&mut conn, organization, id, before, size).await?;
        let next = next_page_token(&mut page, size, |delivery| delivery.id);
        Ok((page, next))
    }
}

/// Checks events in the field at the path; `None` is none of ours. One that is named twice counts
/// once.
fn read_events(path: &str, named: &[Option<Event>]) -> std::result::Result<Vec<Event>, Vec<Field>> {
    if named.is_empty() {
        return Err(vec![Field::new(path, "names no event")]);
    }
    let mut events = Vec::new();
    let mut invalid = Vec::new();
    for (n, event) in named.iter().enumerate() {
        match event {
            Some(event) if events.contains(event) => {}
            Some(event) => events.push(*event),
            None => invalid.push(Field::new(format!("{path}[{n}]"), "is no event of a webhook")),
        }
    }
    if invalid.is_empty() { Ok(events) } else { Err(invalid) }
}
