//! `OrganizationService`.

use onethread_grpc::{answer, organization_id};
use onethread_proto::identity::{self as wire, organization_service_server::OrganizationService};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response, Status};

use super::{
    audit::actor,
    settings::{organization, patch},
};
use crate::{
    grpc::Handlers,
    organization::{app::organizations::CreatedOrganization, domain::settings::Settings},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OrganizationService for Handlers {
    async fn create_organization(
        &self,
        request: Request<wire::CreateOrganizationRequest>,
    ) -> Answer<wire::CreateOrganizationResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.agent_password);
        let created =
            self.app.create_organization(request.organization_name, &request.agent_email, password);
        answer(created.await.map(Into::into))
    }

    async fn get_organization(
        &self,
        request: Request<wire::GetOrganizationRequest>,
    ) -> Answer<wire::GetOrganizationResponse> {
        let found = async {
            let id = organization_id(&request.into_inner().organization_id)?;
            Ok(organization(id, self.app.settings(id).await?))
        };
        answer(found.await.map(|found| wire::GetOrganizationResponse { organization: Some(found) }))
    }

    async fn update_organization(
        &self,
        request: Request<wire::UpdateOrganizationRequest>,
    ) -> Answer<wire::UpdateOrganizationResponse> {
        let request = request.into_inner();
        let changed = async {
            let id = organization_id(&request.organization_id)?;
            let patch = patch(request.organization, request.update_mask)?;
            let settings = self.app.change_settings(id, patch, actor(request.actor)?).await?;
            Ok(organization(id, settings))
        };
        answer(
            changed
                .await
                .map(|changed| wire::UpdateOrganizationResponse { organization: Some(changed) }),
        )
    }
}

impl From<CreatedOrganization> for wire::CreateOrganizationResponse {
    fn from(created: CreatedOrganization) -> Self {
        let CreatedOrganization { application, owner, api_key, api_key_secret } = created;
        let settings = Settings { name: application.organization.clone(), ..Settings::default() };
        Self {
            organization: Some(organization(application.organization_id, settings)),
            application: Some(application.into()),
            agent: Some(owner.into()),
            api_key: Some(api_key.into()),
            api_key_secret: api_key_secret.expose_secret().to_owned(),
        }
    }
}
