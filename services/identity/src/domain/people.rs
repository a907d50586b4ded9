//! The people and servers of an organization that answer: agents and API keys.

use onethread_core::{AgentId, ApiKeyId, OrganizationId};

/// What a teammate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Agent,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Agent => "agent",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Owner, Self::Agent].into_iter().find(|role| role.name() == name)
    }
}

/// A teammate.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: AgentId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// A company's server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiKey {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: ApiKeyId,
}
