//! Events of conversations: which ones the conversation service has to report, and those that it
//! reports.

use std::time::Duration;

use onethread_core::{AgentId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::Result;
use tokio::time::{Instant, sleep};

use crate::{
    app::App,
    contact::store::{contacts, merges},
    team::store::agents,
    webhook::{
        app::expand::expand,
        domain::{body::conversation_body, conversation_event::ConversationEvent},
        store::{
            deliveries::{self, NewDelivery},
            events::{self, ContactEvent},
            interests,
        },
    },
};

/// How long a change of webhooks waits until the conversation service has been notified. The
/// notification is still delivered after that.
const INTEREST_TIMEOUT: Duration = Duration::from_secs(2);
const INTEREST_POLL_INTERVAL: Duration = Duration::from_millis(10);

impl App {
    /// Stores an event of a conversation for the webhooks that want it, once for its id. The event
    /// of a merged contact becomes an event of the contact it was merged into.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub(crate) async fn record_conversation_event(
        &self,
        organization: OrganizationId,
        event: ConversationEvent,
    ) -> Result<()> {
        let agent = match event.agent() {
            Some(id) => {
                let mut conn = self.db.reader("agent.batch").await?;
                agents::by_id(&mut conn, organization, AgentId(id)).await?
            }
            None => None,
        };
        // An API key is no agent, and an agent may have been removed.
        let name = agent.map(|account| account.agent.name);
        let now = self.clock.now();
        transaction!(self.db, "webhook.fact", |tx| {
            let kind = event.event();
            if !interests::is_wanted(tx, organization, &[kind]).await? {
                return Ok(());
            }
            // Locked, so that erasing the contact waits and then deletes the delivery as well.
            let mut found = contacts::locked_by_id(tx, organization, event.contact).await?;
            if found.is_none()
                && let Some(into) = merges::target_of(tx, organization, event.contact).await?
            {
                found = contacts::locked_by_id(tx, organization, into).await?;
            }
            let Some(contact) = found else { return Ok(()) };
            // What happened to the contact before is delivered before.
            for earlier in events::take_of_contact(tx, organization, contact.id).await? {
                expand(tx, &ContactEvent { bulk: false, ..earlier }, &*self.entropy, now).await?;
            }
            let body = conversation_body(&event, &contact, name.as_deref());
            let (id, contact) = (event.id, contact.id);
            let trace = onethread_telemetry::current_traceparent();
            let traceparent = Some(&*trace).filter(|trace| !trace.is_empty());
            let new =
                NewDelivery { id, event: kind, body: &body, contact, bulk: false, traceparent };
            deliveries::enqueue(tx, organization, new, now).await?;
            Ok(())
        })?;
        self.webhook_wake.notify_one();
        Ok(())
    }

    /// Waits until the conversation service knows which events it has to report, so that an event
    /// after the change is reported.
    pub(super) async fn wait_for_interest(&self, organization: OrganizationId) -> Result<()> {
        self.wake.wake();
        let deadline = Instant::now() + INTEREST_TIMEOUT;
        while self.is_interest_pending(organization).await? && Instant::now() < deadline {
            sleep(INTEREST_POLL_INTERVAL).await;
        }
        Ok(())
    }

    async fn is_interest_pending(&self, organization: OrganizationId) -> Result<bool> {
        let mut conn = self.db.reader("webhook.interest").await?;
        Ok(interests::is_pending(&mut conn, organization).await?)
    }
}
