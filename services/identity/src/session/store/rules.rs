//! The rules for logins and sessions.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Error, Result};

use crate::organization::{
    domain::{identity_key::SealedIdentityKey, settings::Settings},
    store::{identity_keys, organizations},
};

/// The settings, and the identity keys where the policy is checked with them.
pub(crate) struct SealedRules {
    pub(crate) settings: Settings,
    pub(crate) keys: Vec<SealedIdentityKey>,
}

/// The rules of an organization.
pub(crate) async fn read(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<SealedRules> {
    let settings = organizations::settings(conn, organization).await?;
    let settings = settings.ok_or(Error::Corrupt("organizations"))?;
    with_keys(conn, organization, settings).await
}

/// The rules of an organization whose settings are known.
pub(crate) async fn with_keys(
    conn: &mut Connection,
    organization: OrganizationId,
    settings: Settings,
) -> Result<SealedRules> {
    let keys = if settings.policy.uses_keys() {
        identity_keys::list(conn, organization).await?
    } else {
        Vec::new()
    };
    Ok(SealedRules { settings, keys })
}
