//! Events that webhooks are notified of.

use strum::VariantArray;

use crate::contact::domain::contact::Contact;

/// An event. Its discriminant is its bit in storage.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray,
)]
pub(crate) enum Event {
    #[strum(serialize = "contact.created")]
    Created = 1,
    #[strum(serialize = "contact.updated")]
    Updated = 2,
    #[strum(serialize = "contact.joined")]
    Merged = 4,
    #[strum(serialize = "message.created")]
    MessageCreated = 8,
    #[strum(serialize = "conversation.closed")]
    ConversationClosed = 16,
}

impl Event {
    /// Events that the conversation service reports.
    pub(crate) const OF_CONVERSATIONS: [Self; 2] = [Self::MessageCreated, Self::ConversationClosed];

    /// The bit in storage.
    pub(crate) fn bit(self) -> i64 {
        self as i64
    }

    /// The name in the JSON API.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// All events.
    pub(crate) fn all() -> &'static [Self] {
        Self::VARIANTS
    }

    /// The events whose bits are set.
    pub(crate) fn from_bits(bits: i64) -> Vec<Self> {
        Self::VARIANTS.iter().copied().filter(|event| bits & event.bit() != 0).collect()
    }

    /// The event of a changed contact: it enters Contacts, or its profile changes.
    pub(crate) fn of_change(before: &Contact, after: &Contact) -> Option<Self> {
        fn profile(contact: &Contact) -> impl PartialEq {
            let Contact { user_id, name, email, phone, company, custom, tags, blocked, .. } =
                contact.clone();
            (user_id, name, email, phone, company, custom, tags, blocked)
        }
        match (before.listed, after.listed) {
            (false, true) => Some(Self::Created),
            (true, true) if profile(before) != profile(after) => Some(Self::Updated),
            _ => None,
        }
    }
}

/// The bits of several events.
pub(crate) fn bits(events: &[Event]) -> i64 {
    events.iter().fold(0, |bits, event| bits | event.bit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_their_names_and_bits() {
        for event in Event::all() {
            assert_eq!(event.name().parse(), Ok(*event));
            assert_eq!(Event::from_bits(event.bit()), [*event]);
        }
        assert_eq!(bits(Event::all()), 31);
        assert!("contact.erased".parse::<Event>().is_err());
    }
}
