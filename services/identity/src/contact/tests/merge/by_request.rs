//! Merges by an agent or the API.

use onethread_core::OrganizationId;
use onethread_errors::Error;
use onethread_proto::identity::{
    self as wire, contact_service_client::ContactServiceClient, identify_response::Outcome,
};
use onethread_testing::ScratchDatabase;
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

use super::{Fixture, fixture};
use crate::testing::{id, server};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    two_contacts_are_merged_by_request,
    the_contact_with_the_user_id_stays_and_two_user_ids_are_an_error,
    merges_in_both_directions_at_once_leave_one_contact,
    validate_only_changes_nothing,
}

async fn two_contacts_are_merged_by_request(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let organization = visitor.organization_id.clone();
    let other = identity.start_session(None, None, "").await;
    identity.admit(&other).await.unwrap();
    let mail = identity
        .create(&organization, &json!({"email": "mail@example.com", "company": "Ltd"}))
        .await;

    // An id of another organization is answered as an unknown one.
    let (unknown, foreign) = (Uuid::from_u128(5).to_string(), Uuid::from_u128(6).to_string());
    for (organization, pair) in [
        (&organization, (unknown.as_str(), mail.as_str())),
        (&organization, (&mail, &unknown)),
        (&foreign, (&id(&visitor), &mail)),
    ] {
        for validate_only in [true, false] {
            let rejected = identity.merge(organization, pair, validate_only).await.unwrap_err();
            assert_eq!(rejected.code(), Code::NotFound);
        }
    }
    let same = identity.merge(&organization, (&mail, &mail), false).await.unwrap_err();
    assert_eq!(same.code(), Code::InvalidArgument);

    let one = identity.merge(&organization, (&id(&other), &id(&visitor)), false).await.unwrap();
    assert_eq!(one.person.as_ref().unwrap().id, id(&visitor));
    // The session of the merged contact is revoked, the other one stays valid.
    assert_eq!(identity.authenticate(&other.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&visitor.token).await.is_ok());
    // A late first message of the merged contact counts for the target.
    identity.record_first_message(&organization, &id(&other)).await;
    assert_eq!(
        identity.get(&organization, &id(&visitor)).await.unwrap().source(),
        wire::ContactSource::PreChat
    );

    let one = identity.merge(&organization, (&id(&visitor), &mail), false).await.unwrap();
    let person = one.person.unwrap();
    assert_eq!((person.id.as_str(), person.name.as_str()), (mail.as_str(), "Vera"));
    assert_eq!(person.email.as_deref(), Some("mail@example.com"));
    assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
    let merges = [(id(&other), id(&visitor)), (id(&visitor), mail.clone())];
    assert_eq!(conversation.merges(), merges);
    // A contact that was merged earlier leads to the last target.
    let organization = OrganizationId(organization.parse().unwrap());
    let app = &identity.service.app;
    let target = app.merge_target(organization, id(&other).parse().unwrap()).await.unwrap();
    assert_eq!(target.unwrap().to_string(), mail);
    // Its device gets a new visitor.
    let again = identity.start_session(None, None, &visitor.device_token).await;
    assert!(!again.stored && id(&again) != id(&visitor));

    let entries = app.audit(organization, onethread_core::PageSize::DEFAULT, "").await;
    let audited: Vec<_> =
        entries.unwrap().0.into_iter().filter(|e| e.action == "contact.joined").collect();
    assert_eq!(audited.len(), 2);
    assert_eq!(audited[0].subject, mail);
    assert_eq!(audited[0].detail, format!("took in {}", id(&visitor)));
}

async fn the_contact_with_the_user_id_stays_and_two_user_ids_are_an_error(
    scratch: ScratchDatabase,
) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), Some("secret"), "").await;
    let other = identity.start_session(Some("v"), None, "").await;
    let organization = known.organization_id.clone();
    let rejected =
        identity.merge(&organization, (&id(&known), &id(&other)), false).await.unwrap_err();
    let rejected = Error::from(rejected);
    assert_eq!(rejected.reason, onethread_errors::Reason::TwoUserIds);

    // The visitor was asked for, and would have read what the known contact wrote.
    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let pair = (id(&known), id(&visitor));
    let would = identity.merge(&organization, (&pair.0, &pair.1), true).await.unwrap();
    let one = identity.merge(&organization, (&pair.0, &pair.1), false).await.unwrap();
    assert_eq!(would, one);
    let person = one.person.unwrap();
    assert_eq!((&person.id, person.user_id.as_deref()), (&pair.0, Some("u")));
    assert_eq!(conversation.merges(), [(pair.1, pair.0)]);
    assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&known.token).await.is_ok());
    let rejected = identity.identify(Some("u"), None, &known.device_token).await;
    assert!(matches!(rejected, Outcome::Refused(_)), "the claim is still needed");
}

async fn merges_in_both_directions_at_once_leave_one_contact(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let organization = identity.start_session(Some("u"), None, "").await.organization_id;
    for round in 0..8 {
        let (a, b) = (
            identity.create(&organization, &json!({"name": "A"})).await,
            identity.create(&organization, &json!({"name": "B"})).await,
        );
        let mut elsewhere = ContactServiceClient::new(identity.other.peer());
        let request = wire::MergeContactsRequest {
            organization_id: organization.clone(),
            source_contact_id: b.clone(),
            target_contact_id: a.clone(),
            validate_only: false,
            actor: server(),
        };
        let (forward, backward) = tokio::join!(
            identity.merge(&organization, (&a, &b), false),
            elsewhere.merge_contacts(request)
        );
        assert_ne!(forward.is_ok(), backward.is_ok(), "round {round}");
        let source = if forward.is_ok() { &a } else { &b };
        assert!(identity.is_missing(&organization, source).await, "round {round}");
        assert_eq!(conversation.merges().len(), round + 1);
    }
}

async fn validate_only_changes_nothing(scratch: ScratchDatabase) {
    let Fixture { identity, conversation, .. } = &fixture(scratch).await;
    let known = identity.start_session(Some("u"), None, "").await;
    let organization = known.organization_id.clone();
    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let before = (
        identity.get(&organization, &id(&known)).await.unwrap(),
        identity.get(&organization, &id(&visitor)).await.unwrap(),
    );
    let one = identity.merge(&organization, (&id(&visitor), &id(&known)), true).await.unwrap();
    assert_eq!(one.person.as_ref().unwrap().email.as_deref(), Some("vera@example.com"));
    let after = (
        identity.get(&organization, &id(&known)).await.unwrap(),
        identity.get(&organization, &id(&visitor)).await.unwrap(),
    );
    assert_eq!(before, after);
    assert!(conversation.merges().is_empty());
    assert!(identity.authenticate(&visitor.token).await.is_ok());
    // The merge has the result that the validation showed.
    let merged = identity.merge(&organization, (&id(&visitor), &id(&known)), false).await.unwrap();
    assert_eq!(one, merged);
    assert_eq!(conversation.merges(), [(id(&visitor), id(&known))]);
}
