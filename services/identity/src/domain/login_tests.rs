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
    }
}

fn token(device: u128, visitor: u128) -> DeviceToken {
    DeviceToken {
        organization_id: here(),
        device_id: DeviceId(Uuid::from_u128(device)),
        visitor_id: ContactId(Uuid::from_u128(visitor)),
        clean: false,
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
    assert_eq!(person.device_token.visitor_id.0, Uuid::from_u128(200));
    assert_eq!(person.device_token.device_id.0, Uuid::from_u128(7));
}

#[test]
fn a_visitor_is_not_taken_over_where_the_device_carried_somebody() {
    let first = enter(&login("u", None), &Held::default());
    let mut second = login("v", None);
    second.device = Some(first.device_token.clone());
    second.new_contact = ContactId(Uuid::from_u128(101));
    second.new_device = DeviceId(Uuid::from_u128(201));
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

#[test]
fn a_known_person_keeps_their_row_and_the_visitor_stays_a_visitor() {
    let known = enter(&login("1", None), &Held::default());
    let mut from_elsewhere = login("1", None);
    from_elsewhere.device = Some(token(7, 7));
    let contact = Some(known.contact.clone());
    let held = Held { contact, visitor: Some(visitor(7)), ..Held::default() };
    let person = enter(&from_elsewhere, &held);
    assert_eq!(person.contact.id, known.contact.id);
    assert_eq!(person.device_token.visitor_id.0, Uuid::from_u128(7));
}
