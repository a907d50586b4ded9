//! The contacts that a batch of imported rows is about: read once, changed in memory row by row,
//! written once.

use std::collections::HashMap;

use onethread_core::{ContactId, OrganizationId, Timestamp};

use super::row::{RowChange, RowKey, RowOutcome, ValidRow, decide};
use crate::{
    contact::domain::{changes::RowWrite, contact::Contact},
    domain::{effects::Effects, keys::ServerKeys},
    organization::domain::audit::Actor,
};

/// The contacts of a batch.
#[derive(Debug)]
pub(crate) struct BatchContacts {
    organization: OrganizationId,
    contacts: Vec<(Box<Contact>, RowWrite)>,
    by_user_id: HashMap<String, usize>,
    /// Contacts without a user id whose email is vouched for, by the email in lower case; never
    /// one that a visitor's token reads, who would see what the file says of a person. Two of
    /// an email are read at most, which is enough to know that it is ambiguous.
    by_email: HashMap<String, Vec<usize>>,
    /// The other contacts without a user id, by the email in lower case. A
    /// row matches them only where it is exactly their export.
    by_unvouched_email: HashMap<String, Vec<usize>>,
    effects: Effects,
}

impl BatchContacts {
    /// With the contacts that the rows may change.
    pub(crate) fn new(
        organization: OrganizationId,
        contacts: impl IntoIterator<Item = Contact>,
    ) -> Self {
        let mut batch = Self {
            organization,
            contacts: Vec::new(),
            by_user_id: HashMap::new(),
            by_email: HashMap::new(),
            by_unvouched_email: HashMap::new(),
            effects: Effects::none(),
        };
        for contact in contacts {
            batch.add(Box::new(contact), RowWrite::None);
        }
        batch
    }

    fn add(&mut self, contact: Box<Contact>, write: RowWrite) {
        let index = self.contacts.len();
        if let Some(user_id) = &contact.user_id {
            self.by_user_id.insert(user_id.clone(), index);
        } else if let Some(email) = &contact.email {
            let by_email = if contact.email_vouched && !contact.is_visitor() {
                &mut self.by_email
            } else {
                &mut self.by_unvouched_email
            };
            by_email.entry(email.to_lowercase()).or_default().push(index);
        }
        self.contacts.push((contact, write));
    }

    /// Applies a row after those before it.
    pub(crate) fn apply(
        &mut self,
        row: &ValidRow,
        new_id: ContactId,
        actor: Actor,
        keys: &ServerKeys,
        now: Timestamp,
    ) -> RowOutcome {
        let found: Vec<usize> = match &row.key {
            RowKey::UserId(id) => self.by_user_id.get(id.as_str()).copied().into_iter().collect(),
            RowKey::Email(email) => {
                let email = email.to_lowercase();
                let mut unvouched = self.by_unvouched_email.get(&email).into_iter().flatten();
                if unvouched.any(|&index| row.is_export_of(&self.contacts[index].0)) {
                    return RowOutcome::Unchanged;
                }
                self.by_email.get(&email).cloned().unwrap_or_default()
            }
        };
        let matches: Vec<_> = found.iter().map(|&index| &*self.contacts[index].0).collect();
        match decide(row, &matches, self.organization, new_id, actor, keys, now) {
            RowChange::Create(contact, effects) => {
                self.record(effects);
                self.add(contact, RowWrite::Insert);
                RowOutcome::Created
            }
            RowChange::Update(contact, mut effects) => {
                let (current, write) = &mut self.contacts[found[0]];
                // Neither the user id nor the email by which it is found changes.
                *current = contact;
                if *write == RowWrite::Insert {
                    // Outside of the batch it is new, with nothing before it.
                    effects.revoked.clear();
                    effects.events.clear();
                } else {
                    *write = RowWrite::Update;
                }
                self.record(effects);
                RowOutcome::Updated
            }
            RowChange::None(outcome) => outcome,
        }
    }

    fn record(&mut self, effects: Effects) {
        self.effects = std::mem::take(&mut self.effects).and(effects);
    }

    /// True when a contact that was read is to be updated.
    pub(crate) fn has_updates(&self) -> bool {
        self.contacts.iter().any(|(_, write)| *write == RowWrite::Update)
    }

    /// The contacts that are to be written in this way.
    pub(crate) fn with_write(&self, wanted: RowWrite) -> Vec<&Contact> {
        let contacts = self.contacts.iter().filter(|(_, write)| *write == wanted);
        contacts.map(|(contact, _)| &**contact).collect()
    }

    /// What follows from all changes.
    pub(crate) fn into_effects(self) -> Effects {
        self.effects
    }
}
