//! The migration that rebuilds the search index.

use onethread_core::{Clock, ContactId, OrganizationId, PageSize, SystemClock};
use onethread_db::{Json, Migrations, Time};
use onethread_testing::ScratchDatabase;
use serde_json::json;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::{
    contact::{
        domain::{
            contact::Contact,
            search::{Search, condition::Condition, words::split},
        },
        store::{
            list::ContactSort,
            search::{Bounds, search_within},
        },
    },
    testing::process,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    contacts_from_before_the_index_are_found,
}

/// The last version without the index.
const LAST_OLD_VERSION: i64 = 7;
const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(0xa));

fn old_migrations(all: &Migrator) -> Migrator {
    let old = all.iter().filter(|one| one.version <= LAST_OLD_VERSION).cloned();
    Migrator::with_migrations(old.collect())
}

async fn contacts_from_before_the_index_are_found(scratch: ScratchDatabase) {
    let empty = ScratchDatabase::empty(scratch.engine(), &crate::MIGRATIONS).await;
    let old = Migrations {
        schema: crate::MIGRATIONS.schema,
        sqlite: old_migrations(&crate::MIGRATIONS.sqlite),
        postgres: old_migrations(&crate::MIGRATIONS.postgres),
    };
    empty.db.migrate(&old).await.unwrap();
    let id = |n: u128| Uuid::from_u128(0x100 + n);
    let mut conn = empty.db.writer("test.create").await.unwrap();
    let insert = conn.query(
        "INSERT INTO organizations (organization_id, name, created_at) VALUES ($1, 'a', $2)",
    );
    insert.bind(ORGANIZATION.0).bind(Time(SystemClock.now())).execute().await.unwrap();
    for (n, name) in [(0_u128, "Ann"), (1, "Bob"), (2, "Cy")] {
        let insert = conn.query(
            "INSERT INTO contacts (organization_id, id, listed, source, name, sort_name,
                email_vouched, custom, tags, claim_version, blocked, last_seen_at,
                sessions, locale, time_zone, created_at, words)
             VALUES ($1, $2, $7, 'api', $3, lower($3), false, $5, $6, 0, false, $4, 0, '',
                '', $4, lower($3))",
        );
        let insert =
            insert.bind(ORGANIZATION.0).bind(id(n)).bind(name).bind(Time(SystemClock.now()));
        let insert = insert.bind(Json(json!({"plan": name, "seats": 5})));
        insert.bind(Json(json!(["old", name]))).bind(n < 2).execute().await.unwrap();
    }
    drop(conn);
    empty.db.migrate(&crate::MIGRATIONS).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let service = process(empty.db.clone(), &folder);
    let app = &service.app;
    let find = async |words: Option<&str>, conditions: &[(&str, serde_json::Value)]| {
        let condition = |(field, value): &(&str, _)| Condition::parse(field, "=", value).unwrap();
        let search = Search {
            words: words.map(|words| split(words).collect()),
            conditions: conditions.iter().map(condition).collect(),
            include_visitors: true,
        };
        // Without a scan, so that the index is used.
        let bounds = Bounds { first_rows: 0, next_rows: 1, max_rows: 1, max_matches: 10 };
        let sort = ContactSort::Name { descending: false };
        let mut conn = app.db.reader("test").await.unwrap();
        let page =
            search_within(bounds, &mut conn, ORGANIZATION, &search, sort, None, PageSize::DEFAULT);
        let page = page.await.unwrap();
        page.contacts.iter().map(|one| one.id.0.as_u128() - 0x100).collect::<Vec<_>>()
    };
    assert_eq!(find(Some("an"), &[]).await, [0]);
    assert_eq!(find(None, &[("tags", json!("Bob"))]).await, [1]);
    assert_eq!(find(None, &[("tags", json!("old"))]).await, [0, 1, 2]);
    assert_eq!(find(None, &[("custom.plan", json!("Cy"))]).await, [2]);
    assert_eq!(find(Some("bob"), &[("custom.seats", json!(5))]).await, [1]);

    // Later changes update the index.
    let change = |contact: &mut Contact| {
        contact.name = Some("Dora".to_owned());
        contact.tags.clear();
    };
    app.change_contact(ORGANIZATION, ContactId(id(0)), change).await.unwrap();
    assert_eq!(find(Some("an"), &[]).await, [0_u128; 0]);
    assert_eq!(find(Some("dora"), &[]).await, [0]);
    assert_eq!(find(None, &[("tags", json!("old"))]).await, [1, 2]);
}
