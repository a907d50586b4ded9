//! Claims and proofs under the policy `optional`, and the validity of sessions after a login.

use std::time::Duration;

use super::*;
use crate::{
    domain::tokens::CONTACT_LIFE, organization::domain::policy::Policy,
    session::domain::session::is_session_valid,
};

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
                // A new claim revokes the sessions that did not prove it.
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
    let Decision::Accepted(renewed) = decide(&login("1", Some("s")), &after(&old), &both) else {
        panic!("rejected")
    };
    assert_eq!(renewed.contact.claim.as_ref().unwrap().key, "new");
    // Sessions that proved it stay valid: it is the same claim.
    assert_eq!(renewed.contact.claim_version, old.contact.claim_version);
    assert!(renewed.ended.is_empty());
}

#[test]
fn sessions_from_before_a_claim_are_invalid_and_later_ones_valid() {
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
    assert!(third.ended.is_empty(), "it revokes no session");
}

#[test]
fn an_expired_session_stays_invalid_after_another_login() {
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
