//! Contacts: searched, made, changed, erased.

use std::collections::BTreeSet;

use onethread_core::{OrganizationId, PageSize};
use prost_types::{ListValue, Struct};
use serde_json::{Value as Json, json};

use super::*;
use crate::contact::{
    domain::search::{Condition, Search, split},
    store::{
        list::{ContactSort, PageKey},
        search::{Bounds, search_contacts, search_within},
    },
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_search_finds_whom_its_conditions_fit,
    every_order_pages_through_a_search_once,
    whom_a_user_id_names_is_made_once_and_changed_then,
    what_cannot_be_taken_changes_nothing,
    an_erased_contact_stays_erased,
    an_erased_visitor_s_token_opens_nothing,
    the_last_hundred_events_are_kept,
}

pub(super) fn wire_of(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(truth) => Kind::BoolValue(*truth),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(all) => {
            Kind::ListValue(ListValue { values: all.iter().map(wire_of).collect() })
        }
        Json::Object(all) => Kind::StructValue(Struct {
            fields: all.iter().map(|(k, v)| (k.clone(), wire_of(v))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn changes(said: &Json) -> wire::ContactChanges {
    let member = |name: &str| said.get(name).map(wire_of);
    wire::ContactChanges {
        user: Some(wire::UserClaims {
            user_id: member("userId"),
            email: member("email"),
            name: member("name"),
            phone: member("phone"),
            company: member("company"),
            custom_data: member("customData"),
            ..Default::default()
        }),
        tags: member("tags"),
        blocked: member("blocked"),
    }
}

pub(super) fn server() -> Option<wire::Actor> {
    Some(wire::Actor { kind: wire::ActorKind::ApiKey.into(), id: Uuid::from_u128(9).to_string() })
}

impl Identity {
    pub(super) async fn of(&self) -> String {
        self.enter(None, None, "").await.organization_id
    }

    pub(super) async fn upsert(
        &self,
        of: &str,
        said: &Json,
    ) -> Result<wire::UpsertContactResponse, tonic::Status> {
        let request = wire::UpsertContactRequest {
            organization_id: of.to_owned(),
            actor: server(),
            changes: Some(changes(said)),
        };
        Ok(self.contacts().upsert_contact(request).await?.into_inner())
    }

    pub(super) async fn make(&self, of: &str, said: &Json) -> String {
        let made = self.upsert(of, said).await.unwrap();
        made.contact.unwrap().person.unwrap().id
    }

    pub(super) async fn change(
        &self,
        of: &str,
        id: &str,
        said: &Json,
    ) -> Result<wire::Contact, tonic::Status> {
        let request = wire::UpdateContactRequest {
            organization_id: of.to_owned(),
            contact_id: id.to_owned(),
            changes: Some(changes(said)),
        };
        Ok(self.contacts().update_contact(request).await?.into_inner().contact.unwrap())
    }

    pub(super) async fn get(&self, of: &str, id: &str) -> Result<wire::Contact, tonic::Status> {
        let request =
            wire::GetContactRequest { organization_id: of.to_owned(), contact_id: id.to_owned() };
        Ok(self.contacts().get_contact(request).await?.into_inner().contact.unwrap())
    }

    pub(super) async fn erase(&self, of: &str, id: &str) -> Result<(), tonic::Status> {
        let request = wire::DeleteContactRequest {
            organization_id: of.to_owned(),
            contact_id: id.to_owned(),
            actor: server(),
        };
        self.contacts().delete_contact(request).await.map(drop)
    }

    /// Ids in the order of the answer, read in pages.
    pub(super) async fn find(
        &self,
        of: &str,
        search: &Search,
        sort: ContactSort,
        rows: i32,
    ) -> Vec<Uuid> {
        let of = OrganizationId(of.parse().unwrap());
        let size = PageSize::new(rows).unwrap();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let mut conn = self.service.app.db.reader("test").await.unwrap();
            let page = search_contacts(&mut conn, of, search, sort, after, size).await.unwrap();
            found.extend(page.contacts.iter().map(|contact| contact.id.0));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }
}

const BY_CREATED: ContactSort = ContactSort::Created { descending: false };

/// People of all kinds.
async fn crowd(identity: &Identity, of: &str) {
    let customs = [
        json!({}),
        json!({"plan": "pro", "age": 5, "vip": true, "since": "2024-02-01"}),
        json!({"plan": "Pro", "age": 5.5, "vip": false, "since": "2024-02-01T12:00:00+02:00"}),
        json!({"plan": "free", "age": -3, "a.b-c_d": "x'\"y"}),
        json!({"plan": 5, "age": "5", "since": "soon"}),
        json!({"plan": true, "age": 1, "vip": 1}),
        json!({"plan": "ÄRZTE plan", "age": 1e300, "vip": "true"}),
    ];
    let names = [json!(null), json!("Ann"), json!("ANNA Ärzte"), json!("bo_b%"), json!("Émile")];
    let tags = [json!([]), json!(["vip"]), json!(["Vip", "new"])];
    for n in 0..42 {
        let mut said = json!({
            "name": names[n % 5], "customData": customs[n % 7], "tags": tags[n % 3],
            "phone": format!("+49 30 {n:03}"),
        });
        if n % 2 == 0 {
            said["userId"] = json!(format!("u-{n}"));
        }
        if n % 4 != 1 {
            said["email"] = json!(format!("Person{}@example.com", n % 6));
        }
        if n % 3 == 1 {
            said["company"] = json!("Acme, Inc.");
        }
        identity.make(of, &said).await;
    }
    identity.enter(Some("seen"), None, "").await;
}

#[expect(clippy::too_many_lines, reason = "one table of searches")]
async fn a_search_finds_whom_its_conditions_fit(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.of().await;
    crowd(&identity, &of).await;
    let all = identity.find(&of, &Search::default(), BY_CREATED, 200).await;
    assert_eq!(all.len(), 43);
    let ids = all.iter().map(|id| onethread_core::ContactId(*id)).collect();
    let organization = OrganizationId(of.parse().unwrap());
    let everybody = identity.service.app.batch_contacts(organization, ids).await.unwrap();
    let fields = [
        "userId",
        "email",
        "name",
        "phone",
        "company",
        "source",
        "tags",
        "lastSeenAt",
        "createdAt",
        "custom.plan",
        "custom.age",
        "custom.vip",
        "custom.since",
        "custom.a.b-c_d",
    ];
    let values = [
        json!(null),
        json!("Ann"),
        json!("ann"),
        json!("u-4"),
        json!("person3@EXAMPLE.com"),
        json!("Acme, Inc."),
        json!("c"),
        json!("_b%"),
        json!("är"),
        json!("vip"),
        json!("VI"),
        json!("pro"),
        json!("api"),
        json!("identified"),
        json!("+49 30 01"),
        json!("x'\"y"),
        json!("5"),
        json!("5.5"),
        json!("1e+300"),
        json!("true"),
        json!("00"),
        json!(5),
        json!(5.5),
        json!(1),
        json!(1e300),
        json!(0),
        json!(true),
        json!(false),
        json!("2024-02-01"),
        json!("2024-02-01T10:00:00Z"),
        json!("2099-01-01"),
        json!(""),
    ];
    let mut hits = 0;
    for field in fields {
        for operator in ["=", "!=", "~", "<", ">"] {
            for value in &values {
                let Ok(condition) = Condition::read(field, operator, value) else { continue };
                let search = Search { conditions: vec![condition.clone()], ..Search::default() };
                let found = identity.find(&of, &search, BY_CREATED, 200).await;
                let fitting = everybody.iter().filter(|contact| condition.holds(contact));
                let fitting: BTreeSet<_> = fitting.map(|contact| contact.id.0).collect();
                hits += fitting.len();
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), fitting, "{condition:?}");
            }
        }
    }
    assert!(hits > 1000, "{hits}");
    // Each is meant: two of them by hand.
    let holds = |field, operator, value: Json| Condition::read(field, operator, &value).unwrap();
    let both = Search {
        words: Some(split("ann acme").collect()),
        conditions: vec![holds("custom.age", ">", json!(4)), holds("tags", "=", json!("vip"))],
        include_visitors: true,
    };
    let found = identity.find(&of, &both, BY_CREATED, 200).await;
    let fitting = everybody.iter().filter(|contact| both.finds(contact)).map(|c| c.id.0);
    assert_eq!(found, fitting.collect::<Vec<_>>());
    for (words, count) in [
        ("ann", 9 + 8),
        ("ANNA är", 8),
        ("u 4", 5),
        ("person3@exam", 5),
        ("+493004", 2),
        ("!", 0),
        ("nobody", 0),
        ("seen", 1),
        ("bo", 8),
        ("x", 0),
    ] {
        let search = Search { words: Some(split(words).collect()), ..Search::default() };
        let found = identity.find(&of, &search, BY_CREATED, 200).await;
        let fitting = everybody.iter().filter(|contact| search.finds(contact)).count();
        assert_eq!(found.len(), fitting, "{words}");
        assert!(count == 0 && fitting == 0 || count > 0 && fitting > 0, "{words}: {fitting}");
    }
    // Another organization has none of them.
    let foreign = Uuid::from_u128(5).to_string();
    assert!(identity.find(&foreign, &Search::default(), BY_CREATED, 200).await.is_empty());
}

async fn every_order_pages_through_a_search_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.of().await;
    crowd(&identity, &of).await;
    // Visitors with a row.
    for _ in 0..11 {
        let visitor = identity.enter(None, None, "").await;
        let user = wire::UserClaims { email: text("person@example.com"), ..Default::default() };
        let token = visitor.token;
        let admit = wire::AdmitVisitorRequest { token, user: Some(user), ..Default::default() };
        identity.contacts().admit_visitor(admit).await.unwrap();
    }
    let condition = |field, operator, value| Condition::read(field, operator, &value).unwrap();
    let searches = [
        (None, vec![condition("custom.plan", "!=", json!("free"))], 30),
        (Some("person example"), vec![condition("custom.plan", "!=", json!("free"))], 20),
        (None, vec![condition("tags", "=", json!("vip"))], 14),
        (None, vec![condition("company", "=", json!("Acme, Inc."))], 14),
        (None, vec![condition("email", "=", json!("person3@example.com"))], 4),
        (Some("person"), vec![], 30),
        (None, vec![], 43),
    ];
    let of_id = OrganizationId(of.parse().unwrap());
    let (near, far) = (
        Bounds { first: 1, step: 3, most: 5, few: 2 },
        Bounds { first: 1, step: 3, most: 1000, few: 1000 },
    );
    for (words, conditions, least) in searches {
        let words = words.map(|words| split(words).collect());
        for include_visitors in [false, true] {
            let search =
                Search { words: words.clone(), conditions: conditions.clone(), include_visitors };
            let whole = identity.find(&of, &search, BY_CREATED, 200).await;
            assert!(whole.len() >= least, "{search:?} {}", whole.len());
            for descending in [false, true] {
                for sort in [
                    ContactSort::Name { descending },
                    ContactSort::Created { descending },
                    ContactSort::Seen { descending },
                ] {
                    for (bounds, rows) in [(near, 1), (near, 4), (far, 3)] {
                        let size = PageSize::new(rows).unwrap();
                        let (mut paged, mut after) = (Vec::new(), None);
                        loop {
                            let mut conn = identity.service.app.db.reader("test").await.unwrap();
                            let page =
                                search_within(bounds, &mut conn, of_id, &search, sort, after, size);
                            let page = page.await.unwrap();
                            assert!(page.contacts.len() <= size.rows());
                            paged.extend(page.contacts);
                            after = page.next;
                            if after.is_none() {
                                break;
                            }
                        }
                        let keys: Vec<_> = paged.iter().map(|one| sort.key(one)).collect();
                        let ordered = |pair: &[PageKey]| {
                            if descending { pair[0] > pair[1] } else { pair[0] < pair[1] }
                        };
                        assert!(keys.windows(2).all(ordered), "{sort:?} {keys:?}");
                        let once: BTreeSet<_> = paged.iter().map(|one| one.id.0).collect();
                        assert_eq!(once, whole.iter().copied().collect(), "{sort:?} {search:?}");
                    }
                }
            }
        }
    }
}

async fn whom_a_user_id_names_is_made_once_and_changed_then(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.of().await;
    let said = json!({"userId": "u", "name": "Ann", "customData": {"plan": "pro", "age": 1},
        "tags": ["a", " b ", "a"]});
    let first = identity.upsert(&of, &said).await.unwrap();
    assert!(first.created);
    let contact = first.contact.unwrap();
    assert_eq!((contact.source(), contact.tags), (wire::Source::Api, vec!["a".into(), "b".into()]));
    let id = contact.person.unwrap().id;
    let again = json!({"userId": "u", "name": null, "customData": {"age": null}});
    let again = identity.upsert(&of, &again).await.unwrap();
    assert!(!again.created);
    let person = identity.get(&of, &id).await.unwrap().person.unwrap();
    assert!(person.name_generated);
    assert_eq!(person.custom_data.unwrap().fields.into_keys().collect::<Vec<_>>(), ["plan"]);
    // The same person logs in, and stays who made them known.
    assert_eq!(identity.enter(Some("u"), None, "").await.person.unwrap().id, id);
    assert_eq!(identity.get(&of, &id).await.unwrap().source(), wire::Source::Api);
    // Without a user id everybody is somebody new.
    let one = identity.make(&of, &json!({"email": "a@example.com"})).await;
    assert_ne!(one, identity.make(&of, &json!({"email": "a@example.com"})).await);
    // Blocked people are told so at their next call.
    let session = identity.enter(Some("u"), None, "").await;
    assert!(identity.change(&of, &id, &json!({"blocked": true})).await.unwrap().blocked);
    let caller = identity.authenticate(&session.token).await.unwrap().caller.unwrap();
    let wire::authenticate_response::Caller::Contact(caller) = caller else { panic!("a contact") };
    assert!(caller.blocked);
}

async fn what_cannot_be_taken_changes_nothing(scratch: ScratchDatabase) {
    use onethread_errors::Error;
    let identity = identity(scratch).await;
    let of = identity.of().await;
    let id = identity.make(&of, &json!({"userId": "u", "name": "Ann"})).await;
    for (bad, pointer) in [
        (json!({"email": "no"}), "/email"),
        (json!({"name": 5}), "/name"),
        (json!({"customData": {"a b": 1}}), "/customData/a b"),
        (json!({"customData": 1}), "/customData"),
        (json!({"tags": "a"}), "/tags"),
        (json!({"tags": ["ok", ""]}), "/tags/1"),
        (json!({"tags": ["a,b"]}), "/tags/0"),
        (json!({"blocked": "yes"}), "/blocked"),
        (json!({"blocked": null}), "/blocked"),
        (json!({"userId": "another"}), "/userId"),
        (json!({"userId": 5}), "/userId"),
    ] {
        let said = {
            let mut said = bad.clone();
            said["company"] = json!("Lost, Inc.");
            said
        };
        let refused = Error::from(identity.change(&of, &id, &said).await.unwrap_err());
        assert_eq!(refused.fields[0].pointer, pointer);
        let unknown = identity.change(&of, &Uuid::from_u128(1).to_string(), &said).await;
        if pointer != "/userId" {
            assert_eq!(Error::from(unknown.unwrap_err()).fields[0].pointer, pointer);
        }
    }
    assert_eq!(identity.get(&of, &id).await.unwrap().person.unwrap().company, None);
    // A foreign id and an unknown one are the same.
    let foreign = Uuid::from_u128(5).to_string();
    for (of, id) in [(&of, &Uuid::from_u128(1).to_string()), (&foreign, &id)] {
        let refused = identity.change(of, id, &json!({"name": "X"})).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(identity.erase(of, id).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(identity.get(&of, &id).await.unwrap().person.unwrap().name, "Ann");
}

async fn an_erased_contact_stays_erased(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let session = identity.enter(Some("u"), Some("s"), "").await;
    let of = session.organization_id.clone();
    let id = session.person.unwrap().id;
    identity.erase(&of, &id).await.unwrap();
    assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(identity.get(&of, &id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(identity.erase(&of, &id).await.unwrap_err().code(), Code::NotFound);
    assert!(identity.list(&of, "", 50).await.is_empty());
    let again = identity.enter(Some("u"), None, &session.device_token).await;
    assert_ne!(again.person.unwrap().id, id, "unclaimed, and another one");
    let audit =
        identity.service.app.audit(OrganizationId(of.parse().unwrap()), PageSize::DEFAULT, "");
    let entries = audit.await.unwrap().0;
    let erased = entries.iter().find(|entry| entry.action == "contact.erased").unwrap();
    assert_eq!((erased.subject.as_str(), erased.detail.as_str()), (id.as_str(), ""));
}

async fn an_erased_visitor_s_token_opens_nothing(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // The device's first visitor becomes somebody, so that the second is not the device itself.
    let first = identity.enter(None, None, "").await;
    let admit = async |session: &wire::Session| {
        let request =
            wire::AdmitVisitorRequest { token: session.token.clone(), ..Default::default() };
        identity.contacts().admit_visitor(request).await.unwrap();
    };
    admit(&first).await;
    identity.enter(Some("u"), None, &first.device_token).await;
    let second = identity.enter(None, None, &first.device_token).await;
    admit(&second).await;
    let id = second.person.clone().unwrap().id;
    identity.erase(&second.organization_id, &id).await.unwrap();
    assert_eq!(identity.authenticate(&second.token).await.unwrap_err(), Code::Unauthenticated);
    let again = identity.enter(None, None, &second.device_token).await;
    assert_ne!(again.person.unwrap().id, id);
}

async fn the_last_hundred_events_are_kept(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let session = identity.enter(Some("u"), None, "").await;
    let (of, id) = (session.organization_id.clone(), session.person.unwrap().id);
    let track = async |token: &str, name: &str| {
        let data = Some(Struct { fields: [("n".to_owned(), wire_of(&json!(1)))].into() });
        let request =
            wire::TrackEventRequest { token: token.to_owned(), name: name.to_owned(), data };
        identity.contacts().track_event(request).await
    };
    for n in 0..105 {
        track(&session.token, &format!("event {n}")).await.unwrap();
    }
    let shown = identity.get(&of, &id).await.unwrap().events;
    let names: Vec<_> = shown.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[19]), (20, "event 104", "event 85"));
    let long = "x".repeat(65);
    for bad in ["", &long, "a\nb"] {
        assert_eq!(track(&session.token, bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // Of somebody without a row nothing is stored.
    let visitor = identity.enter(None, None, "").await;
    track(&visitor.token, "seen").await.unwrap();
    let unknown = identity.get(&of, &visitor.person.unwrap().id).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let (db, later) = (&identity.service.app.db, SystemClock.now().plus(Duration::from_secs(1)));
    clean_up::delete_events(db, later).await.unwrap();
    assert!(identity.get(&of, &id).await.unwrap().events.is_empty());
}
