//! `OrganizationService`.

use onethread_errors::Result;
use onethread_grpc::{answer, id, page_size};
use onethread_proto::identity::{self as wire, organization_service_server::OrganizationService};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response, Status};

use super::Handlers;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OrganizationService for Handlers {
    async fn create_organization(
        &self,
        request: Request<wire::CreateOrganizationRequest>,
    ) -> Answer<wire::CreateOrganizationResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.agent_password);
        let made =
            self.app.create_organization(request.organization, &request.agent_email, password);
        answer(made.await.map(|made| wire::CreateOrganizationResponse {
            organization_id: made.id.to_string(),
            agent: Some(made.owner().into()),
            application_id: made.application_id,
            application_secret: made.application_secret,
            app_id: made.app_id.to_string(),
            api_key: made.api_key.expose_secret().to_owned(),
        }))
    }

    async fn login(&self, request: Request<wire::LoginRequest>) -> Answer<wire::LoginResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.password);
        let login = self.app.log_agent_in(request.organization, &request.email, password).await;
        answer(login.map(Into::into))
    }

    async fn end_login(
        &self,
        request: Request<wire::EndLoginRequest>,
    ) -> Answer<wire::EndLoginResponse> {
        let ended = self.app.end_login(&request.into_inner().token).await;
        answer(ended.map(|()| wire::EndLoginResponse {}))
    }

    async fn batch_get_agents(
        &self,
        request: Request<wire::BatchGetAgentsRequest>,
    ) -> Answer<wire::BatchGetAgentsResponse> {
        let request = request.into_inner();
        let found = async {
            let of = id("/organizationId", &request.organization_id)?;
            let ids = request.agent_ids.iter().map(|text| id("/agentIds", text));
            self.app.batch_agents(of, ids.collect::<Result<_>>()?).await
        };
        answer(found.await.map(|found| wire::BatchGetAgentsResponse {
            agents: found.into_iter().map(Into::into).collect(),
        }))
    }

    async fn list_audit_entries(
        &self,
        request: Request<wire::ListAuditEntriesRequest>,
    ) -> Answer<wire::ListAuditEntriesResponse> {
        let request = request.into_inner();
        let page = async {
            let of = id("/organizationId", &request.organization_id)?;
            self.app.audit(of, page_size("/limit", request.page_size)?, &request.page_token).await
        };
        answer(page.await.map(|(entries, next_page_token)| wire::ListAuditEntriesResponse {
            entries: entries.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }
}
