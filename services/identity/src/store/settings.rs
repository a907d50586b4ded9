//! What organizations have settled, and what a login is judged by.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, on};
use sqlx::{query, query_as};

use super::{
    Store, audit,
    contacts::Lock,
    identity_keys, revocations,
    rows::{GuardedRow, SettingsRow},
    sql,
};
use crate::domain::{
    audit::{Actor, Change},
    keys::ServerKeys,
    policy::{IdentityKey, Rules, Settings, SettingsPatch},
};

/// The settings of an organization that is there.
pub(super) async fn settings(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    lock: Lock,
) -> Result<Settings> {
    let text = lock.pick(conn, sql::SETTINGS, sql::SETTINGS_LOCKED);
    let row: Option<SettingsRow> =
        on!(conn, |c| query_as(text).bind(of.0).fetch_optional(&mut **c).await)?;
    row.ok_or(Error::Corrupt("organizations"))?.try_into()
}

/// The settings, and whether the organization has blocked any address.
pub(super) async fn with_blocks(
    conn: &mut Conn<'_>,
    of: OrganizationId,
) -> Result<(Settings, bool)> {
    let row: Option<GuardedRow> = on!(conn, |c| query_as(sql::SETTINGS_AND_BLOCKS)
        .bind(of.0)
        .fetch_optional(&mut **c)
        .await)?;
    let row = row.ok_or(Error::Corrupt("organizations"))?;
    Ok((row.settings.try_into()?, row.blocks))
}

/// What a login is judged by.
pub(super) async fn rules(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    keys: &ServerKeys,
) -> Result<Rules> {
    let settings = settings(conn, of, Lock::No).await?;
    let keys = keys_for(conn, of, &settings, keys).await?;
    Ok(Rules { settings, keys })
}

/// The live identity keys; read only where the policy is checked with them.
pub(super) async fn keys_for(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    settings: &Settings,
    keys: &ServerKeys,
) -> Result<Vec<IdentityKey>> {
    if settings.policy.uses_keys() {
        identity_keys::live(conn, of, keys).await
    } else {
        Ok(Vec::new())
    }
}

impl Store {
    /// What the organization has settled.
    pub(crate) async fn settings(&self, of: OrganizationId) -> Result<Settings> {
        self.db
            .read("organization.settings", move |mut conn| {
                Box::pin(async move { settings(&mut conn, of, Lock::No).await })
            })
            .await
    }

    /// Changes the settings. Where another policy is enforced from now on, every session of the
    /// organization is looked at again.
    pub(crate) async fn change_settings(
        &self,
        of: OrganizationId,
        patch: SettingsPatch,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Settings> {
        let entropy = self.entropy.clone();
        let changed = self
            .db
            .write("organization.change", move |mut conn| {
                Box::pin(async move {
                    let held = settings(&mut conn, of, Lock::Yes).await?;
                    let wanted = patch.applied(&held);
                    if wanted == held {
                        return Ok(held);
                    }
                    on!(&mut conn, |c| query(sql::UPDATE_SETTINGS)
                        .bind(of.0)
                        .bind(&wanted.name)
                        .bind(wanted.policy.name())
                        .bind(wanted.report_only)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    if wanted.enforced() != held.enforced() {
                        revocations::insert(&mut conn, of, &[of.0], now, &*entropy).await?;
                    }
                    let change = Change {
                        actor,
                        action: "organization.change",
                        subject: of.to_string(),
                        detail: told(&held, &wanted),
                    };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(wanted)
                })
            })
            .await;
        self.openings.forget();
        changed
    }
}

/// What changed, in words.
fn told(held: &Settings, wanted: &Settings) -> String {
    let mut changes = Vec::new();
    if held.name != wanted.name {
        changes.push(format!("name: {} to {}", held.name, wanted.name));
    }
    if held.policy != wanted.policy {
        changes.push(format!("policy: {} to {}", held.policy.name(), wanted.policy.name()));
    }
    if held.report_only != wanted.report_only {
        changes.push(format!("reportOnly: {} to {}", held.report_only, wanted.report_only));
    }
    changes.join(", ")
}
