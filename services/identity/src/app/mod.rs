//! The use cases that belong to no slice yet, and what all use cases share.

mod admit;
mod authenticate;
mod claims;
mod clean_up;
mod contacts;
mod deliveries;
mod edits;
mod identify;
mod import;
mod joins;
mod measure;
pub(crate) mod page;
mod profile;
mod revocations;
mod sessions;
mod track;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{Clock, Entropy};
use onethread_db::Database;
use onethread_outbox::Wake;

use crate::{domain::keys::ServerKeys, store::Store, team::app::PasswordHasher};

pub(crate) use authenticate::CallSource;
pub(crate) use clean_up::run_clean_up;
pub(crate) use contacts::ContactQuery;
pub(crate) use deliveries::ConversationClient;
pub(crate) use edits::ContactChanges;
pub(crate) use identify::{ApplicationRef, Identified, IdentifyCommand};
pub(crate) use import::ImportRows;
pub(crate) use measure::run_measures;
pub(crate) use revocations::{Feed, run_feed};

/// Identity's use cases.
pub(crate) struct App {
    pub(crate) db: Database,
    pub(crate) store: Store,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) passwords: PasswordHasher,
    /// Webhooks may have addresses of private networks.
    pub(crate) private_webhooks: bool,
    /// Wakes the outbox relay.
    pub(crate) wake: Wake,
}

impl App {
    /// A text of so many random bytes, for secrets.
    pub(crate) fn random_text(&self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.entropy.fill(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }
}

/// For files that still name it here.
mod blocked_addresses {
    pub(super) use crate::organization::app::address_blocked;
}
