//! Addresses from which widgets are not served.

use std::net::IpAddr;

use onethread_core::{BlockedAddressId, OrganizationId, PageSize};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Reason, Result};

use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    contact::domain::fields,
    organization::{
        domain::{
            audit::Actor,
            blocked_address::{self, BlockedAddress},
            network::Network,
        },
        store::{blocked_addresses, organizations},
    },
    store::effects,
};

/// The error of a call from a blocked address.
pub(crate) fn address_blocked() -> Error {
    Error::new(Reason::Blocked).with_detail("Calls from this address are not taken.")
}

impl App {
    /// Rejects a widget's call from an address that the organization has blocked. Without an
    /// address nothing is checked.
    ///
    /// # Errors
    ///
    /// `Blocked`.
    pub(crate) async fn check_address(
        &self,
        organization: OrganizationId,
        address: Option<IpAddr>,
    ) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let mut conn = self.db.reader("blocked_address.get").await?;
        if blocked_addresses::is_blocked(&mut conn, organization, address).await? {
            return Err(address_blocked());
        }
        Ok(())
    }

    /// A page of blocked addresses, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token.
    pub(crate) async fn list_blocked_addresses(
        &self,
        organization: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<BlockedAddress>, String)> {
        let after = BlockedAddressId(page_start(page_token)?.unwrap_or_default());
        let mut conn = self.db.reader("blocked_address.list").await?;
        let mut page = blocked_addresses::page(&mut conn, organization, after, size).await?;
        let next = next_page_token(&mut page, size, |address| address.id.0);
        Ok((page, next))
    }

    /// Blocks an address or a network. Returns true with it if it was blocked already; then only
    /// the reason changes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, or `TooManyAddresses`.
    pub(crate) async fn block_address(
        &self,
        organization: OrganizationId,
        actor: Actor,
        address: &str,
        reason: String,
    ) -> Result<(BlockedAddress, bool)> {
        let network = Network::parse(address);
        let mut invalid = Vec::new();
        invalid.extend(network.err().map(|detail| Field::new("address", detail)));
        invalid.extend(fields::reason(&reason).err().map(|detail| Field::new("reason", detail)));
        let (Ok(network), true) = (network, invalid.is_empty()) else {
            return Err(Error::invalid_fields(invalid));
        };
        let new = BlockedAddress {
            id: BlockedAddressId::generate(&*self.clock, &*self.entropy),
            network: network.to_string(),
            reason,
            created_at: self.clock.now(),
        };
        let blocked = transaction!(self.db, "blocked_address.put", |tx| {
            // Calls that block at the same time wait for each other, so that the limit holds.
            let settings = organizations::locked_settings(tx, organization).await?;
            settings.ok_or_else(Error::not_found)?;
            let existing = blocked_addresses::by_network(tx, organization, &new.network).await?;
            let was_blocked = existing.is_some();
            let (address, effects) = if let Some(mut existing) = existing {
                let effects = existing.block_again(new.reason.clone(), actor);
                blocked_addresses::update(tx, organization, &existing).await?;
                (existing, effects)
            } else {
                let count = blocked_addresses::count(tx, organization).await?;
                let effects = new.block(organization, count, actor)?;
                blocked_addresses::insert(tx, organization, &new).await?;
                (new.clone(), effects)
            };
            effects::record(tx, organization, effects, new.created_at, &*self.entropy).await?;
            Ok((address, was_blocked))
        });
        self.applications.clear();
        blocked
    }

    /// Unblocks an address.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn unblock_address(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: BlockedAddressId,
    ) -> Result<()> {
        let now = self.clock.now();
        let unblocked = transaction!(self.db, "blocked_address.delete", |tx| {
            if !blocked_addresses::delete(tx, organization, id).await? {
                return Err(Error::not_found());
            }
            let effects = blocked_address::unblocked(id, actor);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        });
        self.applications.clear();
        unblocked
    }
}
