//! The identity matrix of the policy `optional`, and what a login does to devices and visitors.

use std::time::Duration;

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::domain::{keys::ServerKey, said::UserClaims};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn keys(names: &[&str]) -> ServerKeys {
    let key = |name: &&str| ServerKey::new((*name).to_owned(), name.as_bytes());
    ServerKeys::new(names.iter().map(key).collect()).unwrap()
}

fn here() -> OrganizationId {
    OrganizationId(Uuid::from_u128(1))
}

fn login(user: &str, proof: Option<&str>) -> Login {
    let claims = UserClaims { security_hash: proof.map(Into::into), ..UserClaims::default() };
    let claims = UserClaims { user_id: Some(user.into()), ..claims };
    let said = crate::domain::said::Said::read(&claims).unwrap();
    Login {
        organization_id: here(),
        application_id: ApplicationId(Uuid::from_u128(2)),
        user_id: said.user_id.unwrap(),
        proofs: said.proofs,
        profile: said.profile,
        warnings: said.warnings,
        device: None,
        context: Context { platform: "web".into(), ..Context::default() },
        now: NOW,
        new_contact: ContactId(Uuid::from_u128(100)),
        new_device: DeviceId(Uuid::from_u128(200)),
        new_visitor: ContactId(Uuid::from_u128(300)),
    }
}

fn token(device: u128, visitor: u128) -> DeviceToken {
    DeviceToken {
        organization_id: here(),
        device_id: DeviceId(Uuid::from_u128(device)),
        visitor_id: ContactId(Uuid::from_u128(visitor)),
        clean: false,
        epoch: 0,
        issued: NOW.seconds(),
    }
}

fn visitor(id: u128) -> Contact {
    Contact::new(here(), ContactId(Uuid::from_u128(id)), Source::Visitor, NOW)
}

fn enter(login: &Login, held: &Held) -> LoggedIn {
    match decide(login, held, &keys(&["k"])) {
        Decision::In(person) => *person,
        Decision::Refused => panic!("refused"),
    }
}

/// What stands in the database after a login on it.
fn after(person: &LoggedIn) -> Held {
    Held {
        contact: Some(person.contact.clone()),
        device: Some(person.device.clone()),
        ..Held::default()
    }
}

#[test]
fn the_matrix_of_claim_and_proof() {
    let unclaimed = after(&enter(&login("12345", None), &Held::default()));
    let claimed = after(&enter(&login("12345", Some("secret")), &Held::default()));
    let unknown = Held::default();
    // state, proof, is in, claims
    let matrix = [
        (&unknown, None, true, false),
        (&unknown, Some("secret"), true, true),
        (&unclaimed, None, true, false),
        (&unclaimed, Some("secret"), true, true),
        (&claimed, None, false, false),
        (&claimed, Some("other"), false, false),
        (&claimed, Some("secre"), false, false),
        (&claimed, Some("SECRET"), false, false),
        (&claimed, Some("secret"), true, false),
    ];
    for (row, (held, proof, is_in, claims)) in matrix.into_iter().enumerate() {
        match decide(&login("12345", proof), held, &keys(&["k"])) {
            Decision::Refused => assert!(!is_in, "row {row}"),
            Decision::In(person) => {
                assert!(is_in, "row {row}");
                let before = held.contact.as_ref().and_then(|contact| contact.claim.clone());
                assert_eq!(person.contact.claim != before, claims, "row {row}");
                // A new claim cuts off the sessions that did not prove it.
                assert_eq!(person.revoked.contains(&person.contact.id.0), claims, "row {row}");
            }
        }
    }
}

#[test]
fn an_older_key_verifies_and_the_claim_moves_to_the_newest() {
    let old = decide(&login("1", Some("s")), &Held::default(), &keys(&["old"]));
    let Decision::In(old) = old else { panic!("refused") };
    let both = keys(&["old", "new"]);
    let Decision::In(moved) = decide(&login("1", Some("s")), &after(&old), &both) else {
        panic!("refused")
    };
    assert_eq!(moved.contact.claim.as_ref().unwrap().key, "new");
    // Sessions that proved it stay: it is the same claim.
    assert_eq!(moved.contact.claim_version, old.contact.claim_version);
    assert!(moved.revoked.is_empty());
}

#[test]
fn sessions_from_before_a_claim_are_over_and_later_ones_stand() {
    use crate::domain::session::stands;
    let before = enter(&login("1", None), &Held::default());
    let mut again = login("1", Some("s"));
    again.device = Some(before.device_token.clone());
    let claimed = enter(&again, &after(&before));
    assert_eq!(before.device.id, claimed.device.id);
    assert!(!stands(&before.session, &claimed.device, &claimed.contact, Policy::Optional, NOW));
    assert!(stands(&claimed.session, &claimed.device, &claimed.contact, Policy::Optional, NOW));
}

#[test]
fn the_same_login_again_writes_nothing_for_a_minute() {
    let first = enter(&login("1", None), &Held::default());
    let mut again = login("1", None);
    again.device = Some(first.device_token.clone());
    again.now = NOW.plus(Duration::from_secs(59));
    let second = enter(&again, &after(&first));
    assert!(second.is_as_held());
    assert_eq!(second.session.epoch, first.session.epoch);
    again.now = NOW.plus(Duration::from_secs(60));
    let third = enter(&again, &after(&first));
    assert!(!third.is_as_held());
    assert!(third.revoked.is_empty(), "and drops no stream");
}

#[test]
fn a_session_that_ran_out_stays_over_when_the_person_comes_back() {
    use crate::domain::session::stands;
    let first = enter(&login("1", None), &Held::default());
    let mut later = login("1", None);
    later.device = Some(first.device_token.clone());
    later.now = NOW.plus(CONTACT_LIFE);
    assert!(!stands(&first.session, &first.device, &first.contact, Policy::Optional, later.now));
    let second = enter(&later, &after(&first));
    assert!(!stands(&first.session, &second.device, &second.contact, Policy::Optional, later.now));
    assert!(stands(&second.session, &second.device, &second.contact, Policy::Optional, later.now));
}

#[test]
fn a_visitor_becomes_the_new_person_in_place() {
    let mut login = login("1", None);
    login.device = Some(token(7, 7));
    let held = Held { visitor: Some(visitor(7)), ..Held::default() };
    let person = enter(&login, &held);
    assert_eq!(person.contact.id.0, Uuid::from_u128(7));
    assert!(person.contact.listed);
    // The visitor's token no longer speaks for the row, and the page gets another visitor.
    assert!(person.revoked.contains(&Uuid::from_u128(7)));
    assert_eq!(person.device_token.visitor_id.0, Uuid::from_u128(300));
    assert_eq!(person.device_token.device_id.0, Uuid::from_u128(7));
}

#[test]
fn a_visitor_is_not_taken_over_where_the_device_carried_somebody() {
    let first = enter(&login("u", None), &Held::default());
    let mut second = login("v", None);
    second.device = Some(first.device_token.clone());
    second.new_contact = ContactId(Uuid::from_u128(101));
    second.new_device = DeviceId(Uuid::from_u128(201));
    second.new_visitor = ContactId(Uuid::from_u128(301));
    let visitor_id = first.device_token.visitor_id;
    let held = Held {
        contact: None,
        device: Some(first.device.clone()),
        visitor: Some(Contact::new(here(), visitor_id, Source::Visitor, NOW)),
        ..Held::default()
    };
    let person = enter(&second, &held);
    assert_eq!(person.contact.id.0, Uuid::from_u128(101));
    // The first one's session on the device ends, and the visitor goes with it.
    assert!(person.revoked.contains(&first.device.id.0));
    assert_eq!(person.device.epoch, first.device.epoch + 1);
    assert_ne!(person.device_token.visitor_id, visitor_id);
}

#[test]
fn a_clean_or_logged_out_device_begins_anew() {
    let mut clean = login("1", None);
    clean.device = Some(DeviceToken { clean: true, ..token(7, 7) });
    assert_eq!(clean.device_id().0, Uuid::from_u128(200));
    let held = Held { visitor: Some(visitor(7)), ..Held::default() };
    assert_ne!(enter(&clean, &held).contact.id.0, Uuid::from_u128(7));

    let mut out = login("1", None);
    out.device = Some(token(7, 7));
    let retired =
        Device { retired: true, contact_id: None, ..enter(&out, &Held::default()).device };
    let held = Held { device: Some(retired), visitor: Some(visitor(7)), ..Held::default() };
    let person = enter(&out, &held);
    assert_eq!(person.device.id.0, Uuid::from_u128(200));
    assert_ne!(person.contact.id.0, Uuid::from_u128(7));
}

/// The token that a page presents, and what was on its device since.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Page {
    /// None, or one that is forged, foreign or a year old.
    Bare,
    /// Of a visitor on a device where nobody has logged in.
    First,
    /// Came with a refusal.
    Clean,
    /// The device logged out.
    Retired,
    /// Of a visitor beside the same person, who is logged in.
    Beside,
    /// The same, from a time when another person was on the device.
    Stale,
    /// Of a visitor beside another person.
    Others,
}

/// Who comes of a login.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Known,
    /// Under an id of their own.
    New,
    /// Under the visitor's id.
    InPlace,
}

/// Device 7 with its first visitor; visitor 8 beside the person who is logged in on it.
fn page(page: Page, known: &Contact) -> (Option<DeviceToken>, Option<Device>) {
    let carrying = |contact: u128, epoch: i64, retired: bool| Device {
        organization_id: here(),
        id: DeviceId(Uuid::from_u128(7)),
        contact_id: (!retired).then(|| ContactId(Uuid::from_u128(contact))),
        epoch,
        platform: "web".into(),
        last_seen_at: NOW,
        retired,
    };
    let own = known.id.0.as_u128();
    match page {
        Page::Bare => (None, None),
        Page::First => (Some(token(7, 7)), None),
        Page::Clean => (Some(DeviceToken { clean: true, ..token(7, 7) }), None),
        Page::Retired => (Some(token(7, 7)), Some(carrying(0, 1, true))),
        Page::Beside => (Some(token(7, 8)), Some(carrying(own, 0, false))),
        Page::Stale => (Some(token(7, 8)), Some(carrying(own, 2, false))),
        Page::Others => (Some(token(7, 8)), Some(carrying(99, 0, false))),
    }
}

#[test]
fn which_visitor_becomes_whom() {
    use Page::{Bare, Beside, Clean, First, Others, Retired, Stale};
    use Who::{InPlace, Known, New};
    // page, the user is known, the visitor has a row: who it is, whether the visitor joins them,
    // whether the visitor's token is over, whether the page keeps its visitor
    let matrix = [
        (Bare, false, false, New, false, false, false),
        (Bare, true, false, Known, false, false, false),
        (First, false, false, InPlace, false, true, false),
        (First, false, true, InPlace, false, true, false),
        (First, true, false, Known, false, true, false),
        (First, true, true, Known, true, true, false),
        (Clean, false, false, New, false, false, false),
        (Clean, false, true, New, false, false, false),
        (Clean, true, false, Known, false, false, false),
        (Clean, true, true, Known, false, false, false),
        (Retired, false, false, New, false, false, false),
        (Retired, false, true, New, false, false, false),
        (Retired, true, false, Known, false, false, false),
        (Retired, true, true, Known, false, false, false),
        (Beside, true, false, Known, false, false, true),
        (Beside, true, true, Known, true, true, false),
        (Stale, true, false, Known, false, false, false),
        (Stale, true, true, Known, false, false, false),
        (Others, false, false, New, false, false, false),
        (Others, false, true, New, false, false, false),
        (Others, true, false, Known, false, false, false),
        (Others, true, true, Known, false, false, false),
    ];
    let before = enter(&login("1", None), &Held::default()).contact;
    let known = Contact { id: ContactId(Uuid::from_u128(50)), ..before };
    for (which, is_known, stored, who, joins, over, keeps) in matrix {
        let row = format!("{which:?}, known: {is_known}, stored: {stored}");
        let (token, device) = page(which, &known);
        let shown = token.clone();
        let id = shown.as_ref().map_or(0, |token| token.visitor_id.0.as_u128());
        let held = Held {
            contact: is_known.then(|| known.clone()),
            device: device.clone(),
            visitor: stored.then(|| visitor(id)),
            ..Held::default()
        };
        let mut login = login("1", None);
        login.device = token;
        let person = enter(&login, &held);
        let expected = match who {
            Known => known.id,
            New => login.new_contact,
            InPlace => ContactId(Uuid::from_u128(7)),
        };
        assert_eq!(person.contact.id, expected, "{row}");
        let joined = Joined { id: login.new_contact.0, visitor: ContactId(Uuid::from_u128(id)) };
        assert_eq!(person.joined, joins.then_some(joined), "{row}");
        let ids = Uuid::from_u128(id);
        // The device's own id is the first visitor's.
        assert_eq!(person.revoked.contains(&ids), over, "{row}");
        let visitor_id = person.device_token.visitor_id;
        assert_eq!(visitor_id == ContactId(ids), keeps, "{row}");
        assert!(keeps || visitor_id == login.new_visitor, "{row}");
        assert_eq!(person.device_token.epoch, person.device.epoch, "{row}");
        let same_device = device.as_ref().is_some_and(|device| !device.retired) || which == First;
        assert_eq!(person.device.id.0 == Uuid::from_u128(7), same_device, "{row}");
        assert_eq!(person.is_as_held(), which == Beside && !stored || which == Stale, "{row}");
    }
}

#[test]
fn a_visitor_joins_once() {
    let known = enter(&login("1", None), &Held::default()).contact;
    let mut again = login("1", None);
    again.device = Some(token(7, 7));
    again.new_contact = ContactId(Uuid::from_u128(101));
    let left = Contact { email: Some("left@example.com".into()), ..visitor(7) };
    let held = Held { contact: Some(known), visitor: Some(left), ..Held::default() };
    let person = enter(&again, &held);
    assert!(person.joined.is_some());
    assert_eq!(person.contact.email.as_deref(), Some("left@example.com"));
    // The page comes again with the token that it had.
    again.new_contact = ContactId(Uuid::from_u128(102));
    let second = enter(&again, &after(&person));
    assert!(second.joined.is_none() && second.is_as_held());
    assert_eq!(second.device_token.visitor_id, again.new_visitor);
    // And then with the one it got.
    again.device = Some(person.device_token.clone());
    let third = enter(&again, &after(&person));
    assert!(third.joined.is_none() && third.is_as_held());
    assert_eq!(third.device_token, person.device_token);
}

#[test]
fn a_refused_user_joins_nobody() {
    let claimed = enter(&login("1", Some("secret")), &Held::default()).contact;
    let mut refused = login("1", Some("wrong"));
    refused.device = Some(token(7, 7));
    let held = Held { contact: Some(claimed), visitor: Some(visitor(7)), ..Held::default() };
    assert!(matches!(decide(&refused, &held, &keys(&["k"])), Decision::Refused));
}

#[test]
fn what_the_page_says_now_stands_over_what_the_visitor_left() {
    let known = enter(&login("1", None), &Held::default()).contact;
    let claims = UserClaims {
        user_id: Some("1".into()),
        name: Some(serde_json::Value::Null),
        email: Some("now@example.com".into()),
        ..UserClaims::default()
    };
    let said = crate::domain::said::Said::read(&claims).unwrap();
    let login = Login { profile: said.profile, device: Some(token(7, 7)), ..login("1", None) };
    let left = Contact {
        name: Some("Left".into()),
        email: Some("left@example.com".into()),
        phone: Some("+49 1".into()),
        ..visitor(7)
    };
    let held = Held { contact: Some(known), visitor: Some(left), ..Held::default() };
    let contact = enter(&login, &held).contact;
    assert_eq!((contact.name, contact.phone.as_deref()), (None, Some("+49 1")));
    assert_eq!(contact.email.as_deref(), Some("now@example.com"));
}
