//! Merging two contacts, and waiting for the conversation service to merge their conversations.

use std::{cmp::Reverse, time::Duration};

use onethread_core::{ContactId, OrganizationId, new_uuid};
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    contact::{
        domain::{
            changes,
            contact::Contact,
            merge::{Merge, merge, survivor_first},
            tracked_event::{MAX_SHOWN, TrackedEvent},
        },
        store::{contacts, merges},
    },
    organization::domain::audit::Actor,
    session::{domain::session::Device, store::devices},
};

/// Longest time that a response waits for the conversations to be merged.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(2);

impl App {
    /// Wakes the outbox, and waits for the delivery of a merge. It is delivered later where that
    /// takes too long.
    pub(crate) async fn wait_for_merge(&self, organization: OrganizationId, merge: Uuid) {
        self.wake.wake();
        match self.wake.delivered(&self.db, organization, merge, DELIVERY_TIMEOUT).await {
            Ok(true) => {}
            Ok(false) => warn!("a conversation is not merged yet; it will be later"),
            Err(error) => {
                let cause = Error::from(error).chain();
                warn!(cause, "whether a conversation is merged is unknown");
            }
        }
    }

    /// Merges two contacts. The target stays, unless the source is read by safer sessions. With
    /// `validate_only` nothing is written. Returns the merged contact.
    ///
    /// # Errors
    ///
    /// `NotFound`, `TwoUserIds`, and `InvalidArgument` when both are the same.
    pub(crate) async fn merge_contacts(
        &self,
        organization: OrganizationId,
        source: ContactId,
        target: ContactId,
        validate_only: bool,
        actor: Actor,
    ) -> Result<(Contact, Vec<Device>, Vec<TrackedEvent>)> {
        if source == target {
            return Err(Error::invalid("target_contact_id", "is the contact itself"));
        }
        if validate_only {
            return self.preview_merge(organization, source, target).await;
        }
        let now = self.clock.now();
        let merge = transaction!(self.db, "contact.merge", |tx| {
            // In the order in which a login locks them: the target first.
            let target = contacts::locked_by_id(tx, organization, target).await?;
            let source = contacts::locked_by_id(tx, organization, source).await?;
            let (target, source) = target.zip(source).ok_or_else(Error::not_found)?;
            let (target, source) = survivor_first(target, source);
            let merged = merge(&target, &source)?;
            let id = new_uuid(now, &*self.entropy);
            let merge = Merge { id, source: source.id, target: target.id };
            merges::insert(tx, organization, &merge, now).await?;
            devices::retire_visitor(tx, organization, source.id, now).await?;
            contacts::update(tx, &merged).await?;
            let effects = merge.effects_by(actor).and(changes::effects(Some(&target), &merged));
            self.record(tx, organization, effects).await?;
            Ok(merge)
        })?;
        self.wait_for_merge(organization, merge.id).await;
        self.contact(organization, merge.target).await
    }

    async fn preview_merge(
        &self,
        organization: OrganizationId,
        source: ContactId,
        target: ContactId,
    ) -> Result<(Contact, Vec<Device>, Vec<TrackedEvent>)> {
        let (target, mut devices, mut events) = self.contact(organization, target).await?;
        let (source, source_devices, source_events) = self.contact(organization, source).await?;
        devices.extend(source_devices);
        devices.sort_by_key(|device| Reverse(device.last_seen_at));
        events.extend(source_events);
        events.sort_by_key(|event| Reverse(event.at));
        events.truncate(usize::try_from(MAX_SHOWN).unwrap_or(usize::MAX));
        let (target, source) = survivor_first(target, source);
        Ok((merge(&target, &source)?, devices, events))
    }
}
