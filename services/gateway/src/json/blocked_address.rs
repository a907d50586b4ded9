//! Blocked addresses.

use onethread_core::Timestamp;
use onethread_proto::identity as wire;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::openapi::Time;

/// An address or a network from which widgets are not served.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockedAddress {
    #[schema(format = Uuid)]
    id: String,
    /// An IPv4 or IPv6 address, or a network.
    #[schema(example = "192.0.2.0/24")]
    address: String,
    reason: String,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

impl From<wire::BlockedAddress> for BlockedAddress {
    fn from(blocked: wire::BlockedAddress) -> Self {
        let wire::BlockedAddress { id, address, reason, created_at } = blocked;
        Self { id, address, reason, created_at: time(created_at) }
    }
}
