//! Pages tell what a person does.

use onethread_errors::{Error, Reason, Result};
use serde_json::{Map, Value};

use super::{App, CallSource};
use crate::domain::{events::Event, session::Caller};

impl App {
    /// Keeps an event. Nothing is stored for a visitor without a row.
    pub(crate) async fn track(
        &self,
        token: &str,
        name: &str,
        data: Map<String, Value>,
    ) -> Result<()> {
        let contact = match self.authenticate(token, CallSource::default()).await? {
            Caller::Visitor { contact, .. } | Caller::Contact { contact, .. } => contact,
            Caller::Agent(_) | Caller::Server(_) => {
                return Err(Error::new(Reason::SessionEnded));
            }
        };
        let event = Event::read(name, data, self.clock.now()).map_err(Error::invalid_fields)?;
        Ok(self.store.keep_event(contact.organization_id, contact.id, event).await?)
    }
}
