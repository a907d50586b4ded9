//! `BlockedAddressService`.

use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::identity::{
    self as wire, blocked_address_service_server::BlockedAddressService,
};
use tonic::{Request, Response, Status};

use super::audit::actor;
use crate::{grpc::Handlers, organization::domain::blocked_address::BlockedAddress};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl BlockedAddressService for Handlers {
    async fn list_blocked_addresses(
        &self,
        request: Request<wire::ListBlockedAddressesRequest>,
    ) -> Answer<wire::ListBlockedAddressesResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.list_blocked_addresses(organization, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListBlockedAddressesResponse {
            blocked_addresses: found.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn create_blocked_address(
        &self,
        request: Request<wire::CreateBlockedAddressRequest>,
    ) -> Answer<wire::CreateBlockedAddressResponse> {
        let request = request.into_inner();
        let blocked = async {
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            self.app.block_address(organization, actor, &request.address, request.reason).await
        };
        answer(blocked.await.map(|(blocked, was_blocked)| wire::CreateBlockedAddressResponse {
            blocked_address: Some(blocked.into()),
            created: !was_blocked,
        }))
    }

    async fn delete_blocked_address(
        &self,
        request: Request<wire::DeleteBlockedAddressRequest>,
    ) -> Answer<wire::DeleteBlockedAddressResponse> {
        let request = request.into_inner();
        let unblocked = async {
            let organization = organization_id(&request.organization_id)?;
            let address = id("blocked_address_id", &request.blocked_address_id)?;
            self.app.unblock_address(organization, actor(request.actor)?, address).await
        };
        answer(unblocked.await.map(|()| wire::DeleteBlockedAddressResponse {}))
    }
}

impl From<BlockedAddress> for wire::BlockedAddress {
    fn from(blocked: BlockedAddress) -> Self {
        Self {
            id: blocked.id.to_string(),
            address: blocked.network,
            reason: blocked.reason,
            created_at: Some(timestamp(blocked.created_at)),
        }
    }
}
