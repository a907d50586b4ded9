//! `BlockedAddressService`.

use onethread_grpc::{answer, id, page_size, timestamp};
use onethread_proto::identity::{
    self as wire, blocked_address_service_server::BlockedAddressService,
};
use tonic::{Request, Response, Status};

use super::{Handlers, audit::actor};
use crate::store::BlockedAddress;

type Answer<T> = Result<Response<T>, Status>;

const ORGANIZATION: &str = "/organizationId";

#[tonic::async_trait]
impl BlockedAddressService for Handlers {
    async fn list_blocked_addresses(
        &self,
        request: Request<wire::ListBlockedAddressesRequest>,
    ) -> Answer<wire::ListBlockedAddressesResponse> {
        let request = request.into_inner();
        let page = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            let size = page_size("/limit", request.page_size)?;
            self.app.list_blocked_addresses(of, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListBlockedAddressesResponse {
            addresses: found.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn create_blocked_address(
        &self,
        request: Request<wire::CreateBlockedAddressRequest>,
    ) -> Answer<wire::CreateBlockedAddressResponse> {
        let request = request.into_inner();
        let blocked = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            let by = actor(request.actor)?;
            self.app.block_address(of, by, &request.address, request.reason).await
        };
        answer(blocked.await.map(|(blocked, was_blocked)| wire::CreateBlockedAddressResponse {
            address: Some(blocked.into()),
            was_blocked,
        }))
    }

    async fn delete_blocked_address(
        &self,
        request: Request<wire::DeleteBlockedAddressRequest>,
    ) -> Answer<wire::DeleteBlockedAddressResponse> {
        let request = request.into_inner();
        let unblocked = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            let address = id("/blockedAddressId", &request.blocked_address_id)?;
            self.app.unblock_address(of, actor(request.actor)?, address).await
        };
        answer(unblocked.await.map(|()| wire::DeleteBlockedAddressResponse {}))
    }
}

impl From<BlockedAddress> for wire::BlockedAddress {
    fn from(blocked: BlockedAddress) -> Self {
        let created_at = Some(timestamp(blocked.created_at()));
        let BlockedAddress { id, network, reason, .. } = blocked;
        Self { id: id.to_string(), address: network, reason, created_at }
    }
}
