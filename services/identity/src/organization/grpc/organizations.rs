//! `OrganizationService`.

use onethread_errors::Result;
use onethread_grpc::{answer, id, page_size};
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

const ORGANIZATION: &str = "organization_id";

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

    async fn login(&self, request: Request<wire::LoginRequest>) -> Answer<wire::LoginResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.password);
        let login = self.app.log_agent_in(&request.organization_name, &request.email, password).await;
        answer(login.map(|login| wire::LoginResponse { session: Some(login.into()) }))
    }

    async fn end_login(
        &self,
        request: Request<wire::EndLoginRequest>,
    ) -> Answer<wire::EndLoginResponse> {
        let logged_out = self.app.end_login(&request.into_inner().token).await;
        answer(logged_out.map(|()| wire::EndLoginResponse {}))
    }

    async fn batch_get_agents(
        &self,
        request: Request<wire::BatchGetAgentsRequest>,
    ) -> Answer<wire::BatchGetAgentsResponse> {
        let request = request.into_inner();
        let found = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let ids = request.agent_ids.iter().enumerate();
            let ids = ids.map(|(n, text)| id(&format!("agent_ids[{n}]"), text));
            self.app.batch_agents(organization, ids.collect::<Result<_>>()?).await
        };
        answer(found.await.map(|found| wire::BatchGetAgentsResponse {
            agents: found.into_iter().map(Into::into).collect(),
        }))
    }

    async fn get_organization(
        &self,
        request: Request<wire::GetOrganizationRequest>,
    ) -> Answer<wire::GetOrganizationResponse> {
        let found = async {
            let id = id(ORGANIZATION, &request.into_inner().organization_id)?;
            Ok(organization(id, self.app.settings(id).await?))
        };
        answer(
            found
                .await
                .map(|found| wire::GetOrganizationResponse { organization: Some(found) }),
        )
    }

    async fn update_organization(
        &self,
        request: Request<wire::UpdateOrganizationRequest>,
    ) -> Answer<wire::UpdateOrganizationResponse> {
        let request = request.into_inner();
        let changed = async {
            let id = id(ORGANIZATION, &request.organization_id)?;
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

    async fn list_identity_keys(
        &self,
        request: Request<wire::ListIdentityKeysRequest>,
    ) -> Answer<wire::ListIdentityKeysResponse> {
        let keys = async {
            self.app.identity_keys(id(ORGANIZATION, &request.into_inner().organization_id)?).await
        };
        answer(keys.await.map(|keys| wire::ListIdentityKeysResponse {
            identity_keys: keys.into_iter().map(Into::into).collect(),
        }))
    }

    async fn create_identity_key(
        &self,
        request: Request<wire::CreateIdentityKeyRequest>,
    ) -> Answer<wire::CreateIdentityKeyResponse> {
        let request = request.into_inner();
        let created = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            self.app.create_identity_key(organization, actor(request.actor)?).await
        };
        answer(created.await.map(|(key, secret)| wire::CreateIdentityKeyResponse {
            identity_key: Some(key.into()),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    async fn delete_identity_key(
        &self,
        request: Request<wire::DeleteIdentityKeyRequest>,
    ) -> Answer<wire::DeleteIdentityKeyResponse> {
        let request = request.into_inner();
        let revoked = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let key = id("identity_key_id", &request.identity_key_id)?;
            self.app.revoke_identity_key(organization, key, actor(request.actor)?).await
        };
        answer(revoked.await.map(|()| wire::DeleteIdentityKeyResponse {}))
    }

    async fn list_audit_entries(
        &self,
        request: Request<wire::ListAuditEntriesRequest>,
    ) -> Answer<wire::ListAuditEntriesResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            self.app
                .audit(
                    organization,
                    page_size("page_size", request.page_size)?,
                    &request.page_token,
                )
                .await
        };
        answer(page.await.map(|(entries, next_page_token)| wire::ListAuditEntriesResponse {
            entries: entries.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}

impl From<CreatedOrganization> for wire::CreateOrganizationResponse {
    fn from(created: CreatedOrganization) -> Self {
        let CreatedOrganization { application, owner, api_key, api_key_secret } = created;
        let settings =
            Settings { name: application.organization.clone(), ..Settings::default() };
        Self {
            organization: Some(organization(application.organization_id, settings)),
            application: Some(application.into()),
            agent: Some(owner.into()),
            api_key: Some(api_key.into()),
            api_key_secret: api_key_secret.expose_secret().to_owned(),
        }
    }
}
