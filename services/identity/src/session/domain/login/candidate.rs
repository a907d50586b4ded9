//! The contact that a login is for, before its proof is checked.

use super::{Login, LoginRows, state::LoginVisitor};
use crate::contact::domain::{
    contact::{Contact, Source},
    merge::{Merge, merge_visitor},
};

/// The contact before the proof is checked.
pub(super) struct Candidate<'s> {
    /// Its row, if there is one.
    pub(super) before: Option<&'s Contact>,
    pub(super) contact: Contact,
    /// Its merge with the visitor.
    pub(super) merge: Option<Merge>,
}

impl<'s> Candidate<'s> {
    pub(super) fn of(login: &Login, rows: &'s LoginRows, visitor: LoginVisitor<'s>) -> Self {
        match (&rows.contact, visitor) {
            (Some(known), LoginVisitor::Stored(_, visitor)) => {
                let id = login.new_contact.0;
                let merge = Merge { id, source: visitor.id, target: known.id };
                let contact = merge_visitor(known, visitor);
                Self { before: Some(known), contact, merge: Some(merge) }
            }
            (Some(known), _) => Self { before: Some(known), contact: known.clone(), merge: None },
            (None, LoginVisitor::Stored(_, visitor)) => {
                Self { before: Some(visitor), contact: visitor.clone(), merge: None }
            }
            (None, _) => {
                let reused = visitor.ended().filter(|token| token.is_first());
                let reused = reused.filter(|_| rows.visitor.is_none());
                let id = reused.map_or(login.new_contact, |token| token.visitor_id);
                let organization = login.organization_id;
                let contact = Contact::new(organization, id, Source::Identified, login.now);
                Self { before: None, contact, merge: None }
            }
        }
    }
}
