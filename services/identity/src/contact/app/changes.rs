//! Writing a changed contact and what follows from the change.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::{Connection, transaction};
use onethread_errors::Result;

use crate::{
    app::App,
    contact::{
        domain::{changes, contact::Contact},
        store::contacts,
    },
};

impl App {
    /// Changes a contact's row. `None` when there is none.
    pub(crate) async fn change_contact(
        &self,
        organization: OrganizationId,
        id: ContactId,
        change: impl Fn(&mut Contact) + Send + Sync,
    ) -> Result<Option<Contact>> {
        let changed = transaction!(self.db, "contact.change", |tx| {
            let Some(before) = contacts::locked_by_id(tx, organization, id).await? else {
                return Ok(None);
            };
            let mut after = before.clone();
            change(&mut after);
            self.save_contact(tx, Some(&before), &after).await?;
            Ok(Some(after))
        })?;
        self.webhook_wake.notify_one();
        Ok(changed)
    }

    /// Inserts or updates a contact's row, unless it is as before, and records what follows.
    pub(crate) async fn save_contact(
        &self,
        conn: &mut Connection,
        before: Option<&Contact>,
        after: &Contact,
    ) -> Result<()> {
        match before {
            None => contacts::insert(conn, after).await?,
            Some(before) if before == after => return Ok(()),
            Some(_) => contacts::update(conn, after).await?,
        }
        self.record(conn, after.organization_id, changes::effects(before, after)).await
    }
}
