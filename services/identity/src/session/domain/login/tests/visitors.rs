//! What a login does to the visitor and the device of the page.

use super::*;

/// The contact of a login.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Known,
    /// A new contact with its own id.
    New,
    /// A new contact with the visitor's id.
    InPlace,
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
fn a_visitor_on_another_contact_s_device_stays_a_visitor() {
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
        visitor: Some(Contact::new(organization(), visitor_id, Source::Visitor, NOW)),
        ..LoginRows::default()
    };
    let accepted = accept(&second, &rows);
    assert_eq!(accepted.contact.id.0, Uuid::from_u128(101));
    // The first contact's session on the device is revoked, and the page gets another visitor.
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

#[test]
fn which_contact_a_visitor_becomes() {
    use Expected::{InPlace, Known, New};
    use PageToken::{Clean, FirstVisitor, NoToken, OlderToken, OtherContact, Retired, SameContact};
    // page, the user is known, the visitor has a row: the contact, whether the visitor is merged,
    // whether the visitor ends, whether the page keeps its visitor
    let matrix = [
        (NoToken, false, false, New, false, false, false),
        (NoToken, true, false, Known, false, false, false),
        (FirstVisitor, false, false, InPlace, false, true, false),
        (FirstVisitor, false, true, InPlace, false, true, false),
        (FirstVisitor, true, false, Known, false, true, false),
        (FirstVisitor, true, true, Known, true, true, false),
        (Clean, false, false, New, false, false, false),
        (Clean, false, true, New, false, false, false),
        (Clean, true, false, Known, false, false, false),
        (Clean, true, true, Known, false, false, false),
        (Retired, false, false, New, false, false, false),
        (Retired, false, true, New, false, false, false),
        (Retired, true, false, Known, false, false, false),
        (Retired, true, true, Known, false, false, false),
        (SameContact, true, false, Known, false, false, true),
        (SameContact, true, true, Known, true, true, false),
        (OlderToken, true, false, Known, false, false, false),
        (OlderToken, true, true, Known, false, false, false),
        (OtherContact, false, false, New, false, false, false),
        (OtherContact, false, true, New, false, false, false),
        (OtherContact, true, false, Known, false, false, false),
        (OtherContact, true, true, Known, false, false, false),
    ];
    let before = accept(&login("1", None), &LoginRows::default()).contact;
    let known = Contact { id: ContactId(Uuid::from_u128(50)), ..before };
    for (page_token, is_known, stored, outcome, merges, ends, keeps) in matrix {
        let row = format!("{page_token:?}, known: {is_known}, stored: {stored}");
        let (token, device) = token_and_device(page_token, &known);
        let id = token.as_ref().map_or(0, |token| token.visitor_id.0.as_u128());
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
        let same_device =
            device.as_ref().is_some_and(|device| !device.retired) || page_token == FirstVisitor;
        assert_eq!(accepted.device.id.0 == Uuid::from_u128(7), same_device, "{row}");
        assert_eq!(
            accepted.is_unchanged(),
            page_token == SameContact && !stored || page_token == OlderToken,
            "{row}"
        );
    }
}

#[test]
fn a_visitor_is_merged_once() {
    let known = accept(&login("1", None), &LoginRows::default()).contact;
    let mut again = login("1", None);
    again.device = Some(token(7, 7));
    again.new_contact = ContactId(Uuid::from_u128(101));
    let visitor_row = Contact { email: Some("left@example.com".into()), ..visitor(7) };
    let rows =
        LoginRows { contact: Some(known), visitor: Some(visitor_row), ..LoginRows::default() };
    let accepted = accept(&again, &rows);
    assert!(accepted.merge.is_some());
    assert_eq!(accepted.contact.email.as_deref(), Some("left@example.com"));
    // The page sends its old token again.
    again.new_contact = ContactId(Uuid::from_u128(102));
    let second = accept(&again, &after(&accepted));
    assert!(second.merge.is_none() && second.is_unchanged());
    assert_eq!(second.device_token.visitor_id, again.new_visitor);
    // The page sends the new token.
    again.device = Some(accepted.device_token.clone());
    let third = accept(&again, &after(&accepted));
    assert!(third.merge.is_none() && third.is_unchanged());
    assert_eq!(third.device_token, accepted.device_token);
}

#[test]
fn a_rejected_login_merges_no_visitor() {
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
    let visitor_row = Contact {
        name: Some("Visitor".into()),
        email: Some("left@example.com".into()),
        phone: Some("+49 1".into()),
        ..visitor(7)
    };
    let rows =
        LoginRows { contact: Some(known), visitor: Some(visitor_row), ..LoginRows::default() };
    let contact = accept(&login, &rows).contact;
    assert_eq!((contact.name, contact.phone.as_deref()), (None, Some("+49 1")));
    assert_eq!(contact.email.as_deref(), Some("now@example.com"));
}
