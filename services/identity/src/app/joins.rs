//! People who turn out to be one: joined by hand, and what a joining is waited for.

use std::time::Duration;

use onethread_core::{ContactId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use tracing::warn;
use uuid::Uuid;

use super::App;
use crate::{
    domain::{
        audit::{Actor, Change},
        contact::Contact,
        events::{Event, SHOWN},
        session::Device,
    },
    store::Unjoined,
};

/// How long an answer waits for the messages to be where they belong. They arrive later otherwise.
const PATIENCE: Duration = Duration::from_secs(2);

impl App {
    /// Has conversation told at once, and waits for it.
    pub(super) async fn wait_for_fold(&self, of: OrganizationId, delivery: Uuid) {
        self.wake.wake();
        match self.store.delivered(of, delivery, &self.wake, PATIENCE).await {
            Ok(true) => {}
            Ok(false) => warn!("a thread has not moved yet; it does later"),
            Err(error) => {
                warn!(
                    cause = Error::from(error).chain(),
                    "whether a thread has moved is not known"
                );
            }
        }
    }

    /// Joins two by hand: `into` goes on with the messages of both. On trial nothing is written.
    /// Answers the one they are, or would be.
    pub(crate) async fn merge_contacts(
        &self,
        of: OrganizationId,
        (ended, into): (ContactId, ContactId),
        trial: bool,
        actor: Actor,
    ) -> Result<(Contact, Vec<Device>, Vec<Event>)> {
        if ended == into {
            return Err(Error::invalid("/intoId", "is the contact itself"));
        }
        if trial {
            return self.merged(of, (ended, into)).await;
        }
        let change = Change {
            actor,
            action: "contact.joined",
            subject: into.to_string(),
            detail: format!("took in {ended}"),
        };
        let done = self.store.merge(of, (ended, into), change, self.clock.now()).await?;
        self.wait_for_fold(of, done.map_err(refusal)?).await;
        self.contact(of, into).await
    }

    async fn merged(
        &self,
        of: OrganizationId,
        (ended, into): (ContactId, ContactId),
    ) -> Result<(Contact, Vec<Device>, Vec<Event>)> {
        let one = self.store.merged(of, (ended, into)).await?.map_err(refusal)?;
        let (_, mut devices, mut events) = self.contact(of, into).await?;
        let (_, more_devices, more_events) = self.contact(of, ended).await?;
        devices.extend(more_devices);
        devices.sort_by_key(|device| std::cmp::Reverse(device.last_seen_at));
        events.extend(more_events);
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        events.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
        Ok((one, devices, events))
    }
}

fn refusal(unjoined: Unjoined) -> Error {
    match unjoined {
        Unjoined::NotFound => Error::not_found(),
        Unjoined::TwoUserIds => Error::new(Reason::TwoUserIds),
    }
}
