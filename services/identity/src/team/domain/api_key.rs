//! API keys, by which the servers of an organization call.

use onethread_core::{ApiKeyId, OrganizationId, Timestamp};

use crate::{
    domain::effects::Effects,
    organization::domain::audit::{Action, Actor},
};

/// A server's API key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiKey {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: ApiKeyId,
}

/// An API key in a list, without its secret.
#[derive(Debug, Clone)]
pub(crate) struct ListedApiKey {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

/// What follows when a key is created.
pub(crate) fn created(key: ApiKeyId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::ApiKeyCreate, key.0)
}

/// The effects of revoking a key: its streams end.
pub(crate) fn revoked(key: ApiKeyId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::ApiKeyRevoke, key.0).revoke(key.0)
}
