//! The people and servers of an organization that answer: agents and API keys.

use onethread_core::{AgentId, ApiKeyId, OrganizationId};

/// The longest password, in bytes.
pub(crate) const LONGEST_PASSWORD: usize = 1024;
/// The shortest password taken for an agent, in bytes.
const SHORTEST_PASSWORD: usize = 8;

/// A password that an agent may set.
pub(crate) fn check_password(password: &str) -> Result<(), &'static str> {
    match password.len() {
        0..SHORTEST_PASSWORD => Err("is shorter than 8 bytes"),
        SHORTEST_PASSWORD..=LONGEST_PASSWORD => Ok(()),
        _ => Err("is longer than 1,024 bytes"),
    }
}

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
