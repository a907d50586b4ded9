//! Who enters Contacts, the list that agents see, and with which source. A contact leaves
//! it only when it is erased or merged.

use super::contact::{Contact, Source};

impl Contact {
    /// A page identifies the contact.
    pub(crate) fn list_as_identified(&mut self) {
        self.list(Source::Identified);
    }

    /// A visitor is listed once the pre-chat form and a message are both stored.
    pub(crate) fn list_if_complete(&mut self) {
        if self.form_at.is_some() && self.wrote_at.is_some() {
            self.list(Source::PreChat);
        }
    }

    /// An agent, the API or an import adds the contact, or names one that exists, which keeps its
    /// source.
    pub(crate) fn list_as_added(&mut self) {
        self.list(self.source);
    }

    /// Another contact is merged into this one, which may make the form and the message complete.
    pub(crate) fn list_as_merged(&mut self, source: &Self) {
        if source.listed {
            self.list(self.source);
        }
        self.list_if_complete();
    }

    fn list(&mut self, source: Source) {
        if !self.listed {
            self.listed = true;
            self.source = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{ContactId, OrganizationId, Timestamp};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Identify,
        Form,
        Message,
        Add,
        MergeListed,
        MergeUnlisted,
    }

    fn contact(source: Source) -> Contact {
        let organization = OrganizationId(Uuid::from_u128(1));
        Contact::new(organization, ContactId(Uuid::from_u128(2)), source, NOW)
    }

    fn apply(contact: &mut Contact, step: Step) {
        match step {
            Step::Identify => contact.list_as_identified(),
            Step::Form => {
                contact.form_at = Some(NOW);
                contact.list_if_complete();
            }
            Step::Message => {
                contact.wrote_at = Some(NOW);
                contact.list_if_complete();
            }
            Step::Add => contact.list_as_added(),
            Step::MergeListed | Step::MergeUnlisted => {
                let listed = matches!(step, Step::MergeListed);
                let source = Contact { listed, ..self::contact(Source::Visitor) };
                contact.list_as_merged(&source);
            }
        }
    }

    fn any_steps() -> impl Strategy<Value = Vec<Step>> {
        use Step::{Add, Form, Identify, MergeListed, MergeUnlisted, Message};
        let step =
            prop::sample::select(vec![Identify, Form, Message, Add, MergeListed, MergeUnlisted]);
        prop::collection::vec(step, 0..8)
    }

    proptest! {
        #[test]
        fn the_first_reason_lists_and_sets_the_source(steps in any_steps()) {
            let mut contact = contact(Source::Visitor);
            let (mut form, mut message, mut expected) = (false, false, None);
            for step in steps {
                form |= matches!(step, Step::Form);
                message |= matches!(step, Step::Message);
                let reason = match step {
                    Step::Identify => Some(Source::Identified),
                    Step::Add | Step::MergeListed => Some(Source::Visitor),
                    Step::Form | Step::Message | Step::MergeUnlisted => {
                        (form && message).then_some(Source::PreChat)
                    }
                };
                expected = expected.or(reason);
                apply(&mut contact, step);
                prop_assert_eq!(contact.listed, expected.is_some());
                prop_assert_eq!(contact.source, expected.unwrap_or(Source::Visitor));
            }
        }

        #[test]
        fn nobody_leaves_contacts(steps in any_steps()) {
            let mut contact = Contact { listed: true, ..contact(Source::Import) };
            steps.into_iter().for_each(|step| apply(&mut contact, step));
            prop_assert_eq!((contact.listed, contact.source), (true, Source::Import));
        }
    }
}
