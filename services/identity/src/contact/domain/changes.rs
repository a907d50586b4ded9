//! What follows from a change of a contact's row, in every use case.

use super::contact::Contact;
use crate::{domain::effects::Effects, webhook::domain::event::Event};

/// Webhook events, and a revocation where the contact's open sessions have to be checked again.
pub(crate) fn effects(before: Option<&Contact>, after: &Contact) -> Effects {
    let effects = events(before, after);
    // Its pages show the profile, and a gateway trusts an earlier answer about a blocked contact.
    let is_seen = |before: &Contact| !before.shows_as(after) || before.blocked != after.blocked;
    if before.is_some_and(is_seen) { effects.revoke(after.id.0) } else { effects }
}

/// Webhook events alone.
pub(crate) fn events(before: Option<&Contact>, after: &Contact) -> Effects {
    let event = match before {
        None => after.listed.then_some(Event::Created),
        Some(before) => Event::of_change(before, after),
    };
    match event {
        Some(event) => Effects::none().notify(after.id, event),
        None => Effects::none(),
    }
}

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowWrite {
    None,
    Insert,
    Update,
}

impl RowWrite {
    /// The write after which the row is `after`.
    pub(crate) fn of<T: PartialEq>(before: Option<&T>, after: &T) -> Self {
        match before {
            None => Self::Insert,
            Some(before) if before == after => Self::None,
            Some(_) => Self::Update,
        }
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{ContactId, OrganizationId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::contact::domain::contact::Source;

    fn contact() -> Contact {
        let (organization, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let now = Timestamp::from_micros(1);
        Contact::new(OrganizationId(organization), ContactId(id), Source::Visitor, now)
    }

    #[test]
    fn entering_contacts_is_a_creation_and_another_profile_an_update() {
        let listed = Contact { listed: true, ..contact() };
        let renamed = Contact { name: Some("Ann".into()), ..listed.clone() };
        let seen = Contact { sessions: 7, ..listed.clone() };
        let created = Effects::none().notify(listed.id, Event::Created);
        assert_eq!(effects(None, &contact()), Effects::none());
        assert_eq!(effects(None, &listed), created);
        assert_eq!(effects(Some(&contact()), &listed), created);
        assert_eq!(effects(Some(&listed), &seen), Effects::none());
        let updated = Effects::none().notify(listed.id, Event::Updated);
        assert_eq!(effects(Some(&listed), &renamed), updated.revoke(listed.id.0));
    }

    #[test]
    fn sessions_are_checked_again_when_the_profile_or_the_block_changes() {
        let before = contact();
        let tagged = Contact { tags: vec!["vip".into()], ..contact() };
        let blocked = Contact { blocked: true, ..contact() };
        assert!(effects(Some(&before), &tagged).revoked.is_empty());
        assert_eq!(effects(Some(&before), &blocked).revoked, [before.id.0]);
    }
}
