//! Erasures, alone and during other calls for the same contact.

use std::sync::Arc;

use futures::future::join_all;
use onethread_core::{OrganizationId, PageSize};
use onethread_grpc::Peer;
use onethread_proto::identity::{
    self as wire, conversation_fact_service_client::ConversationFactServiceClient,
    visitor_service_client::VisitorServiceClient,
};
use onethread_testing::ScratchDatabase;
use serde_json::json;
use tonic::Code;

use crate::testing::{Identity, identity, imports::import_row, text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_erased_contact_stays_erased,
    an_erased_visitor_s_token_is_rejected,
    a_contact_erased_during_other_calls_is_not_restored,
    a_visitor_erased_during_a_first_message_stays_erased,
}

async fn an_erased_contact_stays_erased(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let session = identity.start_session(Some("u"), Some("s"), "").await;
    let organization = session.organization_id.clone();
    let id = session.person.unwrap().id;
    identity.erase(&organization, &id).await.unwrap();
    assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(identity.get(&organization, &id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(identity.erase(&organization, &id).await.unwrap_err().code(), Code::NotFound);
    assert!(identity.list_contacts(&organization, "", 50).await.is_empty());
    let again = identity.start_session(Some("u"), None, &session.device_token).await;
    assert_ne!(again.person.unwrap().id, id, "the user id is unclaimed and gets another contact");
    let audit = identity.service.app.audit(
        OrganizationId(organization.parse().unwrap()),
        PageSize::DEFAULT,
        "",
    );
    let entries = audit.await.unwrap().0;
    let erased = entries.iter().find(|entry| entry.action == "contact.erased").unwrap();
    assert_eq!((erased.subject.as_str(), erased.detail.as_str()), (id.as_str(), ""));
}

async fn an_erased_visitor_s_token_is_rejected(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // The first visitor of a device has the device's id. It becomes a contact, so that this tests
    // the second one.
    let first = identity.start_session(None, None, "").await;
    identity.admit(&first).await.unwrap();
    identity.start_session(Some("u"), None, &first.device_token).await;
    let second = identity.start_session(None, None, &first.device_token).await;
    identity.admit(&second).await.unwrap();
    let id = second.person.clone().unwrap().id;
    identity.erase(&second.organization_id, &id).await.unwrap();
    assert_eq!(identity.authenticate(&second.token).await.unwrap_err(), Code::Unauthenticated);
    let again = identity.start_session(None, None, &second.device_token).await;
    assert_ne!(again.person.unwrap().id, id);
}

const ROUNDS: usize = 12;

impl Identity {
    /// Clients of one of the two processes.
    fn clients_of(
        &self,
        n: usize,
    ) -> (VisitorServiceClient<Peer>, ConversationFactServiceClient<Peer>) {
        let peer = self.processes()[n % 2].peer();
        (VisitorServiceClient::new(peer.clone()), ConversationFactServiceClient::new(peer))
    }
}

/// Runs all calls at once.
async fn at_once<T: Send + 'static>(
    calls: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// The user id has no contact, or another one without the data of the erased one.
async fn assert_is_new(identity: &Identity, organization: &str, user_id: &str, erased: &str) {
    let contacts = identity.list_contacts(organization, "", 200).await.into_iter();
    let people = contacts.map(|contact| contact.person.unwrap());
    let people: Vec<_> = people.filter(|one| one.user_id.as_deref() == Some(user_id)).collect();
    assert!(people.len() <= 1, "{people:?}");
    for person in people {
        assert_ne!(person.id, erased);
        let contact = identity.get(organization, &person.id).await.unwrap();
        assert!(contact.tags.is_empty() && contact.events.is_empty(), "{contact:?}");
        assert_eq!((person.company, person.phone), (None, None));
        assert!(person.custom_data.unwrap_or_default().fields.is_empty());
    }
}

async fn a_contact_erased_during_other_calls_is_not_restored(scratch: ScratchDatabase) {
    let identity = Arc::new(identity(scratch).await);
    for round in 0..ROUNDS {
        let user_id = format!("u-{round}");
        let session = identity.start_session(Some(&user_id), Some("first"), "").await;
        let (organization, old) = (session.organization_id.clone(), session.person.unwrap().id);
        let secrets = json!({"company": "Secret, Inc.", "tags": ["secret"],
            "customData": {"secret": "stored"}});
        identity.update(&organization, &old, &secrets).await.unwrap();
        let calls = (0..12).map(|n| {
            let (identity, organization, old) =
                (identity.clone(), organization.clone(), old.clone());
            let (user_id, token) = (user_id.clone(), session.token.clone());
            let device = session.device_token.clone();
            async move {
                let (mut visitors, mut facts) = identity.clients_of(n / 2);
                match n {
                    5 => identity.erase(&organization, &old).await.unwrap(),
                    0 | 6 | 9 => {
                        // The claim may be erased or not: both outcomes are right.
                        let device = if n == 0 { device.as_str() } else { "" };
                        identity.identify(Some(&user_id), Some("first"), device).await;
                    }
                    1 | 7 => {
                        let rows = vec![import_row(2, &user_id, "new@example.com", "Imported")];
                        let number = i64::try_from(round * 100 + n + 1).unwrap();
                        identity.import(&organization, number, rows).await;
                    }
                    2 | 8 => {
                        let request = wire::RecordFirstMessageRequest {
                            organization_id: organization,
                            contact_id: old,
                        };
                        facts.record_first_message(request).await.unwrap();
                    }
                    3 | 10 => {
                        let request = wire::TrackEventRequest {
                            token,
                            name: "secret".to_owned(),
                            data: None,
                        };
                        // The session may be revoked.
                        drop(visitors.track_event(request).await);
                    }
                    _ => {
                        let user = wire::UserClaims {
                            phone: text("+49 30 123"),
                            ..wire::UserClaims::default()
                        };
                        let request = wire::UpdateOwnProfileRequest { token, user: Some(user) };
                        drop(visitors.update_own_profile(request).await);
                    }
                }
            }
        });
        at_once(calls.collect()).await;
        let gone = identity.get(&organization, &old).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound, "round {round}");
        assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
        assert_is_new(&identity, &organization, &user_id, &old).await;
    }
}

async fn a_visitor_erased_during_a_first_message_stays_erased(scratch: ScratchDatabase) {
    let identity = Arc::new(identity(scratch).await);
    for round in 0..ROUNDS {
        let visitor = identity.start_session(None, None, "").await;
        let (organization, id) =
            (visitor.organization_id.clone(), visitor.person.clone().unwrap().id);
        let admit =
            wire::AdmitVisitorRequest { token: visitor.token.clone(), ..Default::default() };
        identity.visitors().admit_visitor(admit.clone()).await.unwrap();
        let calls = (0..12).map(|n| {
            let (identity, organization, id) = (identity.clone(), organization.clone(), id.clone());
            let (admit, token) = (admit.clone(), visitor.token.clone());
            async move {
                let (mut visitors, mut facts) = identity.clients_of(n);
                match n % 4 {
                    _ if n == 6 => identity.erase(&organization, &id).await.unwrap(),
                    0 | 1 => drop(visitors.admit_visitor(admit).await),
                    2 => {
                        let fields = [
                            ("name".to_owned(), text("Ann").unwrap()),
                            ("email".to_owned(), text("ann@example.com").unwrap()),
                        ];
                        let request = wire::SubmitPreChatRequest {
                            token,
                            fields: fields.into(),
                            ..Default::default()
                        };
                        drop(identity.visitors().submit_pre_chat(request).await);
                    }
                    _ => {
                        let request = wire::RecordFirstMessageRequest {
                            organization_id: organization,
                            contact_id: id,
                        };
                        facts.record_first_message(request).await.unwrap();
                    }
                }
            }
        });
        at_once(calls.collect()).await;
        assert_eq!(
            identity.get(&organization, &id).await.unwrap_err().code(),
            Code::NotFound,
            "{round}"
        );
        assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
        let late = identity.visitors().admit_visitor(admit).await.unwrap_err();
        assert_eq!(late.code(), Code::Unauthenticated);
        // The page gets another visitor, and a login does not restore the erased one.
        let again = identity.start_session(None, None, &visitor.device_token).await;
        assert_ne!(again.person.unwrap().id, id);
        let user_id = format!("v-{round}");
        let known = identity.start_session(Some(&user_id), None, &visitor.device_token).await;
        assert_ne!(known.person.unwrap().id, id);
    }
    assert!(identity.list_contacts(&identity.organization_id, "", 200).await.iter().all(|one| {
        one.person.as_ref().is_some_and(|person| person.name_generated && person.email.is_none())
    }));
}
