//! Two rows turn out to be one person: a visitor who logs in as somebody known, or two whom an agent
//! joins by hand.

use crate::domain::{
    attributes,
    contact::{Contact, MOST_TAGS},
};

/// Two user ids are two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TwoUserIds;

/// The one who goes on, having taken in the one who ends, and, where only that one has it, their
/// user id with its claim.
pub(crate) fn joined(into: &Contact, ended: &Contact) -> Result<Contact, TwoUserIds> {
    let mut one = with_visitor(into, ended);
    match (&into.user_id, &ended.user_id) {
        (Some(_), Some(_)) => return Err(TwoUserIds),
        (None, Some(_)) => {
            one.user_id.clone_from(&ended.user_id);
            one.claim.clone_from(&ended.claim);
            one.verified = ended.verified;
            // A session of either from before is over.
            one.claim_version = into.claim_version.max(ended.claim_version) + 1;
        }
        _ => {}
    }
    Ok(one)
}

/// The one who goes on, having taken in a visitor.
pub(crate) fn with_visitor(into: &Contact, ended: &Contact) -> Contact {
    let mut one = into.clone();
    fill_blanks(&mut one, ended);
    one.listed |= ended.listed;
    one.blocked |= ended.blocked;
    one.form_at = earlier(into.form_at, ended.form_at);
    one.wrote_at = earlier(into.wrote_at, ended.wrote_at);
    one.first_seen_at = earlier(into.first_seen_at, ended.first_seen_at);
    one.sessions += ended.sessions;
    if ended.last_seen_at > into.last_seen_at {
        one.last_seen_at = ended.last_seen_at;
        last_visit(&mut one, ended);
    }
    one.enter_if_complete();
    one
}

/// A profile's own fields win; what is blank is filled.
fn fill_blanks(one: &mut Contact, ended: &Contact) {
    for (own, other) in [
        (&mut one.name, &ended.name),
        (&mut one.phone, &ended.phone),
        (&mut one.company, &ended.company),
    ] {
        if own.is_none() {
            own.clone_from(other);
        }
    }
    if one.email.is_none() {
        one.email.clone_from(&ended.email);
        one.email_vouched = ended.email_vouched;
    }
    for (key, value) in &ended.custom {
        let own = one.custom.get(key);
        let room = own.is_some() || one.custom.len() < attributes::MOST_KEYS;
        if room && own.is_none_or(|own| own.as_str() == Some("")) {
            one.custom.insert(key.clone(), value.clone());
        }
    }
    for tag in &ended.tags {
        if one.tags.len() < MOST_TAGS && !one.tags.contains(tag) {
            one.tags.push(tag.clone());
        }
    }
}

/// The ended one was seen last.
fn last_visit(one: &mut Contact, ended: &Contact) {
    if ended.page.is_some() {
        one.page.clone_from(&ended.page);
    }
    for (own, last) in [
        (&mut one.platform, &ended.platform),
        (&mut one.browser, &ended.browser),
        (&mut one.system, &ended.system),
        (&mut one.locale, &ended.locale),
        (&mut one.time_zone, &ended.time_zone),
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
    use onethread_core::{ContactId, OrganizationId, Timestamp};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        contact::{Page, Source},
        keys::Claim,
        policy::Verified,
    };

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn contact(id: u128, source: Source) -> Contact {
        let of = OrganizationId(Uuid::from_u128(1));
        Contact::new(of, ContactId(Uuid::from_u128(id)), source, NOW)
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
        let one = joined(&known, &left).unwrap();
        assert_eq!((one.id, one.source, one.listed), (known.id, Source::Identified, true));
        assert_eq!(one.name.as_deref(), Some("Known"));
        assert_eq!(one.email.as_deref(), Some("left@example.com"));
        let custom = json!({"plan": "pro", "empty": 1, "size": 7});
        assert_eq!(one.custom, *custom.as_object().unwrap());
        assert_eq!(one.tags, ["a", "b"]);
        assert_eq!(one.first_seen_at, left.first_seen_at);
        assert_eq!((one.last_seen_at, one.page), (left.last_seen_at, Some(page)));
        assert_eq!(one.sessions, 3);
        assert!(one.blocked, "whoever is blocked does not shake it off");
    }

    #[test]
    fn bounds_hold() {
        let many = |prefix: &str, count: usize| {
            (0..count).map(|n| (format!("{prefix}{n:03}"), json!(n))).collect()
        };
        let tags = |prefix: &str| (0..60).map(|n| format!("{prefix}{n}")).collect();
        let known =
            Contact { custom: many("a", 60), tags: tags("a"), ..contact(1, Source::Identified) };
        let left =
            Contact { custom: many("b", 60), tags: tags("b"), ..contact(2, Source::Visitor) };
        let one = joined(&known, &left).unwrap();
        assert_eq!((one.custom.len(), one.tags.len()), (100, 100));
        assert!(known.custom.keys().all(|key| one.custom.contains_key(key)));
    }

    #[test]
    fn a_user_id_goes_along_with_its_claim_and_two_are_two_people() {
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
        let one = joined(&visitor, &known).unwrap();
        assert_eq!((one.id, one.user_id.as_deref()), (visitor.id, Some("u")));
        assert_eq!((one.claim, one.claim_version, one.listed), (Some(claim), 4, true));
        assert_eq!(one.verified, Verified::SecurityHash);
        assert!(!joined(&visitor, &known).unwrap().is_visitor());
        let other = Contact { user_id: Some("v".into()), ..contact(3, Source::Identified) };
        assert_eq!(joined(&known, &other), Err(TwoUserIds));
        assert_eq!(joined(&known, &known), Err(TwoUserIds));
    }

    #[test]
    fn a_form_here_and_a_message_there_are_enough_for_contacts() {
        let form = Contact { form_at: Some(NOW), ..contact(1, Source::Visitor) };
        let wrote = Contact { wrote_at: Some(NOW), ..contact(2, Source::Visitor) };
        let one = joined(&form, &wrote).unwrap();
        assert_eq!((one.listed, one.source), (true, Source::PreChat));
    }
}
