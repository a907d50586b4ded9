//! The page that a contact is on.

use onethread_errors::Result;

use crate::{
    app::App,
    contact::domain::contact::{Context, Page},
};

impl App {
    /// Stores the page on which the session's contact has just done something. Nothing is stored
    /// for a visitor without a row.
    ///
    /// # Errors
    ///
    /// `SessionEnded`.
    pub(crate) async fn record_visit(&self, token: &str, page: Page) -> Result<()> {
        let (contact, is_stored) = self.session_contact(token).await?;
        let (context, now) = (Context { page: Some(page), ..Context::default() }, self.clock.now());
        let mut after = contact.clone();
        after.act(&context, now);
        if is_stored && after != contact {
            let (organization, id) = (contact.organization_id, contact.id);
            self.change_contact(organization, id, |contact| contact.act(&context, now)).await?;
        }
        Ok(())
    }
}
