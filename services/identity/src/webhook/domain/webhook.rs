//! Webhooks, and what follows when an owner changes them.

use onethread_core::{OrganizationId, Timestamp, WebhookId};
use onethread_errors::{Error, Reason, Result};

use super::event::Event;
use crate::{
    domain::{effects::Effects, keys::Sealed},
    organization::domain::audit::{Action, Actor},
};

/// Webhooks of an organization, at most.
const MAX_WEBHOOKS: usize = 10;

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: WebhookId,
    pub(crate) url: String,
    pub(crate) events: Vec<Event>,
    /// The key that signs its deliveries.
    pub(crate) secret: Sealed,
    pub(crate) created_at: Timestamp,
}

/// Changes of a webhook; `None` leaves a setting.
#[derive(Debug, Clone)]
pub(crate) struct WebhookPatch {
    pub(crate) url: Option<String>,
    pub(crate) events: Option<Vec<Event>>,
}

impl Webhook {
    /// What a secret is sealed for: it can't be opened in another row.
    pub(crate) fn sealing_context(organization: OrganizationId, id: WebhookId) -> Vec<u8> {
        [b"webhook", &organization.0.as_bytes()[..], &id.0.as_bytes()[..]].concat()
    }

    /// An entry of the audit log, which names the webhook's events.
    fn audit(&self, actor: Actor, action: Action) -> Effects {
        let events: Vec<_> = self.events.iter().map(|event| event.name()).collect();
        Effects::none().audit_with(actor, action, self.id.0, events.join(" "))
    }
}

/// Adds a webhook to those of its organization, or replaces the one with its id, and returns it.
///
/// # Errors
///
/// `TooManyWebhooks` when there are as many as allowed.
pub(crate) fn create(
    webhooks: &mut Vec<Webhook>,
    new: Webhook,
    actor: Actor,
) -> Result<(Webhook, Effects)> {
    let effects = new.audit(actor, Action::WebhookCreated);
    if let Some(existing) = webhooks.iter_mut().find(|webhook| webhook.id == new.id) {
        *existing = Webhook { created_at: existing.created_at, ..new };
        return Ok((existing.clone(), effects));
    }
    if webhooks.len() >= MAX_WEBHOOKS {
        return Err(Error::new(Reason::TooManyWebhooks).with_metadata("limit", MAX_WEBHOOKS));
    }
    webhooks.push(new.clone());
    Ok((new, effects))
}

/// Changes a webhook of an organization, and returns it.
///
/// # Errors
///
/// `NotFound`.
pub(crate) fn change(
    webhooks: &mut [Webhook],
    id: WebhookId,
    patch: &WebhookPatch,
    actor: Actor,
) -> Result<(Webhook, Effects)> {
    let webhook = webhooks.iter_mut().find(|webhook| webhook.id == id);
    let webhook = webhook.ok_or_else(Error::not_found)?;
    if let Some(url) = &patch.url {
        webhook.url.clone_from(url);
    }
    if let Some(events) = &patch.events {
        webhook.events.clone_from(events);
    }
    Ok((webhook.clone(), webhook.audit(actor, Action::WebhookChanged)))
}

/// Removes a webhook from those of its organization.
///
/// # Errors
///
/// `NotFound`.
pub(crate) fn delete(webhooks: &mut Vec<Webhook>, id: WebhookId, actor: Actor) -> Result<Effects> {
    let position = webhooks.iter().position(|webhook| webhook.id == id);
    let deleted = webhooks.remove(position.ok_or_else(Error::not_found)?);
    Ok(deleted.audit(actor, Action::WebhookDeleted))
}
