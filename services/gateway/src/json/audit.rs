//! The audit log.

use onethread_core::Timestamp;
use onethread_proto::{common::ActorKind, identity as wire};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::openapi::Time;

/// An entry of the audit log: a security-relevant change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    #[schema(required, value_type = Time)]
    at: Option<Timestamp>,
    /// Id of an agent, an API key or an import, or `operator` or `widget`.
    actor: String,
    /// What was done, such as `claim.set`.
    #[schema(example = "claim.set")]
    action: String,
    /// Id of what it was done to.
    subject: String,
    detail: String,
}

impl From<wire::AuditEntry> for AuditEntry {
    fn from(entry: wire::AuditEntry) -> Self {
        let actor = entry.actor.unwrap_or_default();
        let actor = match actor.kind() {
            ActorKind::Operator => "operator".to_owned(),
            ActorKind::Widget => "widget".to_owned(),
            _ => actor.id,
        };
        let wire::AuditEntry { created_at, action, subject, detail, .. } = entry;
        Self { at: time(created_at), actor, action, subject, detail }
    }
}
