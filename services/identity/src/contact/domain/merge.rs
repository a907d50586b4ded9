//! Merging two contacts: a visitor who logs in as a known contact, or two that an agent merges. The
//! source's row is deleted, and the target has the data of both.

use onethread_core::ContactId;
use onethread_errors::{Error, Reason, Result};
use uuid::Uuid;

use super::{
    attributes::{self, Limits},
    contact::{Contact, MAX_TAGS},
};
use crate::{
    domain::effects::{Delivery, Effects},
    organization::domain::audit::{Action, Actor},
    webhook::domain::event::Event,
};

/// A merge of two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) id: Uuid,
    /// The contact whose row is deleted.
    pub(crate) source: ContactId,
    /// The contact whose row is kept.
    pub(crate) target: ContactId,
}

impl Merge {
    /// What follows from it: the source's sessions are revoked, and webhooks and the conversation
    /// service are notified.
    pub(crate) fn effects(&self) -> Effects {
        let Self { id: merge_id, source, target } = *self;
        Effects::none().revoke(source.0).notify(source, Event::Merged).deliver(Delivery::Merged {
            merge_id,
            source,
            target,
        })
    }

    /// The same, and the entry in the audit log of a merge by an agent or the API.
    pub(crate) fn effects_by(&self, actor: Actor) -> Effects {
        let detail = format!("took in {}", self.source);
        self.effects().audit_with(actor, Action::ContactMerged, self.target.0, detail)
    }
}

/// Who may read a contact's row and conversation, the safest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Readers {
    /// Anyone who has the visitor's token.
    Visitor,
    /// No widget: the contact was imported or created, and has no user id.
    None,
    /// Sessions of the user id, as far as the policy and the claim admit them.
    User,
}

fn readers(contact: &Contact) -> Readers {
    match &contact.user_id {
        Some(_) => Readers::User,
        None if contact.is_visitor() => Readers::Visitor,
        None => Readers::None,
    }
}

/// Decides which of two contacts stays, and returns it first: the one that was asked for, unless
/// the other one is read by safer sessions. So no merge shows a visitor what a known contact wrote.
pub(crate) fn survivor_first(asked: Contact, other: Contact) -> (Contact, Contact) {
    if readers(&other) > readers(&asked) { (other, asked) } else { (asked, other) }
}

/// The survivor with the data of the other contact.
///
/// # Errors
///
/// `TwoUserIds` when both have one.
pub(crate) fn merge(survivor: &Contact, other: &Contact) -> Result<Contact> {
    if other.user_id.is_some() {
        return Err(Error::new(Reason::TwoUserIds));
    }
    Ok(merge_visitor(survivor, other))
}

/// The target with the data of a visitor, who has no user id.
pub(crate) fn merge_visitor(target: &Contact, visitor: &Contact) -> Contact {
    let mut merged = target.clone();
    fill_blanks(&mut merged, visitor);
    merged.blocked |= visitor.blocked;
    merged.form_at = earlier(target.form_at, visitor.form_at);
    merged.wrote_at = earlier(target.wrote_at, visitor.wrote_at);
    merged.first_seen_at = earlier(target.first_seen_at, visitor.first_seen_at);
    merged.sessions += visitor.sessions;
    if visitor.last_seen_at > target.last_seen_at {
        merged.last_seen_at = visitor.last_seen_at;
        take_last_visit(&mut merged, visitor);
    }
    merged.list_as_merged(visitor);
    merged
}

/// The target's own fields win; blank ones are filled.
fn fill_blanks(merged: &mut Contact, source: &Contact) {
    for (own, other) in [
        (&mut merged.name, &source.name),
        (&mut merged.phone, &source.phone),
        (&mut merged.company, &source.company),
    ] {
        if own.is_none() {
            own.clone_from(other);
        }
    }
    if merged.email.is_none() {
        merged.email.clone_from(&source.email);
        merged.email_vouched = source.email_vouched;
    }
    let is_blank = |key: &String| merged.custom.get(key).is_none_or(|own| own.as_str() == Some(""));
    let filled = source.custom.iter().filter(|(key, _)| is_blank(key));
    let filled = filled.map(|(key, value)| (key.clone(), value.clone())).collect();
    let limits = if merged.is_visitor() { Limits::VISITOR } else { Limits::CONTACT };
    attributes::apply(&mut merged.custom, &filled, limits);
    for tag in &source.tags {
        if merged.tags.len() < MAX_TAGS && !merged.tags.contains(tag) {
            merged.tags.push(tag.clone());
        }
    }
}

/// The visitor was seen last.
fn take_last_visit(merged: &mut Contact, source: &Contact) {
    if source.page.is_some() {
        merged.page.clone_from(&source.page);
    }
    for (own, last) in [
        (&mut merged.platform, &source.platform),
        (&mut merged.browser, &source.browser),
        (&mut merged.system, &source.system),
        (&mut merged.locale, &source.locale),
        (&mut merged.time_zone, &source.time_zone),
    ] {
        if !last.is_empty() {
            own.clone_from(last);
        }
    }
}

fn earlier<T: Ord + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use onethread_core::{OrganizationId, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::{
        contact::domain::contact::{Page, Source},
        domain::keys::Claim,
    };

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn contact(id: u128, source: Source) -> Contact {
        let organization = OrganizationId(Uuid::from_u128(1));
        Contact::new(organization, ContactId(Uuid::from_u128(id)), source, NOW)
    }

    #[test]
    fn own_fields_win_and_blanks_are_filled() {
        let known = Contact {
            name: Some("Known".into()),
            custom: [("plan".to_owned(), json!("pro")), ("empty".to_owned(), json!(""))]
                .into_iter()
                .collect(),
            tags: vec!["a".into()],
            first_seen_at: Some(Timestamp::from_micros(20)),
            last_seen_at: Some(Timestamp::from_micros(30)),
            sessions: 2,
            listed: true,
            ..contact(1, Source::Identified)
        };
        let page = Page { url: "https://example.com".into(), ..Page::default() };
        let left = Contact {
            name: Some("Left".into()),
            email: Some("left@example.com".into()),
            custom: [("plan", json!("free")), ("empty", json!(1)), ("size", json!(7))]
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
            tags: vec!["b".into(), "a".into()],
            first_seen_at: Some(Timestamp::from_micros(10)),
            last_seen_at: Some(Timestamp::from_micros(40)),
            sessions: 1,
            page: Some(page.clone()),
            blocked: true,
            ..contact(2, Source::Visitor)
        };
        let one = merge(&known, &left).unwrap();
        assert_eq!((one.id, one.source, one.listed), (known.id, Source::Identified, true));
        assert_eq!(one.name.as_deref(), Some("Known"));
        assert_eq!(one.email.as_deref(), Some("left@example.com"));
        let custom = json!({"plan": "pro", "empty": 1, "size": 7});
        assert_eq!(one.custom, *custom.as_object().unwrap());
        assert_eq!(one.tags, ["a", "b"]);
        assert_eq!(one.first_seen_at, left.first_seen_at);
        assert_eq!((one.last_seen_at, one.page), (left.last_seen_at, Some(page)));
        assert_eq!(one.sessions, 3);
        assert!(one.blocked, "a merge doesn't unblock");
    }

    #[test]
    fn limits_hold() {
        let many = |prefix: &str, count: usize| {
            (0..count).map(|n| (format!("{prefix}{n:03}"), json!(n))).collect()
        };
        let tags = |prefix: &str| (0..60).map(|n| format!("{prefix}{n}")).collect();
        let known =
            Contact { custom: many("a", 60), tags: tags("a"), ..contact(1, Source::Identified) };
        let left =
            Contact { custom: many("b", 60), tags: tags("b"), ..contact(2, Source::Visitor) };
        let one = merge(&known, &left).unwrap();
        assert_eq!((one.custom.len(), one.tags.len()), (100, 100));
        assert!(known.custom.keys().all(|key| one.custom.contains_key(key)));
    }

    #[test]
    fn the_contact_with_the_safer_readers_stays_whatever_was_asked() {
        let known = Contact { user_id: Some("u".into()), ..contact(1, Source::Identified) };
        let imported = contact(2, Source::Import);
        let visitor = contact(3, Source::PreChat);
        let ids = |(survivor, other): (Contact, Contact)| (survivor.id, other.id);
        for (survivor, other) in [(&known, &visitor), (&known, &imported), (&imported, &visitor)] {
            for (asked, against) in [(survivor, other), (other, survivor)] {
                let chosen = survivor_first(asked.clone(), against.clone());
                assert_eq!(ids(chosen), (survivor.id, other.id));
            }
        }
        for equal in [Source::Agent, Source::Visitor] {
            let (one, other) = (contact(4, equal), contact(5, equal));
            assert_eq!(ids(survivor_first(one.clone(), other.clone())), (one.id, other.id));
        }
    }

    #[test]
    fn two_user_ids_are_an_error() {
        let known = |id, user: &str| Contact {
            user_id: Some(user.into()),
            ..contact(id, Source::Identified)
        };
        let claim = Claim { hash: vec![7], key: "k".into() };
        let claimed = Contact { claim: Some(claim.clone()), claim_version: 3, ..known(1, "u") };
        let error = merge(&claimed, &known(2, "v")).unwrap_err();
        assert_eq!(error.reason, Reason::TwoUserIds);
        let one = merge(&claimed, &contact(3, Source::Visitor)).unwrap();
        assert_eq!((one.user_id, one.claim, one.claim_version), (Some("u".into()), Some(claim), 3));
    }
    #[test]
    fn a_form_of_one_and_a_message_of_the_other_list_the_contact() {
        let form = Contact { form_at: Some(NOW), ..contact(1, Source::Visitor) };
        let wrote = Contact { wrote_at: Some(NOW), ..contact(2, Source::Visitor) };
        let one = merge(&form, &wrote).unwrap();
        assert_eq!((one.listed, one.source), (true, Source::PreChat));
    }
}
