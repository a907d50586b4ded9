//! Erasing somebody while they, their company and an import speak of them: nothing comes back.

use serde_json::json;

use super::*;
use crate::webhook::{app::expand_events, store::deliveries};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_contact_erased_amid_everything_is_gone_or_somebody_new,
    a_visitor_erased_while_writing_stays_erased,
    what_webhooks_are_told_goes_with_the_person,
}

const ROUNDS: usize = 12;

impl Identity {
    /// Clients by turns of the one process and the other.
    fn either(&self, turn: usize) -> ContactServiceClient<onethread_grpc::Peer> {
        let service = if turn.is_multiple_of(2) { &self.service } else { &self.other };
        ContactServiceClient::new(service.peer())
    }
}

/// Lets all of them begin at once.
async fn all<T: Send + 'static>(calls: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

async fn a_contact_erased_amid_everything_is_gone_or_somebody_new(scratch: ScratchDatabase) {
    let identity = Arc::new(identity(scratch).await);
    for round in 0..ROUNDS {
        let user_id = format!("u-{round}");
        let session = identity.enter(Some(&user_id), Some("first"), "").await;
        let (of, old) = (session.organization_id.clone(), session.person.unwrap().id);
        let secrets = json!({"company": "Secret, Inc.", "tags": ["secret"],
            "customData": {"secret": "kept"}});
        identity.change(&of, &old, &secrets).await.unwrap();
        let calls = (0..12).map(|n| {
            let (identity, of, old) = (identity.clone(), of.clone(), old.clone());
            let (user_id, token) = (user_id.clone(), session.token.clone());
            let device = session.device_token.clone();
            async move {
                let mut contacts = identity.either(n / 2);
                match n {
                    5 => identity.erase(&of, &old).await.unwrap(),
                    0 | 6 | 9 => {
                        // The claim may stand or be gone: either answer is right.
                        let device = if n == 0 { device.as_str() } else { "" };
                        identity.identify(Some(&user_id), Some("first"), device).await;
                    }
                    1 | 7 => {
                        let rows = vec![row(2, &user_id, "new@example.com", "Imported")];
                        let number = i64::try_from(round * 100 + n + 1).unwrap();
                        import(&identity, &of, number, rows).await;
                    }
                    2 | 8 => {
                        let request = wire::RecordFirstMessageRequest {
                            organization_id: of,
                            contact_id: old,
                        };
                        contacts.record_first_message(request).await.unwrap();
                    }
                    3 | 10 => {
                        let request = wire::TrackEventRequest {
                            token,
                            name: "secret".to_owned(),
                            data: None,
                        };
                        // The session may be over.
                        drop(contacts.track_event(request).await);
                    }
                    _ => {
                        let user = wire::UserClaims {
                            phone: text("+49 30 123"),
                            ..wire::UserClaims::default()
                        };
                        let request = wire::UpdateOwnProfileRequest { token, user: Some(user) };
                        drop(contacts.update_own_profile(request).await);
                    }
                }
            }
        });
        all(calls.collect()).await;
        let gone = identity.get(&of, &old).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound, "round {round}");
        assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
        let again = identity.list(&of, "", 200).await.into_iter().map(|one| one.person.unwrap());
        let again: Vec<_> = again.filter(|one| one.user_id.as_ref() == Some(&user_id)).collect();
        assert!(again.len() <= 1, "{again:?}");
        for person in again {
            assert_ne!(person.id, old);
            let whole = identity.get(&of, &person.id).await.unwrap();
            assert!(whole.tags.is_empty() && whole.events.is_empty(), "{whole:?}");
            assert_eq!((person.company, person.phone), (None, None));
            assert!(person.custom_data.unwrap_or_default().fields.is_empty());
        }
    }
}

async fn a_visitor_erased_while_writing_stays_erased(scratch: ScratchDatabase) {
    let identity = Arc::new(identity(scratch).await);
    for round in 0..ROUNDS {
        let visitor = identity.enter(None, None, "").await;
        let (of, id) = (visitor.organization_id.clone(), visitor.person.clone().unwrap().id);
        let admit =
            wire::AdmitVisitorRequest { token: visitor.token.clone(), ..Default::default() };
        identity.contacts().admit_visitor(admit.clone()).await.unwrap();
        let calls = (0..12).map(|n| {
            let (identity, of, id) = (identity.clone(), of.clone(), id.clone());
            let (admit, token) = (admit.clone(), visitor.token.clone());
            async move {
                let mut contacts = identity.either(n);
                match n % 4 {
                    _ if n == 6 => identity.erase(&of, &id).await.unwrap(),
                    0 | 1 => drop(contacts.admit_visitor(admit).await),
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
                        drop(identity.sessions().submit_pre_chat(request).await);
                    }
                    _ => {
                        let request =
                            wire::RecordFirstMessageRequest { organization_id: of, contact_id: id };
                        contacts.record_first_message(request).await.unwrap();
                    }
                }
            }
        });
        all(calls.collect()).await;
        assert_eq!(identity.get(&of, &id).await.unwrap_err().code(), Code::NotFound, "{round}");
        assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
        let late = identity.contacts().admit_visitor(admit).await.unwrap_err();
        assert_eq!(late.code(), Code::Unauthenticated);
        // The same page begins as somebody else, and with a user id it does not come back either.
        let again = identity.enter(None, None, &visitor.device_token).await;
        assert_ne!(again.person.unwrap().id, id);
        let user_id = format!("v-{round}");
        let known = identity.enter(Some(&user_id), None, &visitor.device_token).await;
        assert_ne!(known.person.unwrap().id, id);
    }
    assert!(identity.list(&identity.of().await, "", 200).await.iter().all(|one| {
        one.person.as_ref().is_some_and(|person| person.name_generated && person.email.is_none())
    }));
}

async fn what_webhooks_are_told_goes_with_the_person(scratch: ScratchDatabase) {
    use onethread_proto::identity::webhook_service_client::WebhookServiceClient;
    let identity = identity(scratch).await;
    let of = identity.of().await;
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let request = wire::CreateWebhookRequest {
        organization_id: of.clone(),
        actor: Some(wire::Actor {
            kind: wire::ActorKind::Agent.into(),
            id: Uuid::from_u128(3).to_string(),
        }),
        // Nobody listens there.
        url: "http://127.0.0.1:9/".to_owned(),
        events: vec!["contact.created".to_owned(), "contact.updated".to_owned()],
    };
    let webhook = webhooks.create_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    let (erased, kept) = (
        identity.make(&of, &json!({"userId": "erased", "name": "Erased"})).await,
        identity.make(&of, &json!({"userId": "kept", "name": "Kept"})).await,
    );
    let db = &identity.service.app.db;
    let now = SystemClock.now();
    assert!(expand_events(db, &SystemEntropy, now).await.unwrap());
    // One event is delivered already, another is stored and not delivered yet.
    identity.change(&of, &erased, &json!({"name": "Erased Again"})).await.unwrap();
    identity.erase(&of, &erased).await.unwrap();
    assert!(!expand_events(db, &SystemEntropy, now).await.unwrap(), "nothing is left to tell");
    let webhook = webhook.id.parse().unwrap();
    let of = onethread_core::OrganizationId(of.parse().unwrap());
    let later = now.plus(Duration::from_secs(60));
    let mut conn = db.writer("test").await.unwrap();
    let due = deliveries::lease(&mut conn, of, webhook, (now, later), 10).await.unwrap();
    let told: Vec<_> = due.iter().map(|one| one.body.contains(&kept)).collect();
    assert_eq!(told, [true]);
}
