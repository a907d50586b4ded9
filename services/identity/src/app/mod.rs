//! The use cases that belong to no slice, and what all use cases share.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod clean_up;
pub(crate) mod deliveries;
pub(crate) mod measure;
pub(crate) mod page;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{Clock, Entropy, OrganizationId};
use onethread_db::{Connection, Database};
use onethread_errors::Result;
use onethread_outbox::Wake;
use tokio::sync::Notify;

use crate::{
    contact::app::search_queue::SearchQueue,
    domain::{effects::Effects, keys::ServerKeys},
    session::store::application_cache::ApplicationCache,
    store::effects,
    team::app::password_hasher::PasswordHasher,
};

/// Identity's use cases.
pub(crate) struct App {
    pub(crate) db: Database,
    pub(crate) applications: ApplicationCache,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) passwords: PasswordHasher,
    /// Webhooks may have addresses of private networks.
    pub(crate) private_webhooks: bool,
    /// Where searches wait for each other.
    pub(crate) searches: SearchQueue,
    /// Wakes the outbox relay.
    pub(crate) wake: Wake,
    /// Wakes the worker that delivers to webhooks.
    pub(crate) webhook_wake: Arc<Notify>,
}

impl App {
    /// A text of so many random bytes, for secrets.
    pub(crate) fn random_text(&self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.entropy.fill(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }

    /// Records what follows from a change, in its transaction.
    pub(crate) async fn record(
        &self,
        conn: &mut Connection,
        organization: OrganizationId,
        effects: Effects,
    ) -> Result<()> {
        let now = self.clock.now();
        Ok(effects::record(conn, organization, effects, now, &*self.entropy).await?)
    }
}
