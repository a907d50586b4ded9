//! Addresses from which widgets are not served.

use std::net::IpAddr;

use onethread_core::{BlockedAddressId, OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Field, Reason, Result};

use super::App;
use crate::{
    domain::{audit::Actor, fields, network::Network},
    store::BlockedAddress,
};

pub(super) fn address_blocked() -> Error {
    Error::new(Reason::Blocked).because("Calls from this address are not taken.")
}

impl App {
    /// Refuses a call of a widget from an address that the organization has blocked. Without an
    /// address it comes from where none is known.
    pub(super) async fn check_address(
        &self,
        of: OrganizationId,
        address: Option<IpAddr>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        if self.store.is_blocked(of, address).await? { Err(address_blocked()) } else { Ok(()) }
    }

    pub(crate) async fn list_blocked_addresses(
        &self,
        of: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<BlockedAddress>, String)> {
        let bad_token = |_| Error::invalid("/cursor", "is not a cursor of this list");
        let after = PageToken::decode(page_token).map_err(bad_token)?;
        let after = BlockedAddressId(after.unwrap_or_default());
        let mut found = self.store.list_blocked_addresses(of, after, size).await?;
        let more = found.len() > size.rows();
        found.truncate(size.rows());
        let last = found.last().filter(|_| more).map(|last| PageToken::encode(&last.id));
        Ok((found, last.unwrap_or_default()))
    }

    /// Blocks an address or a network; true beside it when it was blocked before.
    pub(crate) async fn block_address(
        &self,
        of: OrganizationId,
        by: Actor,
        address: &str,
        reason: String,
    ) -> Result<(BlockedAddress, bool)> {
        let network = Network::parse(address);
        let mut wrong = Vec::new();
        wrong.extend(network.err().map(|detail| Field::new("/address", detail)));
        wrong.extend(fields::reason(&reason).err().map(|detail| Field::new("/reason", detail)));
        let (Ok(network), true) = (network, wrong.is_empty()) else {
            return Err(Error::invalid_fields(wrong));
        };
        let id = BlockedAddressId::generate(&*self.clock, &*self.entropy);
        let now = self.clock.now();
        let blocked = self.store.block_address(of, id, network, reason, by, now).await?;
        blocked.ok_or_else(|| Error::new(Reason::TooManyAddresses))
    }

    pub(crate) async fn unblock_address(
        &self,
        of: OrganizationId,
        by: Actor,
        id: BlockedAddressId,
    ) -> Result<()> {
        let unblocked = self.store.unblock_address(of, id, by, self.clock.now()).await?;
        if unblocked { Ok(()) } else { Err(Error::not_found()) }
    }
}
