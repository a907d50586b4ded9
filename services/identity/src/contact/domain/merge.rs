//! Merging two contacts: a visitor who logs in as a known contact, or two that an agent merges. The
//! source's row goes, the target has the data of both.

use onethread_core::ContactId;
use onethread_errors::{Error, Reason, Result};
use uuid::Uuid;

use super::{
    attributes,
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
    /// The contact whose row goes.
    pub(crate) source: ContactId,
    /// The contact that stays.
    pub(crate) target: ContactId,
}

impl Merge {
    /// What follows from it: the source's sessions end, and webhooks and the conversation service
    /// are notified.
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

/// The target with the source's data, and with its user id and claim where only the source has
/// them.
///
/// # Errors
///
/// `TwoUserIds` when both have one.
pub(crate) fn merge(target: &Contact, source: &Contact) -> Result<Contact> {
    let mut merged = merge_visitor(target, source);
    match (&target.user_id, &source.user_id) {
        (Some(_), Some(_)) => return Err(Error::new(Reason::TwoUserIds)),
        (None, Some(_)) => {
            merged.user_id.clone_from(&source.user_id);
            merged.claim.clone_from(&source.claim);
            merged.verified = source.verified;
            // Sessions of both from before become invalid.
            merged.claim_version = target.claim_version.max(source.claim_version) + 1;
        }
        _ => {}
    }
    Ok(merged)
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
    for (key, value) in &source.custom {
        let own = merged.custom.get(key);
        let is_within_limit = own.is_some() || merged.custom.len() < attributes::MAX_KEYS;
        if is_within_limit && own.is_none_or(|own| own.as_str() == Some("")) {
            merged.custom.insert(key.clone(), value.clone());
        }
    }
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
        organization::domain::policy::Verified,
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
    fn the_user_id_moves_with_its_claim_and_two_user_ids_are_an_error() {
        let claim = Claim { hash: vec![7], key: "k".into() };
        let known = Contact {
            user_id: Some("u".into()),
            claim: Some(claim.clone()),
            claim_version: 3,
            verified: Verified::SecurityHash,
            listed: true,
            ..contact(1, Source::Identified)
        };
        let visitor = contact(2, Source::Visitor);
        let one = merge(&visitor, &known).unwrap();
        assert_eq!((one.id, one.user_id.as_deref()), (visitor.id, Some("u")));
        assert_eq!((one.claim, one.claim_version, one.listed), (Some(claim), 4, true));
        assert_eq!(one.verified, Verified::SecurityHash);
        assert!(!merge(&visitor, &known).unwrap().is_visitor());
        let other = Contact { user_id: Some("v".into()), ..contact(3, Source::Identified) };
        for other in [&other, &known] {
            assert_eq!(merge(&known, other).unwrap_err().reason, Reason::TwoUserIds);
        }
    }

    #[test]
    fn a_form_of_one_and_a_message_of_the_other_list_the_contact() {
        let form = Contact { form_at: Some(NOW), ..contact(1, Source::Visitor) };
        let wrote = Contact { wrote_at: Some(NOW), ..contact(2, Source::Visitor) };
        let one = merge(&form, &wrote).unwrap();
        assert_eq!((one.listed, one.source), (true, Source::PreChat));
    }
}
