//! Rows compared with the stored contacts.

use std::time::Duration;

use onethread_core::OrganizationId;
use onethread_db::Database;
use onethread_proto::identity as wire;
use onethread_testing::{Engine, ScratchDatabase, run};
use serde_json::json;
use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

use crate::{
    contact::store::contacts,
    import::{
        domain::{
            comparison::Comparison,
            row::{ImportRow, RowOutcome, check},
        },
        store::comparison::compare,
    },
    testing::{identity, imports::import_row},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    rows_are_compared_with_the_stored_values,
    rows_with_one_user_id_are_compared_together,
    equal_values_in_another_form_are_unchanged,
}

fn cells(user_id: &str, cells: &[(&str, &str)]) -> wire::ImportRow {
    let mut row = import_row(2, user_id, "", "");
    for &(column, cell) in cells {
        let cell = cell.to_owned();
        match column {
            "email" => row.email = cell,
            "name" => row.name = cell,
            "phone" => row.phone = cell,
            "company" => row.company = cell,
            "hash" => row.security_hash = cell,
            "tags" => row.tags = cell.split(';').map(str::to_owned).collect(),
            key => drop(row.custom_data.insert(key.to_owned(), cell)),
        }
    }
    row
}

async fn comparisons(
    db: &Database,
    organization: &str,
    rows: Vec<wire::ImportRow>,
) -> Vec<Comparison> {
    let organization = OrganizationId(organization.parse().unwrap());
    let rows: Vec<_> = rows.into_iter().map(|row| check(ImportRow::from(row)).row).collect();
    let rows: Vec<_> = rows.iter().map(|row| row.as_ref().map_err(RowOutcome::clone)).collect();
    let mut conn = db.batches().begin("compare").await.unwrap();
    compare(&mut conn, organization, &rows).await.unwrap()
}

async fn rows_are_compared_with_the_stored_values(scratch: ScratchDatabase) {
    use Comparison::{Different, NoContact, NotCompared, Same};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let stored = json!({"userId": "u1", "email": "a@example.com", "name": "A \"1\" \\ \u{e4}",
        "company": "X", "tags": ["vip", "new"],
        "customData": {"size": 5, "rate": 1.5, "beta": true, "code": "007", "n": "5", "z": ""}});
    identity.create(&organization, &stored).await;
    identity.start_session(Some("seen"), Some("s"), "").await;
    let all = [
        ("email", "a@example.com"),
        ("name", " A \"1\" \\ \u{e4} "),
        ("company", "X"),
        ("tags", "new;vip"),
        ("size", "5"),
        ("rate", "1.5"),
        ("beta", "true"),
        ("code", "007"),
    ];
    let mut expectations = vec![
        (cells("u1", &all), Same),
        (cells("u1", &all[..1]), Same),
        (cells("u1", &[]), Same),
        (cells("seen", &[]), Same),
        (cells("seen", &[("hash", "s")]), NotCompared),
        (cells("u2", &all), NoContact),
        (cells("", &all[..1]), NotCompared),
        (cells("u1", &[("email", "not an address")]), NotCompared),
    ];
    for other in [
        ("email", "A@example.com"),
        ("name", "A"),
        ("phone", "+49 1"),
        ("company", "x"),
        ("tags", "vip;old"),
        ("size", "6"),
        ("size", "true"),
        ("beta", "1"),
        ("rate", "1.50"),
        ("code", "7"),
        ("more", "0"),
        // Equal, but the stored value is a text: only reading the contact shows it.
        ("n", "5"),
    ] {
        expectations.push((cells("u1", &[other]), Different));
    }
    for (row, wanted) in expectations {
        let found = comparisons(&db, &organization, vec![row.clone()]).await;
        assert_eq!(found, [wanted], "{row:?}");
    }
    // Another organization has no such contact.
    let unknown = Uuid::from_u128(1).to_string();
    assert_eq!(comparisons(&db, &unknown, vec![cells("u1", &all)]).await, [NoContact]);
}

/// A row is compared with what the rows before it change.
async fn rows_with_one_user_id_are_compared_together(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Unchanged, Updated};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    for user_id in ["u1", "u2"] {
        identity.create(&organization, &json!({"userId": user_id, "name": "A"})).await;
    }
    let named = |user_id: &str, name| cells(user_id, &[("name", name)]);
    let rows = vec![named("u1", "A"), named("u2", "A"), named("u1", "B"), named("u1", "A")];
    let compared = comparisons(&db, &organization, rows.clone()).await;
    let (different, same) = (Comparison::Different, Comparison::Same);
    assert_eq!(compared, [different, same, different, different]);
    assert_eq!(
        identity.import(&organization, 1, rows).await,
        [Unchanged, Unchanged, Updated, Updated]
    );
    let listed = identity.list_contacts(&organization, "name", 10).await;
    assert!(listed.iter().all(|contact| contact.person.as_ref().unwrap().name == "A"));
}

async fn equal_values_in_another_form_are_unchanged(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let stored = json!({"userId": "u1", "customData": {"n": "5", "m": 5, "rate": 0.1}});
    identity.create(&organization, &stored).await;
    let same = cells("u1", &[("n", "5"), ("m", "5"), ("rate", "0.1")]);
    let rows = vec![
        same.clone(),
        cells("u2", &[("m", "5"), ("name", "New")]),
        cells("u1", &[("tags", "late")]),
        cells("u1", &[("hash", "s")]),
        cells("u1", &[("hash", "t")]),
    ];
    let wanted = [Unchanged, Created, Updated, Updated, Rejected];
    assert_eq!(identity.import(&organization, 1, rows.clone()).await, wanted);
    let wanted = [Unchanged, Unchanged, Unchanged, Unchanged, Rejected];
    assert_eq!(identity.import(&organization, 2, rows).await, wanted);
    assert_eq!(identity.import(&organization, 3, vec![same]).await, [Unchanged]);
}

#[test]
fn a_batch_waits_for_a_locked_contact() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let locker = scratch.reconnect().await;
        let identity = identity(scratch).await;
        let organization = identity.organization_id.clone();
        identity.create(&organization, &json!({"userId": "u1", "name": "A"})).await;
        let (lock, locked) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let organization_id = OrganizationId(organization.parse().unwrap());
        let locking = tokio::spawn(async move {
            let mut tx = locker.begin("lock").await.unwrap();
            contacts::locked_by_user_id(&mut tx, organization_id, "u1").await.unwrap();
            lock.send(()).unwrap();
            let _ = released.await;
            tx.commit().await.unwrap();
        });
        locked.await.unwrap();
        let mut importing =
            Box::pin(identity.import(&organization, 1, vec![cells("u1", &[("name", "B")])]));
        // Longer than a batch of sends waits.
        assert!(timeout(Duration::from_millis(400), &mut importing).await.is_err());
        release.send(()).unwrap();
        assert_eq!(importing.await, [wire::ImportOutcome::Updated]);
        locking.await.unwrap();
    });
}
