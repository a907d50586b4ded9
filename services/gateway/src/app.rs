//! What every call of the gateway uses: clients, limits, live streams. Nothing here is lost for
//! good when the process restarts.

use std::{fmt, sync::Arc};

use onethread_core::{AgentId, Clock, ContactId, Entropy, OrganizationId};
use onethread_lifecycle::Lifecycle;
use tokio::sync::Semaphore;

use crate::{
    Config, Deps,
    authentication::AuthenticationCache,
    clients::Clients,
    extract::BodyMemory,
    limits::Limits,
    names::Names,
    streams::{Hub, Imports, Revocations},
    visited_pages::VisitedPages,
};

/// Streams whose sessions are confirmed at the same time: when all of them are in doubt, identity
/// isn't flooded.
const MAX_CONCURRENT_CONFIRMATIONS: usize = 64;

/// The state of the router.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) body_memory: BodyMemory,
    pub(crate) names: Names,
    pub(crate) visited_pages: VisitedPages,
    pub(crate) hub: Hub,
    pub(crate) revocations: Revocations,
    pub(crate) authentications: AuthenticationCache,
    pub(crate) import_progress: Imports,
    pub(crate) confirmations: Semaphore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) life: Lifecycle,
    pub(crate) clients: Clients,
}

impl App {
    pub(crate) fn new(config: Config, deps: Deps, life: Lifecycle) -> Self {
        Self {
            limits: Limits::new(&config.rate_limits),
            body_memory: BodyMemory::default(),
            names: Names::default(),
            visited_pages: VisitedPages::default(),
            hub: Hub::default(),
            revocations: Revocations::default(),
            authentications: AuthenticationCache::default(),
            import_progress: Imports::default(),
            confirmations: Semaphore::new(MAX_CONCURRENT_CONFIRMATIONS),
            clock: deps.clock,
            entropy: deps.entropy,
            life,
            clients: Clients {
                identity: deps.identity,
                conversation: deps.conversation,
                contact_import: deps.contact_import,
            },
            config,
        }
    }

    /// Drops what is cached about a contact that has just changed: the name and the sessions.
    pub(crate) fn contact_changed(&self, organization: OrganizationId, contact: ContactId) {
        self.names.contact_changed(organization, contact);
        self.revocations.note(organization, [contact.0]);
    }

    /// Drops what is cached about an agent that has just changed: the name and the sessions.
    pub(crate) fn agent_changed(&self, organization: OrganizationId, agent: AgentId) {
        self.names.agent_changed(organization, agent);
        self.revocations.note(organization, [agent.0]);
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
