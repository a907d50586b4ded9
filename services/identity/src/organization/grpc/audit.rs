//! `AuditService`, and actors in messages.

use onethread_core::ImportId;
use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::{
    common,
    identity::{self as wire, audit_service_server::AuditService},
};
use tonic::{Request, Response, Status};

use crate::{
    grpc::Handlers,
    organization::domain::audit::{Actor, AuditEntry},
};

#[tonic::async_trait]
impl AuditService for Handlers {
    async fn list_audit_entries(
        &self,
        request: Request<wire::ListAuditEntriesRequest>,
    ) -> Result<Response<wire::ListAuditEntriesResponse>, Status> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.audit(organization, size, &request.page_token).await
        };
        answer(page.await.map(|(entries, next_page_token)| wire::ListAuditEntriesResponse {
            entries: entries.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}

/// The actor of a call.
///
/// # Errors
///
/// `InvalidArgument` when the actor is missing or its id is invalid.
pub(crate) fn actor(actor: Option<common::Actor>) -> Result<Actor> {
    const ID: &str = "actor.id";
    let actor = actor.unwrap_or_default();
    Ok(match actor.kind() {
        common::ActorKind::Agent => Actor::Agent(id(ID, &actor.id)?),
        common::ActorKind::ApiKey => Actor::Server(id(ID, &actor.id)?),
        common::ActorKind::Import => Actor::Import(id::<ImportId>(ID, &actor.id)?.0),
        common::ActorKind::Operator => Actor::Operator,
        common::ActorKind::Widget => Actor::Widget,
        common::ActorKind::Unspecified => return Err(Error::invalid("actor", "is missing")),
    })
}

impl From<Actor> for common::Actor {
    fn from(actor: Actor) -> Self {
        let kind = match actor {
            Actor::Agent(_) => common::ActorKind::Agent,
            Actor::Server(_) => common::ActorKind::ApiKey,
            Actor::Operator => common::ActorKind::Operator,
            Actor::Widget => common::ActorKind::Widget,
            Actor::Import(_) => common::ActorKind::Import,
        };
        let id = actor.id().map(|id| id.to_string()).unwrap_or_default();
        Self { kind: kind.into(), id }
    }
}

impl From<AuditEntry> for wire::AuditEntry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            created_at: Some(timestamp(entry.at)),
            actor: Some(entry.actor.into()),
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}
