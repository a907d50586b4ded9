//! Searches, compared with the rules of the domain.

use std::collections::BTreeSet;

use onethread_core::{OrganizationId, PageSize};
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    contact::{
        domain::{
            contact::Contact,
            search::{Search, condition::Condition, words::split},
        },
        store::{
            list::{ContactSort, PageKey},
            search::{Bounds, search_contacts, search_within},
        },
    },
    testing::{Identity, identity, text},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_search_finds_the_contacts_that_match,
    every_sort_order_finds_each_match_once,
}

const BY_CREATED: ContactSort = ContactSort::Created { descending: false };

impl Identity {
    /// Ids in the order of the list, read in pages.
    async fn search(
        &self,
        organization: &str,
        search: &Search,
        sort: ContactSort,
        rows: i32,
    ) -> Vec<Uuid> {
        let organization = OrganizationId(organization.parse().unwrap());
        let size = PageSize::new(rows).unwrap();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let mut conn = self.service.app.db.reader("test").await.unwrap();
            let page =
                search_contacts(&mut conn, organization, search, sort, after, size).await.unwrap();
            found.extend(page.contacts.iter().map(|contact| contact.id.0));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }

    /// All results, read in pages within the bounds.
    async fn search_within(
        &self,
        bounds: Bounds,
        organization: OrganizationId,
        search: &Search,
        sort: ContactSort,
        rows: i32,
    ) -> Vec<Contact> {
        let size = PageSize::new(rows).unwrap();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let mut conn = self.service.app.db.reader("test").await.unwrap();
            let page = search_within(bounds, &mut conn, organization, search, sort, after, size);
            let page = page.await.unwrap();
            assert!(page.contacts.len() <= size.rows());
            found.extend(page.contacts);
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }
}

/// Creates contacts with many combinations of values.
async fn create_contacts(identity: &Identity, organization: &str) {
    let customs = [
        json!({}),
        json!({"plan": "pro", "age": 5, "vip": true, "since": "2024-02-01"}),
        json!({"plan": "Pro", "age": 5.5, "vip": false, "since": "2024-02-01T12:00:00+02:00"}),
        json!({"plan": "free", "age": -3, "a.b-c_d": "x'\"y"}),
        json!({"plan": 5, "age": "5", "since": "soon"}),
        json!({"plan": true, "age": 1, "vip": 1}),
        json!({"plan": "ÄRZTE plan", "age": 1e15, "vip": "true"}),
    ];
    let names = [json!(null), json!("Ann"), json!("ANNA Ärzte"), json!("bo_b%"), json!("Émile")];
    let tags = [json!([]), json!(["vip"]), json!(["Vip", "new"])];
    for n in 0..42 {
        let mut fields = json!({
            "name": names[n % 5], "customData": customs[n % 7], "tags": tags[n % 3],
            "phone": format!("+49 30 {n:03}"),
        });
        if n % 2 == 0 {
            fields["userId"] = json!(format!("u-{n}"));
        }
        if n % 4 != 1 {
            fields["email"] = json!(format!("Person{}@example.com", n % 6));
        }
        if n % 3 == 1 {
            fields["company"] = json!("Acme, Inc.");
        }
        identity.create(organization, &fields).await;
    }
    identity.start_session(Some("seen"), None, "").await;
}

#[expect(clippy::too_many_lines, reason = "one table of searches")]
async fn a_search_finds_the_contacts_that_match(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    create_contacts(&identity, &organization).await;
    let all = identity.search(&organization, &Search::default(), BY_CREATED, 200).await;
    assert_eq!(all.len(), 43);
    let ids = all.iter().map(|id| onethread_core::ContactId(*id)).collect();
    let organization_id = OrganizationId(organization.parse().unwrap());
    let contacts = identity.service.app.batch_contacts(organization_id, ids).await.unwrap();
    let fields = [
        "user_id",
        "email",
        "name",
        "phone",
        "company",
        "source",
        "tags",
        "last_seen_at",
        "created_at",
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
        json!("1000000000000000"),
        json!("true"),
        json!("00"),
        json!(5),
        json!(5.5),
        json!(1),
        json!(1e300),
        json!(1e15),
        json!(0),
        json!(true),
        json!(false),
        json!("2024-02-01"),
        json!("2024-02-01T10:00:00Z"),
        json!("2099-01-01"),
        json!(""),
    ];
    let mut matches = 0;
    for field in fields {
        for operator in ["=", "!=", "~", "<", ">"] {
            for value in &values {
                let Ok(condition) = Condition::parse(field, operator, value) else { continue };
                let search = Search { conditions: vec![condition.clone()], ..Search::default() };
                let found = identity.search(&organization, &search, BY_CREATED, 200).await;
                let matching = contacts.iter().filter(|contact| condition.matches(contact));
                let matching: BTreeSet<_> = matching.map(|contact| contact.id.0).collect();
                matches += matching.len();
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), matching, "{condition:?}");
            }
        }
    }
    assert!(matches > 1000, "{matches}");
    // Several conditions have to match at once.
    let condition =
        |field, operator, value: Json| Condition::parse(field, operator, &value).unwrap();
    let combined = Search {
        words: Some(split("ann acme").collect()),
        conditions: vec![
            condition("custom.age", ">", json!(4)),
            condition("tags", "=", json!("vip")),
        ],
        include_visitors: true,
    };
    let found = identity.search(&organization, &combined, BY_CREATED, 200).await;
    let matching = contacts.iter().filter(|contact| combined.matches(contact)).map(|c| c.id.0);
    assert_eq!(found, matching.collect::<Vec<_>>());
    for (words, count) in [
        ("ann", 9 + 8),
        ("ANNA är", 8),
        ("u 4", 5),
        ("person3@exam", 5),
        ("+493004", 2),
        ("!", 0),
        ("missing", 0),
        ("seen", 1),
        ("bo", 8),
        ("x", 0),
    ] {
        let search = Search { words: Some(split(words).collect()), ..Search::default() };
        let found = identity.search(&organization, &search, BY_CREATED, 200).await;
        let matching = contacts.iter().filter(|contact| search.matches(contact)).count();
        assert_eq!(found.len(), matching, "{words}");
        assert!(count == 0 && matching == 0 || count > 0 && matching > 0, "{words}: {matching}");
    }
    // Another organization has none of them.
    let foreign = Uuid::from_u128(5).to_string();
    assert!(identity.search(&foreign, &Search::default(), BY_CREATED, 200).await.is_empty());
}

async fn every_sort_order_finds_each_match_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    create_contacts(&identity, &organization).await;
    // Visitors with a row.
    for _ in 0..11 {
        let visitor = identity.start_session(None, None, "").await;
        let user = wire::UserClaims { email: text("person@example.com"), ..Default::default() };
        let token = visitor.token;
        let admit = wire::AdmitVisitorRequest { token, user: Some(user), ..Default::default() };
        identity.visitors().admit_visitor(admit).await.unwrap();
    }
    let condition = |field, operator, value| Condition::parse(field, operator, &value).unwrap();
    let searches = [
        (None, vec![condition("custom.plan", "!=", json!("free"))], 30),
        (Some("person example"), vec![condition("custom.plan", "!=", json!("free"))], 20),
        (None, vec![condition("tags", "=", json!("vip"))], 14),
        (None, vec![condition("company", "=", json!("Acme, Inc."))], 14),
        (None, vec![condition("email", "=", json!("person3@example.com"))], 4),
        (Some("person"), vec![], 30),
        (None, vec![], 43),
    ];
    let organization_id = OrganizationId(organization.parse().unwrap());
    let (near, far) = (
        Bounds { first_rows: 1, next_rows: 3, max_rows: 5, max_matches: 2 },
        Bounds { first_rows: 1, next_rows: 3, max_rows: 1000, max_matches: 1000 },
    );
    for (words, conditions, least) in searches {
        let words = words.map(|words| split(words).collect());
        for include_visitors in [false, true] {
            let search =
                Search { words: words.clone(), conditions: conditions.clone(), include_visitors };
            let whole = identity.search(&organization, &search, BY_CREATED, 200).await;
            assert!(whole.len() >= least, "{search:?} {}", whole.len());
            for descending in [false, true] {
                for sort in [
                    ContactSort::Name { descending },
                    ContactSort::Created { descending },
                    ContactSort::Seen { descending },
                ] {
                    for (bounds, rows) in [(near, 1), (near, 4), (far, 3)] {
                        let paged = identity
                            .search_within(bounds, organization_id, &search, sort, rows)
                            .await;
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
