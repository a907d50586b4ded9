//! What follows from a change. A rule such as "a claim revokes the sessions that did not prove it" is
//! a function of the domain that returns [`Effects`]; `store/effects.rs` alone writes them.

use std::time::Duration;

use onethread_core::{ContactId, Timestamp};
use uuid::Uuid;

use crate::{
    organization::domain::audit::{Action, Actor},
    webhook::domain::event::Event,
};

/// What follows from a change and is recorded in its transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Entries of the audit log.
    pub(crate) audit: Vec<AuditRecord>,
    /// Ids of contacts, devices, agents and keys: their sessions are revoked or checked again.
    pub(crate) revoked: Vec<Uuid>,
    /// Webhook events of contacts.
    pub(crate) events: Vec<(ContactId, Event)>,
    /// Calls to the conversation service.
    pub(crate) deliveries: Vec<Delivery>,
    /// An import is the cause: webhooks are notified of it after everything else.
    pub(crate) bulk: bool,
}

/// An entry of the audit log that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRecord {
    pub(crate) actor: Actor,
    pub(crate) action: Action,
    /// Id of what was changed.
    pub(crate) subject: Uuid,
    /// More about it; never a secret, a proof or personal data.
    pub(crate) detail: String,
}

/// A row of the outbox for the conversation service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Erase the contact's conversation.
    Erased(ContactId),
    /// Merge the source's conversation into the target's.
    Merged { merge_id: Uuid, source: ContactId, target: ContactId },
    /// The webhook events that the organization wants of its conversations, as bits, and the
    /// version of that.
    Interest { events: i64, version: i64 },
}

/// How long after a revocation a merge may move messages into the conversation. By then each
/// gateway has heard of the revocation, or delivers nothing because the feed is silent: the feed is
/// read every 200 ms, and a gateway waits at most 1 s for it.
pub(crate) const MERGE_DELAY: Duration = Duration::from_millis(1500);

/// When the messages of a merge may be moved, by the time of the target's last revocation: who
/// reads the target in a revoked session must not read what the merge adds.
pub(crate) fn merge_due(now: Timestamp, last_revocation: Option<Timestamp>) -> Timestamp {
    last_revocation.map_or(now, |at| at.plus(MERGE_DELAY).max(now))
}

impl Effects {
    /// Nothing follows.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// An entry of the audit log without a detail.
    pub(crate) fn audit(self, actor: Actor, action: Action, subject: Uuid) -> Self {
        self.audit_with(actor, action, subject, String::new())
    }

    /// An entry of the audit log.
    pub(crate) fn audit_with(
        mut self,
        actor: Actor,
        action: Action,
        subject: Uuid,
        detail: impl Into<String>,
    ) -> Self {
        self.audit.push(AuditRecord { actor, action, subject, detail: detail.into() });
        self
    }

    /// Sessions of this contact, device, agent or key are revoked or checked again.
    pub(crate) fn revoke(mut self, subject: Uuid) -> Self {
        if !self.revoked.contains(&subject) {
            self.revoked.push(subject);
        }
        self
    }

    /// A webhook event of a contact.
    pub(crate) fn notify(mut self, contact: ContactId, event: Event) -> Self {
        self.events.push((contact, event));
        self
    }

    /// An import is the cause of all of them.
    pub(crate) fn in_bulk(self) -> Self {
        Self { bulk: true, ..self }
    }

    /// A call to the conversation service.
    pub(crate) fn deliver(mut self, delivery: Delivery) -> Self {
        self.deliveries.push(delivery);
        self
    }

    /// These and those of another change in the same transaction.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.audit.extend(other.audit);
        self.events.extend(other.events);
        self.deliveries.extend(other.deliveries);
        other.revoked.into_iter().fold(self, Self::revoke)
    }
}
