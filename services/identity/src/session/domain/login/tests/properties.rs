//! The rules of claims, visitors and devices as formulas, for any proof and any last use of the device.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn any_page_token() -> impl Strategy<Value = PageToken> {
    use PageToken::{Clean, FirstVisitor, NoToken, OlderToken, OtherContact, Retired, SameContact};
    prop::sample::select(vec![
        NoToken,
        FirstVisitor,
        Clean,
        Retired,
        SameContact,
        OlderToken,
        OtherContact,
    ])
}

proptest! {
    /// The matrices of the other tests as formulas.
    #[test]
    fn the_matrix_holds_for_any_claim_proof_and_time(
        page_token in any_page_token(),
        (is_known, stored, unused_seconds) in (any::<bool>(), any::<bool>(), 0..200_000_u64),
        claim in prop::option::of("[ab]"),
        proof in prop::option::of("[ab]"),
    ) {
        // A contact who is logged in on a device is a known one.
        let is_known = is_known || matches!(page_token, PageToken::SameContact | PageToken::OlderToken);
        let first = accept(&login("1", claim.as_deref()), &LoginRows::default()).contact;
        let known = Contact { id: ContactId(Uuid::from_u128(50)), ..first };
        let (token, device) = token_and_device(page_token, &known);
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

        // The visitor is the contact's own while no other contact was logged in on the device.
        let is_own = matches!(page_token, PageToken::FirstVisitor | PageToken::SameContact);
        let ends = is_own && (stored || page_token == PageToken::FirstVisitor);
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
            let is_device_revoked = page_token == PageToken::OtherContact && id.0 == accepted.device.id.0;
            prop_assert_eq!(is_revoked, ends || is_device_revoked);
        }
        let keeps = page_token == PageToken::SameContact && !stored;
        let next = accepted.device_token.visitor_id;
        prop_assert_eq!(Some(next) == id, keeps);
        prop_assert!(accepted.contact.listed && accepted.device.contact_id == Some(expected));

        // The effects revoke what has ended, and the same login again changes nothing.
        prop_assert!(accepted.ended.iter().all(|id| accepted.effects.revoked.contains(id)));
        login.device = Some(accepted.device_token.clone());
        let again = accept(&login, &after(&accepted));
        prop_assert!(again.is_unchanged());
        prop_assert_eq!(again.contact, accepted.contact);
    }
}
