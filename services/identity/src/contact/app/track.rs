//! Events that pages track.

use onethread_core::new_uuid;
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use serde_json::{Map, Value};

use crate::{
    app::App,
    contact::{
        domain::tracked_event::TrackedEvent,
        store::{contacts, tracked_events},
    },
};

impl App {
    /// Stores an event of the session's contact, and deletes the oldest beyond the limit. Nothing
    /// is stored for a visitor without a row.
    ///
    /// # Errors
    ///
    /// `SessionEnded`, and an invalid name or data.
    pub(crate) async fn track(
        &self,
        token: &str,
        name: &str,
        data: Map<String, Value>,
    ) -> Result<()> {
        let (contact, _) = self.session_contact(token).await?;
        let (organization, contact) = (contact.organization_id, contact.id);
        let event = TrackedEvent::parse(name, data, self.clock.now());
        let event = event.map_err(Error::invalid_fields)?;
        let id = new_uuid(event.at, &*self.entropy);
        transaction!(self.db, "event.keep", |tx| {
            if contacts::locked_by_id(tx, organization, contact).await?.is_some() {
                tracked_events::insert(tx, organization, contact, id, &event).await?;
                tracked_events::delete_excess(tx, organization, contact).await?;
            }
            Ok(())
        })
    }
}
