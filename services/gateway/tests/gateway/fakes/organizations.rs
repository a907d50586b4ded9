//! Identity's organizations.

use std::sync::atomic::Ordering;

use onethread_errors::{Error, Reason};
use onethread_proto::{
    common::{Actor, ActorKind},
    identity::{organization_service_server::OrganizationService, *},
};
use tonic::{Request, Response};

use super::{Answer, Fake};
use crate::support::{self, at, id};

#[tonic::async_trait]
impl OrganizationService for Fake {
    async fn create_organization(
        &self,
        request: Request<CreateOrganizationRequest>,
    ) -> Answer<CreateOrganizationResponse> {
        let request = request.into_inner();
        if request.organization_name == "demo" {
            return Err(Error::new(Reason::OrganizationExists).into());
        }
        if request.agent_password.len() < 8 {
            return Err(Error::invalid("agent_password", "is shorter than 8 bytes").into());
        }
        Ok(Response::new(CreateOrganizationResponse {
            organization: Some(Organization {
                id: support::ORGANIZATION.to_owned(),
                name: request.organization_name,
                ..Organization::default()
            }),
            application: Some(Application {
                id: support::id(3),
                number: 1,
                secret: "s".to_owned(),
                ..Application::default()
            }),
            agent: Some(Agent { email: request.agent_email, ..support::agent() }),
            api_key: Some(ApiKey { id: id(2), ..ApiKey::default() }),
            api_key_secret: "key".to_owned(),
        }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Answer<LoginResponse> {
        if request.into_inner().password != "right" {
            return Err(Error::new(Reason::LoginRefused).into());
        }
        let session = AgentSession {
            organization_id: support::ORGANIZATION.to_owned(),
            agent: Some(support::agent()),
            token: "agent".to_owned(),
            expires_at: Some(prost_types::Timestamp { seconds: 1_750_003_600, nanos: 0 }),
        };
        Ok(Response::new(LoginResponse { session: Some(session) }))
    }

    async fn end_login(&self, _: Request<EndLoginRequest>) -> Answer<EndLoginResponse> {
        Ok(Response::new(EndLoginResponse {}))
    }

    async fn batch_get_agents(
        &self,
        _: Request<BatchGetAgentsRequest>,
    ) -> Answer<BatchGetAgentsResponse> {
        Ok(Response::new(BatchGetAgentsResponse { agents: vec![support::agent()] }))
    }

    async fn get_organization(
        &self,
        _: Request<GetOrganizationRequest>,
    ) -> Answer<GetOrganizationResponse> {
        let mut organization = Organization { name: "demo".to_owned(), ..Organization::default() };
        organization.set_policy(Policy::Hmac);
        Ok(Response::new(GetOrganizationResponse { organization: Some(organization) }))
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Answer<UpdateOrganizationResponse> {
        let request = request.into_inner();
        assert_eq!(request.actor.unwrap().kind(), ActorKind::Agent);
        let organization = request.organization.unwrap();
        if organization.name == "taken" {
            return Err(Error::new(Reason::OrganizationExists).into());
        }
        Ok(Response::new(UpdateOrganizationResponse { organization: Some(organization) }))
    }

    async fn list_identity_keys(
        &self,
        _: Request<ListIdentityKeysRequest>,
    ) -> Answer<ListIdentityKeysResponse> {
        let key = IdentityKey { id: id(8), created_at: at() };
        Ok(Response::new(ListIdentityKeysResponse { identity_keys: vec![key] }))
    }

    async fn create_identity_key(
        &self,
        _: Request<CreateIdentityKeyRequest>,
    ) -> Answer<CreateIdentityKeyResponse> {
        if self.0.keys_full.load(Ordering::SeqCst) {
            return Err(Error::new(Reason::TooManyKeys).into());
        }
        let identity_key = Some(IdentityKey { id: id(8), created_at: at() });
        let secret = "k".to_owned();
        Ok(Response::new(CreateIdentityKeyResponse { identity_key, secret }))
    }

    async fn delete_identity_key(
        &self,
        request: Request<DeleteIdentityKeyRequest>,
    ) -> Answer<DeleteIdentityKeyResponse> {
        if request.into_inner().identity_key_id != id(8) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(DeleteIdentityKeyResponse {}))
    }

    async fn list_audit_entries(
        &self,
        _: Request<ListAuditEntriesRequest>,
    ) -> Answer<ListAuditEntriesResponse> {
        let entry = AuditEntry {
            at: Some(prost_types::Timestamp { seconds: 1_750_000_000, nanos: 0 }),
            actor: Some(Actor { kind: ActorKind::Widget.into(), id: String::new() }),
            action: "claim.set".to_owned(),
            subject: support::id(5),
            detail: String::new(),
        };
        let next_page_token = String::new();
        Ok(Response::new(ListAuditEntriesResponse { entries: vec![entry], next_page_token }))
    }
}
