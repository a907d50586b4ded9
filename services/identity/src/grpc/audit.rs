//! The audit on the wire.

use onethread_grpc::timestamp;
use onethread_proto::identity as wire;

use crate::domain::audit::{Actor, AuditEntry};

impl From<Actor> for wire::Actor {
    fn from(actor: Actor) -> Self {
        let kind = match actor {
            Actor::Agent(_) => wire::ActorKind::Agent,
            Actor::Server(_) => wire::ActorKind::ApiKey,
            Actor::Operator => wire::ActorKind::Operator,
            Actor::Widget => wire::ActorKind::Widget,
            Actor::Import(_) => wire::ActorKind::Import,
        };
        let id = actor.id().map(|id| id.to_string()).unwrap_or_default();
        Self { kind: kind.into(), id }
    }
}

impl From<AuditEntry> for wire::AuditEntry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            at: Some(timestamp(entry.at)),
            actor: Some(entry.actor.into()),
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}
