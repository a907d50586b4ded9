//! The list of contacts.

use onethread_testing::ScratchDatabase;

use crate::testing::{identity, imports::import_row};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    every_sort_order_lists_each_contact_once,
}

async fn every_sort_order_lists_each_contact_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("seen"), None, "").await.organization_id;
    let rows = (0..25).map(|n| import_row(n + 2, &format!("u{n}"), "", &format!("Name {}", n % 5)));
    identity.import(&organization, 1, rows.collect()).await;
    for sort in
        ["name", "name desc", "created_at", "created_at desc", "last_seen_at", "last_seen_at desc"]
    {
        let listed = identity.list_contacts(&organization, sort, 4).await;
        let ids: std::collections::BTreeSet<_> =
            listed.iter().map(|contact| contact.person.as_ref().unwrap().id.clone()).collect();
        assert_eq!((listed.len(), ids.len()), (26, 26), "{sort}");
    }
    let seen = identity.list_contacts(&organization, "last_seen_at desc", 4).await;
    assert_eq!(seen[0].person.as_ref().unwrap().user_id.as_deref(), Some("seen"));
}
