//! Keys with which an organization proves user ids: two at most, stored encrypted.

use onethread_core::{Entropy, IdentityKeyId, OrganizationId, Timestamp};
use onethread_errors::{Error, Reason, Result};
use secrecy::{ExposeSecret, SecretString};

use super::audit::{Action, Actor};
use crate::domain::{
    effects::Effects,
    keys::{Sealed, ServerKeys},
};

/// Slots of an organization's keys: two keys, so that one can replace the other.
const SLOTS: [i64; 2] = [1, 2];

/// A key with which an organization proves user ids.
#[derive(Debug, Clone)]
pub(crate) struct IdentityKey {
    pub(crate) id: IdentityKeyId,
    pub(crate) secret: SecretString,
}

/// A key as it is stored.
pub(crate) struct SealedIdentityKey {
    pub(crate) id: IdentityKeyId,
    pub(crate) slot: i64,
    pub(crate) sealed: Sealed,
    pub(crate) created_at: Timestamp,
}

/// A key in a list, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListedIdentityKey {
    pub(crate) id: IdentityKeyId,
    pub(crate) created_at: Timestamp,
}

impl IdentityKey {
    /// Encrypts the secret for its row.
    pub(crate) fn seal(
        &self,
        organization: OrganizationId,
        keys: &ServerKeys,
        entropy: &dyn Entropy,
    ) -> Sealed {
        let secret = self.secret.expose_secret().as_bytes();
        keys.seal(&sealing_context(organization, self.id), secret, entropy)
    }
}

impl SealedIdentityKey {
    /// The key with its secret. `None` when the server key that encrypted it is missing: then
    /// it proves nothing.
    pub(crate) fn open(
        &self,
        organization: OrganizationId,
        keys: &ServerKeys,
    ) -> Option<IdentityKey> {
        let secret = keys.open(&sealing_context(organization, self.id), &self.sealed)?;
        let secret = String::from_utf8(secret).ok()?;
        Some(IdentityKey { id: self.id, secret: secret.into() })
    }
}

impl From<SealedIdentityKey> for ListedIdentityKey {
    fn from(key: SealedIdentityKey) -> Self {
        Self { id: key.id, created_at: key.created_at }
    }
}

/// What a key is sealed for: a sealed secret can't be opened in another row.
fn sealing_context(organization: OrganizationId, id: IdentityKeyId) -> Vec<u8> {
    [&b"identity key"[..], organization.0.as_bytes(), id.0.as_bytes()].concat()
}

/// The slot of a new key.
///
/// # Errors
///
/// `TooManyKeys` when all slots are used.
pub(crate) fn free_slot(existing: &[SealedIdentityKey]) -> Result<i64> {
    let is_free = |slot: &i64| !existing.iter().any(|key| key.slot == *slot);
    let full = || Error::new(Reason::TooManyKeys).with_metadata("limit", SLOTS.len());
    SLOTS.into_iter().find(is_free).ok_or_else(full)
}

/// What follows when a key is created.
pub(crate) fn created(key: IdentityKeyId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::IdentityKeyCreate, key.0)
}

/// What follows when a key is revoked: sessions that began with it end, so all are checked again.
pub(crate) fn revoked(organization: OrganizationId, key: IdentityKeyId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::IdentityKeyEnd, key.0).revoke(organization.0)
}
