//! Identity's audit log.

use onethread_proto::{
    common::{Actor, ActorKind},
    identity::{audit_service_server::AuditService, *},
};
use tonic::{Request, Response};

use super::{Answer, Fake};
use crate::support::id;

#[tonic::async_trait]
impl AuditService for Fake {
    async fn list_audit_entries(
        &self,
        _: Request<ListAuditEntriesRequest>,
    ) -> Answer<ListAuditEntriesResponse> {
        let entry = AuditEntry {
            id: id(4),
            created_at: Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 0 }),
            actor: Some(Actor { kind: ActorKind::Widget.into(), id: String::new() }),
            action: "claim.set".to_owned(),
            subject: id(5),
            detail: String::new(),
        };
        let next_page_token = String::new();
        Ok(Response::new(ListAuditEntriesResponse { entries: vec![entry], next_page_token }))
    }
}
