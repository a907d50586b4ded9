//! What owners settle: the policy and the identity keys.

use onethread_core::{IdentityKeyId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::domain::{
    audit::Actor,
    fields,
    policy::{IdentityKey, KeyInfo, Settings, SettingsPatch},
};

/// Random bytes of an identity key.
const KEY_BYTES: usize = 32;

impl App {
    pub(crate) async fn settings(&self, of: OrganizationId) -> Result<Settings> {
        Ok(self.store.settings(of).await?)
    }

    pub(crate) async fn change_settings(
        &self,
        of: OrganizationId,
        patch: SettingsPatch,
        actor: Actor,
    ) -> Result<Settings> {
        if let Some(Err(detail)) = patch.name.as_deref().map(fields::domain) {
            return Err(Error::invalid("/name", detail));
        }
        match self.store.change_settings(of, patch, actor, self.clock.now()).await {
            Err(taken) if taken.is_unique_violation() => {
                Err(Error::new(Reason::OrganizationExists))
            }
            settled => Ok(settled?),
        }
    }

    pub(crate) async fn identity_keys(&self, of: OrganizationId) -> Result<Vec<KeyInfo>> {
        Ok(self.store.identity_keys(of).await?)
    }

    pub(crate) async fn make_identity_key(
        &self,
        of: OrganizationId,
        actor: Actor,
    ) -> Result<IdentityKey> {
        let key = IdentityKey {
            id: IdentityKeyId::generate(&*self.clock, &*self.entropy),
            secret: self.random_text(KEY_BYTES).into(),
        };
        let (keys, now) = (self.keys.clone(), self.clock.now());
        let added = self.store.add_identity_key(of, key.clone(), keys, actor, now).await?;
        if added { Ok(key) } else { Err(Error::new(Reason::TooManyKeys)) }
    }

    pub(crate) async fn end_identity_key(
        &self,
        of: OrganizationId,
        id: IdentityKeyId,
        actor: Actor,
    ) -> Result<()> {
        let ended = self.store.end_identity_key(of, id, actor, self.clock.now()).await?;
        if ended { Ok(()) } else { Err(Error::not_found()) }
    }
}
