//! Visitors who are merged into the contact who logs in.

use std::{sync::atomic::Ordering, time::Duration};

use onethread_proto::identity::{self as wire, visitor_service_client::VisitorServiceClient};
use onethread_testing::ScratchDatabase;
use serde_json::json;
use tonic::Code;

use super::{Fixture, fixture};
use crate::testing::{id, session_of};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_visitor_is_merged_into_the_contact_who_logs_in,
    sixty_four_logins_on_a_device_merge_its_visitor_once,
    a_first_message_during_a_login_is_merged_or_rejected,
    a_visitor_on_a_logged_in_device_is_merged_at_the_next_login,
    a_login_succeeds_while_conversation_is_unavailable,
}

fn custom(contact: &wire::Contact) -> Vec<&str> {
    let person = contact.person.as_ref().unwrap();
    let mut keys: Vec<_> =
        person.custom_data.as_ref().unwrap().fields.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

async fn a_visitor_is_merged_into_the_contact_who_logs_in(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), None, "").await;
    let organization = known.organization_id.clone();
    identity
        .update(&organization, &id(&known), &json!({"name": "Known", "tags": ["a"]}))
        .await
        .unwrap();
    let visitor = identity.visitor("Left", "left@example.com").await;
    let changes = json!({"tags": ["b"], "customData": {"plan": "pro"}});
    identity.update(&organization, &id(&visitor), &changes).await.unwrap();
    let track = wire::TrackEventRequest {
        token: visitor.token.clone(),
        name: "viewed".to_owned(),
        ..Default::default()
    };
    identity.visitors().track_event(track).await.unwrap();
    identity.record_first_message(&organization, &id(&visitor)).await;
    assert_eq!(
        identity.list_contacts(&organization, "", 50).await.len(),
        2,
        "the visitor is in Contacts"
    );

    let session = identity.start_session(Some("u"), None, &visitor.device_token).await;
    assert_eq!(id(&session), id(&known));
    assert_eq!(
        conversation.merges(),
        [(id(&visitor), id(&known))],
        "delivered before the response"
    );
    let contact = identity.get(&organization, &id(&known)).await.unwrap();
    let person = contact.person.as_ref().unwrap();
    assert_eq!(
        (person.name.as_str(), person.email.as_deref()),
        ("Known", Some("left@example.com"))
    );
    assert_eq!(
        (contact.tags.clone(), custom(&contact)),
        (vec!["a".into(), "b".into()], vec!["plan"])
    );
    assert_eq!(contact.events[0].name, "viewed");
    assert_eq!(contact.devices.len(), 2);

    // The visitor is gone, and its token is rejected.
    assert!(identity.is_missing(&organization, &id(&visitor)).await);
    assert!(identity.update(&organization, &id(&visitor), &json!({"name": "x"})).await.is_err());
    assert!(identity.erase(&organization, &id(&visitor)).await.is_err());
    assert_eq!(identity.list_contacts(&organization, "", 50).await.len(), 1);
    assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(identity.admit(&visitor).await, Err(Code::Unauthenticated));
    for device in [&visitor.device_token, &session.device_token] {
        let next = identity.start_session(None, None, device).await;
        assert!(![id(&visitor), id(&known)].contains(&id(&next)) && !next.stored);
        identity.start_session(Some("u"), None, device).await;
    }
    assert_eq!(conversation.merges().len(), 1);
    // A late delivery from conversation does not recreate the visitor.
    identity.record_first_message(&organization, &id(&visitor)).await;
    assert!(identity.is_missing(&organization, &id(&visitor)).await);
}

async fn sixty_four_logins_on_a_device_merge_its_visitor_once(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), None, "").await;
    let visitor = identity.visitor("Left", "left@example.com").await;
    let logins = (0..64).map(|_| identity.request(Some("u"), None, &visitor.device_token));
    let sessions: Vec<_> =
        identity.identify_at_once(logins).await.into_iter().map(session_of).collect();
    for session in &sessions {
        assert_eq!(id(session), id(&known));
        assert!(identity.authenticate(&session.token).await.is_ok());
        assert_ne!(
            id(&identity.start_session(None, None, &session.device_token).await),
            id(&visitor)
        );
    }
    assert_eq!(conversation.merges(), [(id(&visitor), id(&known))]);
    assert_eq!(identity.list_contacts(&known.organization_id, "", 50).await.len(), 1);
}

/// A first message and a first login at the same moment: either the message is rejected, or its
/// visitor is merged by the login.
async fn a_first_message_during_a_login_is_merged_or_rejected(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), None, "").await;
    let organization = known.organization_id.clone();
    let mut counts = [0; 2];
    for round in 0..24 {
        let visitor = identity.start_session(None, None, "").await;
        let fresh = format!("new {round}");
        let user = if round % 2 == 0 { "u" } else { &fresh };
        let mut elsewhere = VisitorServiceClient::new(identity.other.peer());
        let request =
            wire::AdmitVisitorRequest { token: visitor.token.clone(), ..Default::default() };
        let (session, admitted) = tokio::join!(
            identity.start_session(Some(user), None, &visitor.device_token),
            elsewhere.admit_visitor(request)
        );
        counts[usize::from(admitted.is_ok())] += 1;
        let is_merged = conversation.merges().contains(&(id(&visitor), id(&session)));
        if user == "u" {
            assert_eq!(is_merged, admitted.is_ok(), "round {round}");
            assert!(identity.is_missing(&organization, &id(&visitor)).await, "round {round}");
        } else {
            assert!(!is_merged && id(&session) == id(&visitor), "round {round}");
        }
        // A later first message is rejected in any case.
        assert_eq!(identity.admit(&visitor).await, Err(Code::Unauthenticated));
    }
    println!("{} rejected, {} merged", counts[0], counts[1]);
}

async fn a_visitor_on_a_logged_in_device_is_merged_at_the_next_login(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let first = identity.start_session(Some("u"), None, "").await;
    let visitor = identity.start_session(None, None, &first.device_token).await;
    identity.admit(&visitor).await.unwrap();
    assert!(identity.authenticate(&first.token).await.is_ok());
    let again = identity.start_session(Some("u"), None, &visitor.device_token).await;
    assert_eq!(conversation.merges(), [(id(&visitor), id(&first))]);
    // The contact's earlier session stays valid, the visitor's is revoked.
    assert!(identity.authenticate(&first.token).await.is_ok());
    assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);

    // A visitor from one contact's time on the device is never merged into another contact.
    let other = identity.start_session(None, None, &again.device_token).await;
    identity.admit(&other).await.unwrap();
    let v = identity.start_session(Some("v"), None, &other.device_token).await;
    assert_eq!(identity.authenticate(&first.token).await.unwrap_err(), Code::Unauthenticated);
    for stale in [&other.device_token, &again.device_token, &first.device_token] {
        assert_eq!(id(&identity.start_session(Some("v"), None, stale).await), id(&v));
    }
    assert!(!identity.is_missing(&v.organization_id, &id(&other)).await);
    assert_eq!(conversation.merges().len(), 1);
}

async fn a_login_succeeds_while_conversation_is_unavailable(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), None, "").await;
    let visitor = identity.visitor("Left", "left@example.com").await;
    conversation.0.unavailable.store(true, Ordering::SeqCst);
    let session = identity.start_session(Some("u"), None, &visitor.device_token).await;
    assert_eq!((id(&session), conversation.merges().len()), (id(&known), 0));
    conversation.0.unavailable.store(false, Ordering::SeqCst);
    let delivered = async {
        while conversation.merges().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), delivered).await.unwrap();
    assert_eq!(conversation.merges(), [(id(&visitor), id(&known))]);
}
