//! Teammates and the keys of companies' servers.

use onethread_core::Timestamp;
use onethread_errors::{Error, Result};
use onethread_proto::identity::{self, AgentRole};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::{extract::Body, openapi::Time};

/// A teammate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Agent {
    #[schema(format = Uuid)]
    id: String,
    email: String,
    name: String,
    role: Role,
}

/// What a teammate may do: owners run the organization, too.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Owner,
    Agent,
}

impl From<identity::Agent> for Agent {
    fn from(agent: identity::Agent) -> Self {
        let role = if agent.role() == AgentRole::Owner { Role::Owner } else { Role::Agent };
        Self { id: agent.id, email: agent.email, name: agent.name, role }
    }
}

/// A teammate as owners see them.
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

impl From<identity::ListedAgent> for ListedAgent {
    fn from(listed: identity::ListedAgent) -> Self {
        let state = if listed.invited { AgentState::Invited } else { AgentState::Active };
        Self { agent: listed.agent.unwrap_or_default().into(), state }
    }
}

/// A teammate who may set a password.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitedAgent {
    #[serde(flatten)]
    agent: ListedAgent,
    /// Sets a password once, shown this once.
    invite_token: String,
    #[schema(required, value_type = Time)]
    invite_expires_at: Option<Timestamp>,
}

impl InvitedAgent {
    /// From identity.
    pub(crate) fn new(
        agent: Option<identity::ListedAgent>,
        invite_token: String,
        until: Option<prost_types::Timestamp>,
    ) -> Self {
        let agent = agent.unwrap_or_default().into();
        Self { agent, invite_token, invite_expires_at: time(until) }
    }
}

/// A key of a company's server.
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

/// A key with the secret itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The key, shown this once.
    api_key: String,
}

impl NewApiKey {
    /// From identity.
    pub(crate) fn new(key: identity::ApiKey, api_key: String) -> Self {
        Self { key: key.into(), api_key }
    }
}

/// A role, where it is said.
pub(crate) fn role(body: &Body) -> Result<Option<AgentRole>> {
    match body.optional_text("role")?.as_deref() {
        None => Ok(None),
        Some("owner") => Ok(Some(AgentRole::Owner)),
        Some("agent") => Ok(Some(AgentRole::Agent)),
        Some(_) => Err(Error::invalid("/role", "is not owner or agent")),
    }
}
