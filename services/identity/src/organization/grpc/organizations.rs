//! `OrganizationService`.

use onethread_errors::Result;
use onethread_grpc::{answer, id, page_size};
use onethread_proto::identity::{self as wire, organization_service_server::OrganizationService};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response, Status};

use super::{audit::actor, settings::patch};
use crate::grpc::Handlers;

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
            self.app.create_organization(request.organization, &request.agent_email, password);
        answer(created.await.map(|created| wire::CreateOrganizationResponse {
            organization_id: created.id.to_string(),
            agent: Some(created.owner().into()),
            application_id: created.application_id,
            application_secret: created.application_secret,
            app_id: created.app_id.to_string(),
            api_key: created.api_key.expose_secret().to_owned(),
        }))
    }

    async fn login(&self, request: Request<wire::LoginRequest>) -> Answer<wire::LoginResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.password);
        let login = self.app.log_agent_in(&request.organization, &request.email, password).await;
        answer(login.map(Into::into))
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
        let settings = async {
            self.app.settings(id(ORGANIZATION, &request.into_inner().organization_id)?).await
        };
        answer(
            settings.await.map(|settings| wire::GetOrganizationResponse {
                organization: Some(settings.into()),
            }),
        )
    }

    async fn update_organization(
        &self,
        request: Request<wire::UpdateOrganizationRequest>,
    ) -> Answer<wire::UpdateOrganizationResponse> {
        let request = request.into_inner();
        let settings = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let patch = patch(request.organization, request.update_mask)?;
            self.app.change_settings(organization, patch, actor(request.actor)?).await
        };
        answer(settings.await.map(|settings| wire::UpdateOrganizationResponse {
            organization: Some(settings.into()),
        }))
    }

    async fn list_identity_keys(
        &self,
        request: Request<wire::ListIdentityKeysRequest>,
    ) -> Answer<wire::ListIdentityKeysResponse> {
        let keys = async {
            self.app.identity_keys(id(ORGANIZATION, &request.into_inner().organization_id)?).await
        };
        answer(keys.await.map(|keys| wire::ListIdentityKeysResponse {
            keys: keys.into_iter().map(Into::into).collect(),
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
        answer(created.await.map(|key| wire::CreateIdentityKeyResponse {
            id: key.id.to_string(),
            key: key.secret.expose_secret().to_owned(),
        }))
    }

    async fn delete_identity_key(
        &self,
        request: Request<wire::DeleteIdentityKeyRequest>,
    ) -> Answer<wire::DeleteIdentityKeyResponse> {
        let request = request.into_inner();
        let revoked = async {
            let organization = id(ORGANIZATION, &request.organization_id)?;
            let key = id("key_id", &request.key_id)?;
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
