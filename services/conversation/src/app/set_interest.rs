//! The webhook events that identity wants to hear of.

use onethread_core::OrganizationId;
use onethread_errors::Result;

use super::App;
use crate::{domain::WebhookEvent, store::interests};

impl App {
    /// Stores the wanted events, unless a newer version is stored.
    pub(crate) async fn set_interest(
        &self,
        organization: OrganizationId,
        events: &[WebhookEvent],
        version: i64,
    ) -> Result<()> {
        let mut conn = self.db.writer("interest.set").await?;
        Ok(interests::set(&mut conn, organization, events, version).await?)
    }
}
