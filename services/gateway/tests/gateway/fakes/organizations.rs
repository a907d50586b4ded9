//! Identity's organizations.

use onethread_errors::{Error, Reason};
use onethread_proto::{
    common::ActorKind,
    identity::{organization_service_server::OrganizationService, *},
};
use tonic::{Request, Response};

use super::{Answer, Fake};
use crate::support::{self, id};

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

    async fn get_organization(
        &self,
        _: Request<GetOrganizationRequest>,
    ) -> Answer<GetOrganizationResponse> {
        let mut organization = Organization { name: "demo".to_owned(), ..Organization::default() };
        organization.set_policy(IdentityPolicy::Hmac);
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
}
