//! Agents, and the API keys of companies' servers.

use deserr::Deserr;
use onethread_core::Timestamp;
use onethread_proto::identity::{self, AgentRole};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::{extract::Faults, openapi::Time};

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Agent {
    #[schema(format = Uuid)]
    id: String,
    email: String,
    name: String,
    role: Role,
}

/// What an agent may do: owners also manage the organization.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[serde(rename_all = "lowercase")]
#[deserr(error = Faults, rename_all = lowercase)]
pub(crate) enum Role {
    Owner,
    Agent,
}

impl Role {
    /// For the wire.
    pub(crate) fn to_wire(self) -> AgentRole {
        match self {
            Self::Owner => AgentRole::Owner,
            Self::Agent => AgentRole::Agent,
        }
    }
}

impl From<identity::Agent> for Agent {
    fn from(agent: identity::Agent) -> Self {
        let role = if agent.role() == AgentRole::Owner { Role::Owner } else { Role::Agent };
        Self { id: agent.id, email: agent.email, name: agent.name, role }
    }
}

/// An agent as owners see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedAgent {
    #[serde(flatten)]
    agent: Agent,
    state: AgentState,
}

/// Whether an agent has a password.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AgentState {
    Active,
    Invited,
}

impl From<identity::Agent> for ListedAgent {
    fn from(agent: identity::Agent) -> Self {
        let state = if agent.invited { AgentState::Invited } else { AgentState::Active };
        Self { agent: agent.into(), state }
    }
}

/// An agent who may set a password.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitedAgent {
    #[serde(flatten)]
    agent: ListedAgent,
    /// Sets a password once. Shown only this once.
    invite_token: String,
    #[schema(required, value_type = Time)]
    invite_expires_at: Option<Timestamp>,
}

impl InvitedAgent {
    /// From identity.
    pub(crate) fn new(
        agent: Option<identity::Agent>,
        invite_token: String,
        expires_at: Option<prost_types::Timestamp>,
    ) -> Self {
        let agent = agent.unwrap_or_default().into();
        Self { agent, invite_token, invite_expires_at: time(expires_at) }
    }
}

/// An API key of a company's server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey {
    #[schema(format = Uuid)]
    id: String,
    name: String,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

impl From<identity::ApiKey> for ApiKey {
    fn from(key: identity::ApiKey) -> Self {
        Self { id: key.id, name: key.name, created_at: time(key.created_at) }
    }
}

/// An API key with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The key. Shown only this once.
    api_key: String,
}

impl NewApiKey {
    /// From identity.
    pub(crate) fn new(key: identity::ApiKey, api_key: String) -> Self {
        Self { key: key.into(), api_key }
    }
}
