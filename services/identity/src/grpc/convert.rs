//! Wire messages ⇄ meaning, of applications and agents.

use onethread_proto::identity as wire;

use crate::domain::{
    application::PreChatField,
    people::{Agent, Role},
};

impl From<PreChatField> for wire::PreChatField {
    fn from(field: PreChatField) -> Self {
        Self { name: field.name, label: field.label, r#type: field.kind, required: field.required }
    }
}

impl From<Agent> for wire::Agent {
    fn from(agent: Agent) -> Self {
        let role = match agent.role {
            Role::Owner => wire::AgentRole::Owner,
            Role::Agent => wire::AgentRole::Agent,
        };
        Self { id: agent.id.to_string(), email: agent.email, name: agent.name, role: role.into() }
    }
}
