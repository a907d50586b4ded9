//! The use cases, one file each. They put together domain and store, and know neither wire nor SQL.

mod admit;
mod agents;
mod applications;
mod audit;
mod authenticate;
mod blocked_addresses;
mod claims;
mod clean_up;
mod contacts;
mod deliveries;
mod edits;
mod identify;
mod import;
mod joins;
mod login;
mod measure;
mod organization;
mod own_password;
mod passwords;
mod profile;
mod revocations;
mod sessions;
mod settings;
mod track;
mod webhooks;

use std::sync::Arc;

use onethread_core::{Clock, Entropy};
use onethread_outbox::Wake;

use crate::{domain::keys::ServerKeys, store::Store};

pub(crate) use applications::{ApplicationName, NewApplication};
pub(crate) use authenticate::CallSource;
pub(crate) use clean_up::run_clean_up;
pub(crate) use contacts::ContactQuery;
pub(crate) use deliveries::ToConversation;
pub(crate) use edits::ContactChanges;
pub(crate) use identify::{ApplicationRef, Identified, IdentifyCommand};
pub(crate) use import::ImportRows;
pub(crate) use login::LoggedInAgent;
pub(crate) use measure::run_measures;
pub use organization::MadeOrganization;
pub(crate) use own_password::reset_password;
pub(crate) use passwords::Passwords;
pub(crate) use revocations::{Feed, run_feed};
pub(crate) use webhooks::{Poster, Sender};

/// Identity's use cases.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) keys: Arc<ServerKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) passwords: Passwords,
    /// Webhooks may lie at addresses that the world can't reach.
    pub(crate) private_webhooks: bool,
    /// Word to the outbox.
    pub(crate) wake: Wake,
}
