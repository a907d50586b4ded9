//! The matrix of claims and proofs under the policy `optional`, and what a login does to devices and
//! visitors.

use std::time::Duration;

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{contact::domain::user_details::UserDetails, domain::keys::ServerKey};

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
    let details = UserDetails::parse(&claims).unwrap();
    Login {
        organization_id: here(),
        application_id: ApplicationId(Uuid::from_u128(2)),
        user_id: details.user_id.unwrap(),
        proofs: details.proofs,
        profile: details.profile,
        warnings: details.warnings,
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

fn accept(login: &Login, rows: &LoginRows) -> AcceptedLogin {
    match decide(login, rows, &keys(&["k"])) {
        Decision::Accepted(accepted) => *accepted,
        Decision::Rejected => panic!("rejected"),
    }
}

/// The rows after a login.
fn after(login: &AcceptedLogin) -> LoginRows {
    LoginRows {
        contact: Some(login.contact.clone()),
        device: Some(login.device.clone()),
        ..LoginRows::default()
    }
}

#[test]
fn the_matrix_of_claim_and_proof() {
    let unclaimed = after(&accept(&login("12345", None), &LoginRows::default()));
    let claimed = after(&accept(&login("12345", Some("secret")), &LoginRows::default()));
    let unknown = LoginRows::default();
    // rows, proof, is accepted, claims
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
    for (row, (rows, proof, is_accepted, claims)) in matrix.into_iter().enumerate() {
        match decide(&login("12345", proof), rows, &keys(&["k"])) {
            Decision::Rejected => assert!(!is_accepted, "row {row}"),
            Decision::Accepted(accepted) => {
                assert!(is_accepted, "row {row}");
                let before = rows.contact.as_ref().and_then(|contact| contact.claim.clone());
                assert_eq!(accepted.contact.claim != before, claims, "row {row}");
                // A new claim ends the sessions that did not prove it.
                assert_eq!(accepted.ended.contains(&accepted.contact.id.0), claims, "row {row}");
            }
        }
    }
}

#[test]
fn an_older_key_verifies_and_the_claim_is_renewed_with_the_newest() {
    let old = decide(&login("1", Some("s")), &LoginRows::default(), &keys(&["old"]));
    let Decision::Accepted(old) = old else { panic!("rejected") };
    let both = keys(&["old", "new"]);
    let Decision::Accepted(moved) = decide(&login("1", Some("s")), &after(&old), &both) else {
        panic!("rejected")
    };
    assert_eq!(moved.contact.claim.as_ref().unwrap().key, "new");
    // Sessions that proved it stay: it is the same claim.
    assert_eq!(moved.contact.claim_version, old.contact.claim_version);
    assert!(moved.ended.is_empty());
}

#[test]
fn sessions_from_before_a_claim_are_invalid_and_later_ones_valid() {
    use crate::session::domain::session::is_session_valid;
    let before = accept(&login("1", None), &LoginRows::default());
    let mut again = login("1", Some("s"));
    again.device = Some(before.device_token.clone());
    let claimed = accept(&again, &after(&before));
    assert_eq!(before.device.id, claimed.device.id);
    assert!(!is_session_valid(
        &before.session,
        &claimed.device,
        &claimed.contact,
        Policy::Optional,
        NOW
    ));
    assert!(is_session_valid(
        &claimed.session,
        &claimed.device,
        &claimed.contact,
        Policy::Optional,
        NOW
    ));
}

#[test]
fn the_same_login_again_writes_nothing_for_a_minute() {
    let first = accept(&login("1", None), &LoginRows::default());
    let mut again = login("1", None);
    again.device = Some(first.device_token.clone());
    again.now = NOW.plus(Duration::from_secs(59));
    let second = accept(&again, &after(&first));
    assert!(second.is_unchanged());
    assert_eq!(second.session.epoch, first.session.epoch);
    again.now = NOW.plus(Duration::from_secs(60));
    let third = accept(&again, &after(&first));
    assert!(!third.is_unchanged());
    assert!(third.ended.is_empty(), "and ends no stream");
}

#[test]
fn an_expired_session_stays_invalid_after_another_login() {
    use crate::session::domain::session::is_session_valid;
    let first = accept(&login("1", None), &LoginRows::default());
    let mut later = login("1", None);
    later.device = Some(first.device_token.clone());
    later.now = NOW.plus(CONTACT_LIFE);
    assert!(!is_session_valid(
        &first.session,
        &first.device,
        &first.contact,
        Policy::Optional,
        later.now
    ));
    let second = accept(&later, &after(&first));
    assert!(!is_session_valid(
        &first.session,
        &second.device,
        &second.contact,
        Policy::Optional,
        later.now
    ));
    assert!(is_session_valid(
        &second.session,
        &second.device,
        &second.contact,
        Policy::Optional,
        later.now
    ));
}

#[test]
fn a_visitor_becomes_the_new_contact_in_place() {
    let mut login = login("1", None);
    login.device = Some(token(7, 7));
    let rows = LoginRows { visitor: Some(visitor(7)), ..LoginRows::default() };
    let accepted = accept(&login, &rows);
    assert_eq!(accepted.contact.id.0, Uuid::from_u128(7));
    assert!(accepted.contact.listed);
    // The visitor's token is invalid for the row, and the page gets another visitor.
    assert!(accepted.ended.contains(&Uuid::from_u128(7)));
    assert_eq!(accepted.device_token.visitor_id.0, Uuid::from_u128(300));
    assert_eq!(accepted.device_token.device_id.0, Uuid::from_u128(7));
}

#[test]
fn a_visitor_beside_another_contact_stays_a_visitor() {
    let first = accept(&login("u", None), &LoginRows::default());
    let mut second = login("v", None);
    second.device = Some(first.device_token.clone());
    second.new_contact = ContactId(Uuid::from_u128(101));
    second.new_device = DeviceId(Uuid::from_u128(201));
    second.new_visitor = ContactId(Uuid::from_u128(301));
    let visitor_id = first.device_token.visitor_id;
    let rows = LoginRows {
        contact: None,
        device: Some(first.device.clone()),
        visitor: Some(Contact::new(here(), visitor_id, Source::Visitor, NOW)),
        ..LoginRows::default()
    };
    let accepted = accept(&second, &rows);
    assert_eq!(accepted.contact.id.0, Uuid::from_u128(101));
    // The first one's session on the device ends, and the page gets another visitor.
    assert!(accepted.ended.contains(&first.device.id.0));
    assert_eq!(accepted.device.epoch, first.device.epoch + 1);
    assert_ne!(accepted.device_token.visitor_id, visitor_id);
}

#[test]
fn a_clean_or_logged_out_device_is_replaced() {
    let mut clean = login("1", None);
    clean.device = Some(DeviceToken { clean: true, ..token(7, 7) });
    assert_eq!(clean.device_id().0, Uuid::from_u128(200));
    let rows = LoginRows { visitor: Some(visitor(7)), ..LoginRows::default() };
    assert_ne!(accept(&clean, &rows).contact.id.0, Uuid::from_u128(7));

    let mut out = login("1", None);
    out.device = Some(token(7, 7));
    let retired =
        Device { retired: true, contact_id: None, ..accept(&out, &LoginRows::default()).device };
    let rows =
        LoginRows { device: Some(retired), visitor: Some(visitor(7)), ..LoginRows::default() };
    let accepted = accept(&out, &rows);
    assert_eq!(accepted.device.id.0, Uuid::from_u128(200));
    assert_ne!(accepted.contact.id.0, Uuid::from_u128(7));
}

/// The token that a page presents, and who was on its device since.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Page {
    /// None, or one that is forged, foreign or a year old.
    Bare,
    /// Of a visitor on a device where nobody has logged in.
    First,
    /// Came with a rejection.
    Clean,
    /// The device logged out.
    Retired,
    /// Of a visitor beside the same contact, who is logged in.
    Beside,
    /// The same, from before another contact was on the device.
    Stale,
    /// Of a visitor beside another contact.
    Others,
}

/// The contact of a login.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Known,
    /// Under an id of its own.
    New,
    /// Under the visitor's id.
    InPlace,
}

/// Device 7 with its first visitor; visitor 8 beside the contact who is logged in on it.
fn page(page: Page, known: &Contact) -> (Option<DeviceToken>, Option<Device>) {
    let device = |contact: u128, epoch: i64, retired: bool| Device {
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
        Page::Retired => (Some(token(7, 7)), Some(device(0, 1, true))),
        Page::Beside => (Some(token(7, 8)), Some(device(own, 0, false))),
        Page::Stale => (Some(token(7, 8)), Some(device(own, 2, false))),
        Page::Others => (Some(token(7, 8)), Some(device(99, 0, false))),
    }
}

#[test]
fn which_contact_a_visitor_becomes() {
    use Outcome::{InPlace, Known, New};
    use Page::{Bare, Beside, Clean, First, Others, Retired, Stale};
    // page, the user is known, the visitor has a row: the contact, whether the visitor is merged,
    // whether the visitor ends, whether the page keeps its visitor
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
    let before = accept(&login("1", None), &LoginRows::default()).contact;
    let known = Contact { id: ContactId(Uuid::from_u128(50)), ..before };
    for (which, is_known, stored, outcome, merges, ends, keeps) in matrix {
        let row = format!("{which:?}, known: {is_known}, stored: {stored}");
        let (token, device) = page(which, &known);
        let shown = token.clone();
        let id = shown.as_ref().map_or(0, |token| token.visitor_id.0.as_u128());
        let rows = LoginRows {
            contact: is_known.then(|| known.clone()),
            device: device.clone(),
            visitor: stored.then(|| visitor(id)),
            ..LoginRows::default()
        };
        let mut login = login("1", None);
        login.device = token;
        let accepted = accept(&login, &rows);
        let expected = match outcome {
            Known => known.id,
            New => login.new_contact,
            InPlace => ContactId(Uuid::from_u128(7)),
        };
        assert_eq!(accepted.contact.id, expected, "{row}");
        let merge = Merge {
            id: login.new_contact.0,
            source: ContactId(Uuid::from_u128(id)),
            target: known.id,
        };
        assert_eq!(accepted.merge, merges.then_some(merge), "{row}");
        let ids = Uuid::from_u128(id);
        // The device's own id is the first visitor's.
        assert_eq!(accepted.ended.contains(&ids), ends, "{row}");
        let visitor_id = accepted.device_token.visitor_id;
        assert_eq!(visitor_id == ContactId(ids), keeps, "{row}");
        assert!(keeps || visitor_id == login.new_visitor, "{row}");
        assert_eq!(accepted.device_token.epoch, accepted.device.epoch, "{row}");
        let same_device = device.as_ref().is_some_and(|device| !device.retired) || which == First;
        assert_eq!(accepted.device.id.0 == Uuid::from_u128(7), same_device, "{row}");
        assert_eq!(accepted.is_unchanged(), which == Beside && !stored || which == Stale, "{row}");
    }
}

#[test]
fn a_visitor_is_merged_once() {
    let known = accept(&login("1", None), &LoginRows::default()).contact;
    let mut again = login("1", None);
    again.device = Some(token(7, 7));
    again.new_contact = ContactId(Uuid::from_u128(101));
    let left = Contact { email: Some("left@example.com".into()), ..visitor(7) };
    let rows = LoginRows { contact: Some(known), visitor: Some(left), ..LoginRows::default() };
    let accepted = accept(&again, &rows);
    assert!(accepted.merge.is_some());
    assert_eq!(accepted.contact.email.as_deref(), Some("left@example.com"));
    // The page comes back with the token that it had.
    again.new_contact = ContactId(Uuid::from_u128(102));
    let second = accept(&again, &after(&accepted));
    assert!(second.merge.is_none() && second.is_unchanged());
    assert_eq!(second.device_token.visitor_id, again.new_visitor);
    // And then with the one it got.
    again.device = Some(accepted.device_token.clone());
    let third = accept(&again, &after(&accepted));
    assert!(third.merge.is_none() && third.is_unchanged());
    assert_eq!(third.device_token, accepted.device_token);
}

#[test]
fn a_rejected_login_merges_nobody() {
    let claimed = accept(&login("1", Some("secret")), &LoginRows::default()).contact;
    let mut rejected = login("1", Some("wrong"));
    rejected.device = Some(token(7, 7));
    let rows =
        LoginRows { contact: Some(claimed), visitor: Some(visitor(7)), ..LoginRows::default() };
    assert!(matches!(decide(&rejected, &rows, &keys(&["k"])), Decision::Rejected));
}

#[test]
fn the_page_s_profile_wins_over_the_visitor_s() {
    let known = accept(&login("1", None), &LoginRows::default()).contact;
    let claims = UserClaims {
        user_id: Some("1".into()),
        name: Some(serde_json::Value::Null),
        email: Some("now@example.com".into()),
        ..UserClaims::default()
    };
    let details = UserDetails::parse(&claims).unwrap();
    let login = Login { profile: details.profile, device: Some(token(7, 7)), ..login("1", None) };
    let left = Contact {
        name: Some("Left".into()),
        email: Some("left@example.com".into()),
        phone: Some("+49 1".into()),
        ..visitor(7)
    };
    let rows = LoginRows { contact: Some(known), visitor: Some(left), ..LoginRows::default() };
    let contact = accept(&login, &rows).contact;
    assert_eq!((contact.name, contact.phone.as_deref()), (None, Some("+49 1")));
    assert_eq!(contact.email.as_deref(), Some("now@example.com"));
}

fn any_page() -> impl Strategy<Value = Page> {
    use Page::{Bare, Beside, Clean, First, Others, Retired, Stale};
    prop::sample::select(vec![Bare, First, Clean, Retired, Beside, Stale, Others])
}

proptest! {
    /// The matrix above as formulas, with any proof and any last use of the device.
    #[test]
    fn the_matrix_holds_for_any_claim_proof_and_time(
        which in any_page(),
        (is_known, stored, unused_seconds) in (any::<bool>(), any::<bool>(), 0..200_000_u64),
        claim in prop::option::of("[ab]"),
        proof in prop::option::of("[ab]"),
    ) {
        // A contact who is logged in on a device is a known one.
        let is_known = is_known || matches!(which, Page::Beside | Page::Stale);
        let first = accept(&login("1", claim.as_deref()), &LoginRows::default()).contact;
        let known = Contact { id: ContactId(Uuid::from_u128(50)), ..first };
        let (token, device) = page(which, &known);
        let id = token.as_ref().map(|token| token.visitor_id);
        let rows = LoginRows {
            contact: is_known.then(|| known.clone()),
            device: device.clone(),
            visitor: id.filter(|_| stored).map(|id| visitor(id.0.as_u128())),
            ..LoginRows::default()
        };
        let mut login = login("1", proof.as_deref());
        login.device = token;
        login.now = NOW.plus(Duration::from_secs(unused_seconds));
        let has_claim = is_known && claim.is_some();
        let is_proven = !has_claim || claim == proof;
        let accepted = match decide(&login, &rows, &keys(&["k"])) {
            Decision::Rejected => {
                prop_assert!(!is_proven);
                return Ok(());
            }
            Decision::Accepted(accepted) => *accepted,
        };
        prop_assert!(is_proven);
        let claims = !has_claim && proof.is_some();
        let audited = accepted.effects.audit.len();
        prop_assert_eq!(audited, usize::from(claims), "a new claim is audited");

        // The visitor is the contact's own while nobody else was on the device.
        let is_own = matches!(which, Page::First | Page::Beside);
        let ends = is_own && (stored || which == Page::First);
        let merges = ends && stored && is_known;
        let in_place = ends && !is_known;
        prop_assert_eq!(accepted.merge.is_some(), merges);
        let expected = match id {
            Some(id) if in_place => id,
            _ if is_known => known.id,
            _ => login.new_contact,
        };
        prop_assert_eq!(accepted.contact.id, expected);
        if let Some(id) = id {
            let is_revoked = accepted.ended.contains(&id.0);
            let is_device_revoked = which == Page::Others && id.0 == accepted.device.id.0;
            prop_assert_eq!(is_revoked, ends || is_device_revoked);
        }
        let keeps = which == Page::Beside && !stored;
        let next = accepted.device_token.visitor_id;
        prop_assert_eq!(Some(next) == id, keeps);
        prop_assert!(accepted.contact.listed && accepted.device.contact_id == Some(expected));

        // Every session that ends is revoked, and the same login again changes nothing.
        prop_assert!(accepted.ended.iter().all(|id| accepted.effects.revoked.contains(id)));
        login.device = Some(accepted.device_token.clone());
        let again = accept(&login, &after(&accepted));
        prop_assert!(again.is_unchanged());
        prop_assert_eq!(again.contact, accepted.contact);
    }
}
