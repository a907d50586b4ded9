//! Addresses from which widgets are not served.

use onethread_core::{BlockedAddressId, OrganizationId, Timestamp};
use onethread_errors::{Error, Reason, Result};

use super::audit::{Action, Actor};
use crate::domain::effects::Effects;

/// Blocked addresses of an organization, at most.
const MAX_BLOCKED_ADDRESSES: i64 = 1000;

/// A blocked address or network.
#[derive(Debug, Clone)]
pub(crate) struct BlockedAddress {
    pub(crate) id: BlockedAddressId,
    /// In the spelling of [`Network`](super::network::Network).
    pub(crate) network: String,
    pub(crate) reason: String,
    pub(crate) created_at: Timestamp,
}

impl BlockedAddress {
    /// What follows when this address is blocked in addition to `count` others: all sessions of the
    /// organization are checked again.
    ///
    /// # Errors
    ///
    /// `TooManyAddresses` when the organization has as many as allowed.
    pub(crate) fn block(
        &self,
        organization: OrganizationId,
        count: i64,
        actor: Actor,
    ) -> Result<Effects> {
        if count >= MAX_BLOCKED_ADDRESSES {
            return Err(
                Error::new(Reason::TooManyAddresses).with_metadata("limit", MAX_BLOCKED_ADDRESSES)
            );
        }
        let effects = Effects::none().audit(actor, Action::AddressBlock, self.id.0);
        Ok(effects.revoke(organization.0))
    }

    /// Blocks an address again, for another reason.
    pub(crate) fn block_again(&mut self, reason: String, actor: Actor) -> Effects {
        self.reason = reason;
        Effects::none().audit(actor, Action::AddressBlock, self.id.0)
    }
}

/// What follows when an address is unblocked.
pub(crate) fn unblocked(id: BlockedAddressId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::AddressUnblock, id.0)
}
