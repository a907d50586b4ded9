//! `ApiKeyService`.

use onethread_errors::Result;
use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::identity::{self as wire, api_key_service_server::ApiKeyService};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use crate::{
    grpc::{Handlers, requested_id},
    organization::grpc::audit::actor,
    team::domain::api_key::ListedApiKey,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ApiKeyService for Handlers {
    async fn list_api_keys(
        &self,
        request: Request<wire::ListApiKeysRequest>,
    ) -> Answer<wire::ListApiKeysResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.list_api_keys(organization, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListApiKeysResponse {
            api_keys: found.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn create_api_key(
        &self,
        request: Request<wire::CreateApiKeyRequest>,
    ) -> Answer<wire::CreateApiKeyResponse> {
        let request = request.into_inner();
        let created = async {
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            let requested = requested_id(&request.request_id)?;
            self.app.create_api_key(organization, actor, requested, request.name).await
        };
        answer(created.await.map(|(key, secret)| wire::CreateApiKeyResponse {
            api_key: Some(key.into()),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    async fn delete_api_key(
        &self,
        request: Request<wire::DeleteApiKeyRequest>,
    ) -> Answer<wire::DeleteApiKeyResponse> {
        let request = request.into_inner();
        let revoked = async {
            let organization = organization_id(&request.organization_id)?;
            let key = id("api_key_id", &request.api_key_id)?;
            self.app.revoke_api_key(organization, actor(request.actor)?, key).await
        };
        answer(revoked.await.map(|()| wire::DeleteApiKeyResponse {}))
    }
}

impl From<ListedApiKey> for wire::ApiKey {
    fn from(key: ListedApiKey) -> Self {
        Self { id: key.id.to_string(), name: key.name, created_at: Some(timestamp(key.created_at)) }
    }
}
