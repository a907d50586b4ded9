//! A person changes their own profile.

use onethread_errors::Result;

use super::{App, CallSource};
use crate::domain::{
    contact::Contact,
    profile::Warning,
    said::{UserClaims, read_profile},
    session::Caller,
};

impl App {
    pub(crate) async fn update_own_profile(
        &self,
        token: &str,
        user: &UserClaims,
    ) -> Result<(Contact, Vec<Warning>)> {
        let (patch, mut warnings) = read_profile(user);
        let (contact, stored) = match self.authenticate(token, CallSource::default()).await? {
            Caller::Visitor { contact, stored, .. } => (contact, stored),
            Caller::Contact { contact, .. } => (contact, true),
            Caller::Agent(_) | Caller::Server(_) => {
                return Err(onethread_errors::Error::new(onethread_errors::Reason::SessionEnded));
            }
        };
        if !stored {
            return Ok((contact, warnings));
        }
        let mut tried = contact.clone();
        warnings.extend(tried.apply(&patch));
        let change = move |held: Option<Contact>| {
            let mut held = held?;
            held.apply(&patch);
            Some(held)
        };
        let (of, id) = (contact.organization_id, contact.id);
        // This person's other devices hear of it.
        let changed = self.store.change_contact(of, id, self.clock.now(), change).await?;
        Ok((changed.unwrap_or(contact), warnings))
    }
}
