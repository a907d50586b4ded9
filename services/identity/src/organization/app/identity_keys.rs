//! Identity keys, as owners manage them.

use onethread_core::{IdentityKeyId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use secrecy::SecretString;

use crate::{
    app::App,
    organization::{
        domain::{
            audit::Actor,
            identity_key::{self, IdentityKey, ListedIdentityKey},
        },
        store::identity_keys,
    },
    store::effects,
};

/// Random bytes of an identity key.
const KEY_BYTES: usize = 32;

impl App {
    /// The keys of an organization, without their secrets.
    pub(crate) async fn identity_keys(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<ListedIdentityKey>> {
        let mut conn = self.db.reader("identity_key.list").await?;
        let keys = identity_keys::list(&mut conn, organization).await?;
        Ok(keys.into_iter().map(ListedIdentityKey::from).collect())
    }

    /// Creates a key, and returns it with its secret, which is shown this once. A repeated call with
    /// the same requested id replaces the key of the first one, whose secret the caller never got.
    ///
    /// # Errors
    ///
    /// `TooManyKeys` when the organization has as many as allowed.
    pub(crate) async fn create_identity_key(
        &self,
        organization: OrganizationId,
        actor: Actor,
        requested: Option<IdentityKeyId>,
    ) -> Result<(ListedIdentityKey, SecretString)> {
        let generate = || IdentityKeyId::generate(&*self.clock, &*self.entropy);
        let key = IdentityKey {
            id: requested.unwrap_or_else(generate),
            secret: self.random_text(KEY_BYTES).into(),
        };
        let sealed = key.seal(organization, &self.keys, &*self.entropy);
        let now = self.clock.now();
        transaction!(self.db, "identity_key.add", |tx| {
            let mut existing = identity_keys::list(tx, organization).await?;
            if identity_keys::delete(tx, organization, key.id).await? {
                existing.retain(|existing| existing.id != key.id);
            }
            let slot = identity_key::free_slot(&existing)?;
            if !identity_keys::insert(tx, organization, key.id, slot, &sealed, now).await? {
                // Another process used the slot first.
                return Err(onethread_db::Error::Conflict.into());
            }
            let effects = identity_key::created(key.id, actor);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })?;
        Ok((ListedIdentityKey { id: key.id, created_at: now }, key.secret))
    }

    /// Revokes a key. Proofs made with it are no longer accepted, and sessions that began with one end.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn revoke_identity_key(
        &self,
        organization: OrganizationId,
        id: IdentityKeyId,
        actor: Actor,
    ) -> Result<()> {
        transaction!(self.db, "identity_key.end", |tx| {
            if !identity_keys::delete(tx, organization, id).await? {
                return Err(Error::not_found());
            }
            let effects = identity_key::revoked(organization, id, actor);
            self.record(tx, organization, effects).await?;
            Ok(())
        })
    }
}
