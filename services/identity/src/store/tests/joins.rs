//! Visitors who become known people, and people who are joined by hand.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use onethread_core::OrganizationId;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_outbox::{Deliver, Entry, Relay};
use serde_json::json;

use super::{contacts::server, *};
use crate::store::effects::{MERGED, MergePayload};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_visitor_joins_the_known_person_they_turn_out_to_be,
    sixty_four_logins_of_a_device_join_its_visitor_once,
    what_a_visitor_is_about_to_write_is_joined_or_refused,
    a_visitor_beside_the_person_joins_at_the_next_login,
    a_thread_that_can_t_move_yet_keeps_nobody_out,
    two_are_joined_by_hand,
    a_user_id_goes_along_and_two_are_two_people,
    two_joined_both_ways_at_once_are_one,
    a_trial_changes_nothing,
}

/// Conversation, as identity's outbox sees it.
#[derive(Clone, Default)]
struct DeliveryLog(Arc<Heard>);

#[derive(Default)]
struct Heard {
    folds: Mutex<Vec<(String, String)>>,
    away: AtomicBool,
}

impl Deliver for DeliveryLog {
    async fn deliver(&self, entry: &Entry) -> onethread_errors::Result<()> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("away"));
        }
        assert_eq!(entry.topic, MERGED);
        let fold: MergePayload = serde_json::from_str(&entry.payload).unwrap();
        let fold = (fold.source_id.to_string(), fold.target_id.to_string());
        self.0.folds.lock().unwrap().push(fold);
        Ok(())
    }
}

impl DeliveryLog {
    fn folds(&self) -> Vec<(String, String)> {
        self.0.folds.lock().unwrap().clone()
    }
}

/// Identity whose outbox is delivered until the lifecycle is dropped.
struct Joining {
    identity: Identity,
    told: DeliveryLog,
    life: Lifecycle,
}

impl Drop for Joining {
    fn drop(&mut self) {
        self.life.stop();
    }
}

async fn joining(scratch: ScratchDatabase) -> Joining {
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let (told, life) = (DeliveryLog::default(), Lifecycle::new());
    let relay = Relay {
        db,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        wake: identity.service.app.wake.clone(),
        deliver: told.clone(),
    };
    tokio::spawn(relay.run(life.clone()));
    Joining { identity, told, life }
}

fn id(session: &wire::Session) -> String {
    session.person.as_ref().unwrap().id.clone()
}

impl Identity {
    async fn admit(&self, session: &wire::Session) -> Result<(), Code> {
        let request =
            wire::AdmitVisitorRequest { token: session.token.clone(), ..Default::default() };
        self.contacts().admit_visitor(request).await.map(drop).map_err(|status| status.code())
    }

    /// A visitor who sent the form.
    async fn visitor(&self, name: &str, email: &str) -> wire::Session {
        let opened = self.enter(None, None, "").await;
        let fields = [("name", name), ("email", email)];
        let form = wire::SubmitPreChatRequest {
            token: opened.token,
            fields: fields.map(|(k, v)| (k.to_owned(), text(v).unwrap())).into(),
            ..Default::default()
        };
        self.sessions().submit_pre_chat(form).await.unwrap().into_inner().session.unwrap()
    }

    async fn wrote(&self, of: &str, id: &str) {
        let request = wire::RecordFirstMessageRequest {
            organization_id: of.to_owned(),
            contact_id: id.to_owned(),
        };
        self.contacts().record_first_message(request).await.unwrap();
    }

    async fn merge(
        &self,
        of: &str,
        (ended, into): (&str, &str),
        dry_run: bool,
    ) -> Result<wire::Contact, tonic::Status> {
        let request = wire::MergeContactsRequest {
            organization_id: of.to_owned(),
            contact_id: ended.to_owned(),
            into_id: into.to_owned(),
            dry_run,
            actor: server(),
        };
        Ok(self.contacts().merge_contacts(request).await?.into_inner().contact.unwrap())
    }

    async fn is_gone(&self, of: &str, id: &str) -> bool {
        self.get(of, id).await.is_err_and(|status| status.code() == Code::NotFound)
    }
}

fn custom(contact: &wire::Contact) -> Vec<&str> {
    let person = contact.person.as_ref().unwrap();
    let mut keys: Vec<_> =
        person.custom_data.as_ref().unwrap().fields.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

async fn a_visitor_joins_the_known_person_they_turn_out_to_be(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), None, "").await;
    let of = known.organization_id.clone();
    identity.change(&of, &id(&known), &json!({"name": "Known", "tags": ["a"]})).await.unwrap();
    let left = identity.visitor("Left", "left@example.com").await;
    let said = json!({"tags": ["b"], "customData": {"plan": "pro"}});
    identity.change(&of, &id(&left), &said).await.unwrap();
    let track = wire::TrackEventRequest {
        token: left.token.clone(),
        name: "looked".to_owned(),
        ..Default::default()
    };
    identity.contacts().track_event(track).await.unwrap();
    identity.wrote(&of, &id(&left)).await;
    assert_eq!(identity.list(&of, "", 50).await.len(), 2, "the visitor is in Contacts");

    let joined = identity.enter(Some("u"), None, &left.device_token).await;
    assert_eq!(id(&joined), id(&known));
    assert_eq!(told.folds(), [(id(&left), id(&known))], "and was told before the answer");
    let contact = identity.get(&of, &id(&known)).await.unwrap();
    let person = contact.person.as_ref().unwrap();
    assert_eq!(
        (person.name.as_str(), person.email.as_deref()),
        ("Known", Some("left@example.com"))
    );
    assert_eq!(
        (contact.tags.clone(), custom(&contact)),
        (vec!["a".into(), "b".into()], vec!["plan"])
    );
    assert_eq!(contact.events[0].name, "looked");
    assert_eq!(contact.devices.len(), 2);

    // The visitor is nowhere, and their token opens nothing.
    assert!(identity.is_gone(&of, &id(&left)).await);
    assert!(identity.change(&of, &id(&left), &json!({"name": "x"})).await.is_err());
    assert!(identity.erase(&of, &id(&left)).await.is_err());
    assert_eq!(identity.list(&of, "", 50).await.len(), 1);
    assert_eq!(identity.authenticate(&left.token).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(identity.admit(&left).await, Err(Code::Unauthenticated));
    for device in [&left.device_token, &joined.device_token] {
        let beside = identity.enter(None, None, device).await;
        assert!(![id(&left), id(&known)].contains(&id(&beside)) && !beside.stored);
        identity.enter(Some("u"), None, device).await;
    }
    assert_eq!(told.folds().len(), 1);
    // A late delivery from conversation does not recreate the visitor.
    identity.wrote(&of, &id(&left)).await;
    assert!(identity.is_gone(&of, &id(&left)).await);
}

async fn sixty_four_logins_of_a_device_join_its_visitor_once(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), None, "").await;
    let left = identity.visitor("Left", "left@example.com").await;
    let logins = (0..64).map(|_| identity.request(Some("u"), None, &left.device_token));
    let sessions: Vec<_> = identity.race(logins).await.into_iter().map(entered).collect();
    for session in &sessions {
        assert_eq!(id(session), id(&known));
        assert!(identity.authenticate(&session.token).await.is_ok());
        assert_ne!(id(&identity.enter(None, None, &session.device_token).await), id(&left));
    }
    assert_eq!(told.folds(), [(id(&left), id(&known))]);
    assert_eq!(identity.list(&known.organization_id, "", 50).await.len(), 1);
}

/// A first message and a first login at the same moment: either the message is refused, or its
/// visitor goes along with the login.
async fn what_a_visitor_is_about_to_write_is_joined_or_refused(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), None, "").await;
    let of = known.organization_id.clone();
    let mut came = [0; 2];
    for round in 0..24 {
        let visitor = identity.enter(None, None, "").await;
        let fresh = format!("new {round}");
        let user = if round % 2 == 0 { "u" } else { &fresh };
        let mut elsewhere = ContactServiceClient::new(identity.other.peer());
        let request =
            wire::AdmitVisitorRequest { token: visitor.token.clone(), ..Default::default() };
        let (session, admitted) = tokio::join!(
            identity.enter(Some(user), None, &visitor.device_token),
            elsewhere.admit_visitor(request)
        );
        came[usize::from(admitted.is_ok())] += 1;
        let folded = told.folds().contains(&(id(&visitor), id(&session)));
        if user == "u" {
            assert_eq!(folded, admitted.is_ok(), "round {round}");
            assert!(identity.is_gone(&of, &id(&visitor)).await, "round {round}");
        } else {
            assert!(!folded && id(&session) == id(&visitor), "round {round}");
        }
        // Later, it is refused in any case.
        assert_eq!(identity.admit(&visitor).await, Err(Code::Unauthenticated));
    }
    println!("{} refused, {} joined", came[0], came[1]);
}

async fn a_visitor_beside_the_person_joins_at_the_next_login(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let first = identity.enter(Some("u"), None, "").await;
    let beside = identity.enter(None, None, &first.device_token).await;
    identity.admit(&beside).await.unwrap();
    assert!(identity.authenticate(&first.token).await.is_ok());
    let again = identity.enter(Some("u"), None, &beside.device_token).await;
    assert_eq!(told.folds(), [(id(&beside), id(&first))]);
    // The session from before goes on, the visitor's does not.
    assert!(identity.authenticate(&first.token).await.is_ok());
    assert_eq!(identity.authenticate(&beside.token).await.unwrap_err(), Code::Unauthenticated);

    // What a visitor wrote beside one person is never another one's.
    let other = identity.enter(None, None, &again.device_token).await;
    identity.admit(&other).await.unwrap();
    let v = identity.enter(Some("v"), None, &other.device_token).await;
    assert_eq!(identity.authenticate(&first.token).await.unwrap_err(), Code::Unauthenticated);
    for stale in [&other.device_token, &again.device_token, &first.device_token] {
        assert_eq!(id(&identity.enter(Some("v"), None, stale).await), id(&v));
    }
    assert!(!identity.is_gone(&v.organization_id, &id(&other)).await);
    assert_eq!(told.folds().len(), 1);
}

async fn a_thread_that_can_t_move_yet_keeps_nobody_out(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), None, "").await;
    let left = identity.visitor("Left", "left@example.com").await;
    told.0.away.store(true, Ordering::SeqCst);
    let joined = identity.enter(Some("u"), None, &left.device_token).await;
    assert_eq!((id(&joined), told.folds().len()), (id(&known), 0));
    told.0.away.store(false, Ordering::SeqCst);
    let moved = async {
        while told.folds().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), moved).await.unwrap();
    assert_eq!(told.folds(), [(id(&left), id(&known))]);
}

async fn two_are_joined_by_hand(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let of = visitor.organization_id.clone();
    let other = identity.enter(None, None, "").await;
    identity.admit(&other).await.unwrap();
    let mail = identity.make(&of, &json!({"email": "mail@example.com", "company": "Ltd"})).await;

    // Neither who is not there nor who is another organization's can be told from the other.
    let (unknown, foreign) = (Uuid::from_u128(5).to_string(), Uuid::from_u128(6).to_string());
    for (of, pair) in [
        (&of, (unknown.as_str(), mail.as_str())),
        (&of, (&mail, &unknown)),
        (&foreign, (&id(&visitor), &mail)),
    ] {
        for trial in [true, false] {
            let refused = identity.merge(of, pair, trial).await.unwrap_err();
            assert_eq!(refused.code(), Code::NotFound);
        }
    }
    let same = identity.merge(&of, (&mail, &mail), false).await.unwrap_err();
    assert_eq!(same.code(), Code::InvalidArgument);

    let one = identity.merge(&of, (&id(&other), &id(&visitor)), false).await.unwrap();
    assert_eq!(one.person.as_ref().unwrap().id, id(&visitor));
    // The one who ends is over; the other one's page goes on.
    assert_eq!(identity.authenticate(&other.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&visitor.token).await.is_ok());
    // A message of the one who ended is the other's.
    identity.wrote(&of, &id(&other)).await;
    assert_eq!(identity.get(&of, &id(&visitor)).await.unwrap().source(), wire::Source::PreChat);

    let one = identity.merge(&of, (&id(&visitor), &mail), false).await.unwrap();
    let person = one.person.unwrap();
    assert_eq!((person.id.as_str(), person.name.as_str()), (mail.as_str(), "Vera"));
    assert_eq!(person.email.as_deref(), Some("mail@example.com"));
    assert_eq!(identity.authenticate(&visitor.token).await.unwrap_err(), Code::Unauthenticated);
    let folds = [(id(&other), id(&visitor)), (id(&visitor), mail.clone())];
    assert_eq!(told.folds(), folds);
    // Those who ended earlier lead on.
    let organization = OrganizationId(of.parse().unwrap());
    let app = &identity.service.app;
    let into = app.merge_target(organization, id(&other).parse().unwrap()).await.unwrap();
    assert_eq!(into.unwrap().to_string(), mail);
    // Their pages begin again.
    let again = identity.enter(None, None, &visitor.device_token).await;
    assert!(!again.stored && id(&again) != id(&visitor));

    let entries = app.audit(organization, onethread_core::PageSize::DEFAULT, "").await;
    let told: Vec<_> =
        entries.unwrap().0.into_iter().filter(|e| e.action == "contact.joined").collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].subject, mail);
    assert_eq!(told[0].detail, format!("took in {}", id(&visitor)));
}

async fn a_user_id_goes_along_and_two_are_two_people(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), Some("secret"), "").await;
    let other = identity.enter(Some("v"), None, "").await;
    let of = known.organization_id.clone();
    let refused = identity.merge(&of, (&id(&known), &id(&other)), false).await.unwrap_err();
    let refused = Error::from(refused);
    assert_eq!(refused.reason, onethread_errors::Reason::TwoUserIds);

    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let one = identity.merge(&of, (&id(&known), &id(&visitor)), false).await.unwrap();
    let person = one.person.unwrap();
    assert_eq!((person.id, person.user_id.as_deref()), (id(&visitor), Some("u")));
    assert_eq!(told.folds(), [(id(&known), id(&visitor))]);
    // Sessions of both contacts have ended, and the claim still holds.
    for token in [&known.token, &visitor.token] {
        assert_eq!(identity.authenticate(token).await.unwrap_err(), Code::Unauthenticated);
    }
    let refused = identity.identify(Some("u"), None, &known.device_token).await;
    assert!(matches!(refused, Outcome::Refused(_)));
    let again = identity.enter(Some("u"), Some("secret"), &known.device_token).await;
    assert_eq!(id(&again), id(&visitor));
    assert!(identity.authenticate(&again.token).await.is_ok());
}

async fn two_joined_both_ways_at_once_are_one(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let of = identity.enter(Some("u"), None, "").await.organization_id;
    for round in 0..8 {
        let (a, b) = (
            identity.make(&of, &json!({"name": "A"})).await,
            identity.make(&of, &json!({"name": "B"})).await,
        );
        let mut elsewhere = ContactServiceClient::new(identity.other.peer());
        let back = wire::MergeContactsRequest {
            organization_id: of.clone(),
            contact_id: b.clone(),
            into_id: a.clone(),
            dry_run: false,
            actor: server(),
        };
        let (there, back) =
            tokio::join!(identity.merge(&of, (&a, &b), false), elsewhere.merge_contacts(back));
        assert_ne!(there.is_ok(), back.is_ok(), "round {round}");
        let ended = if there.is_ok() { &a } else { &b };
        assert!(identity.is_gone(&of, ended).await, "round {round}");
        assert_eq!(told.folds().len(), round + 1);
    }
}

async fn a_trial_changes_nothing(scratch: ScratchDatabase) {
    let Joining { identity, told, .. } = &joining(scratch).await;
    let known = identity.enter(Some("u"), None, "").await;
    let of = known.organization_id.clone();
    let visitor = identity.visitor("Vera", "vera@example.com").await;
    let before = (
        identity.get(&of, &id(&known)).await.unwrap(),
        identity.get(&of, &id(&visitor)).await.unwrap(),
    );
    let one = identity.merge(&of, (&id(&visitor), &id(&known)), true).await.unwrap();
    assert_eq!(one.person.as_ref().unwrap().email.as_deref(), Some("vera@example.com"));
    let after = (
        identity.get(&of, &id(&known)).await.unwrap(),
        identity.get(&of, &id(&visitor)).await.unwrap(),
    );
    assert_eq!(before, after);
    assert!(told.folds().is_empty());
    assert!(identity.authenticate(&visitor.token).await.is_ok());
    // The result is the same.
    let done = identity.merge(&of, (&id(&visitor), &id(&known)), false).await.unwrap();
    assert_eq!(one, done);
    assert_eq!(told.folds(), [(id(&visitor), id(&known))]);
}
