//! `IdentityKeyService`.

use onethread_grpc::{answer, id, organization_id, timestamp};
use onethread_proto::identity::{self as wire, identity_key_service_server::IdentityKeyService};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use super::audit::actor;
use crate::{
    grpc::{Handlers, requested_id},
    organization::domain::identity_key::ListedIdentityKey,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl IdentityKeyService for Handlers {
    async fn list_identity_keys(
        &self,
        request: Request<wire::ListIdentityKeysRequest>,
    ) -> Answer<wire::ListIdentityKeysResponse> {
        let keys = async {
            self.app.identity_keys(organization_id(&request.into_inner().organization_id)?).await
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
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            let requested = requested_id(&request.request_id)?;
            self.app.create_identity_key(organization, actor, requested).await
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
            let organization = organization_id(&request.organization_id)?;
            let key = id("identity_key_id", &request.identity_key_id)?;
            self.app.revoke_identity_key(organization, key, actor(request.actor)?).await
        };
        answer(revoked.await.map(|()| wire::DeleteIdentityKeyResponse {}))
    }
}

impl From<ListedIdentityKey> for wire::IdentityKey {
    fn from(key: ListedIdentityKey) -> Self {
        Self { id: key.id.to_string(), created_at: Some(timestamp(key.created_at)) }
    }
}
