//! Settings of an organization, as owners change them.

use onethread_core::OrganizationId;
use onethread_db::transaction;
use onethread_errors::{Error, Reason, Result};

use crate::{
    app::App,
    contact::domain::fields,
    organization::{
        domain::{
            audit::Actor,
            settings::{Settings, SettingsPatch},
        },
        store::organizations,
    },
};

impl App {
    /// The settings of an organization.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn settings(&self, organization: OrganizationId) -> Result<Settings> {
        let mut conn = self.db.reader("organization.settings").await?;
        organizations::settings(&mut conn, organization).await?.ok_or_else(Error::not_found)
    }

    /// Changes settings.
    ///
    /// # Errors
    ///
    /// `NotFound`; `InvalidArgument` for an invalid name; `OrganizationExists` when another one has or
    /// had it.
    pub(crate) async fn change_settings(
        &self,
        organization: OrganizationId,
        patch: SettingsPatch,
        actor: Actor,
    ) -> Result<Settings> {
        if let Some(Err(detail)) = patch.name.as_deref().map(fields::domain) {
            return Err(Error::invalid("organization.name", detail));
        }
        let changed = transaction!(self.db, "organization.change", |tx| {
            let before = organizations::locked_settings(tx, organization).await?;
            let before = before.ok_or_else(Error::not_found)?;
            let Some((after, effects)) = before.change(organization, &patch, actor) else {
                return Ok(before);
            };
            let updated = organizations::update_settings(tx, organization, &after).await;
            updated.map_err(|error| match error {
                duplicate if duplicate.is_unique_violation() => {
                    Error::new(Reason::OrganizationExists)
                }
                error => error.into(),
            })?;
            if after.name != before.name {
                if organizations::is_former_name(tx, organization, &after.name).await? {
                    return Err(Error::new(Reason::OrganizationExists));
                }
                organizations::add_former_name(tx, organization, &before.name).await?;
            }
            self.record(tx, organization, effects).await?;
            Ok(after)
        });
        self.applications.clear();
        changed
    }
}
