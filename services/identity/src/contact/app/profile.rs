//! A contact or visitor changes its own profile.

use onethread_errors::Result;

use crate::{
    app::App,
    contact::domain::{
        contact::Contact,
        profile::Warning,
        user_details::{UserClaims, read_profile},
    },
};

impl App {
    /// Changes the profile of the session's contact. Nothing is stored for a visitor without a
    /// row.
    ///
    /// # Errors
    ///
    /// `SessionEnded`.
    pub(crate) async fn update_own_profile(
        &self,
        token: &str,
        user: &UserClaims,
    ) -> Result<(Contact, Vec<Warning>)> {
        let (patch, mut warnings) = read_profile(user);
        let (contact, is_stored) = self.session_contact(token).await?;
        if !is_stored {
            return Ok((contact, warnings));
        }
        warnings.extend(contact.clone().apply(&patch));
        let change = |contact: &mut Contact| drop(contact.apply(&patch));
        let changed = self.change_contact(contact.organization_id, contact.id, change).await?;
        Ok((changed.unwrap_or(contact), warnings))
    }
}
