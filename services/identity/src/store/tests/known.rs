//! Rows that say nothing new, as the database itself tells them.

use onethread_core::OrganizationId;
use onethread_testing::{Engine, run};
use serde_json::json;
use tokio::{sync::oneshot, time::timeout};

use super::*;
use crate::{
    contact::store::contacts,
    import::{
        domain::{
            comparison::Comparison,
            row::{ImportRow, RowOutcome, check},
        },
        store::comparison::compare,
    },
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    nobody_is_read_whom_no_row_changes,
    rows_of_one_user_id_are_told_together,
    what_is_held_in_other_words_is_unchanged,
}

fn cells(user_id: &str, cells: &[(&str, &str)]) -> wire::ImportRow {
    let mut row = row(2, user_id, "", "");
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

async fn comparisons(db: &Database, of: &str, rows: Vec<wire::ImportRow>) -> Vec<Comparison> {
    let of = OrganizationId(of.parse().unwrap());
    let rows: Vec<_> = rows.into_iter().map(|row| check(ImportRow::from(row)).row).collect();
    let rows: Vec<_> = rows.iter().map(|row| row.as_ref().map_err(RowOutcome::clone)).collect();
    let mut conn = db.batches().begin("compare").await.unwrap();
    compare(&mut conn, of, &rows).await.unwrap()
}

async fn nobody_is_read_whom_no_row_changes(scratch: ScratchDatabase) {
    use Comparison::{Different, NoContact, NotCompared, Same};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let of = identity.of().await;
    let held = json!({"userId": "u1", "email": "a@example.com", "name": "A \"1\" \\ \u{e4}",
        "company": "X", "tags": ["vip", "new"],
        "customData": {"size": 5, "rate": 1.5, "beta": true, "code": "007", "n": "5", "z": ""}});
    identity.make(&of, &held).await;
    identity.enter(Some("seen"), Some("s"), "").await;
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
    let mut asked = vec![
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
        // It is, but a text: that is found out by reading.
        ("n", "5"),
    ] {
        asked.push((cells("u1", &[other]), Different));
    }
    for (row, wanted) in asked {
        let found = comparisons(&db, &of, vec![row.clone()]).await;
        assert_eq!(found, [wanted], "{row:?}");
    }
    // Another organization knows nobody.
    let nowhere = Uuid::from_u128(1).to_string();
    assert_eq!(comparisons(&db, &nowhere, vec![cells("u1", &all)]).await, [NoContact]);
}

/// What one of them changes, the one behind it finds changed.
async fn rows_of_one_user_id_are_told_together(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Unchanged, Updated};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let of = identity.of().await;
    for user_id in ["u1", "u2"] {
        identity.make(&of, &json!({"userId": user_id, "name": "A"})).await;
    }
    let named = |user_id: &str, name| cells(user_id, &[("name", name)]);
    let rows = vec![named("u1", "A"), named("u2", "A"), named("u1", "B"), named("u1", "A")];
    let known = comparisons(&db, &of, rows.clone()).await;
    let (different, same) = (Comparison::Different, Comparison::Same);
    assert_eq!(known, [different, same, different, different]);
    assert_eq!(import(&identity, &of, 1, rows).await, [Unchanged, Unchanged, Updated, Updated]);
    let listed = identity.list(&of, "name", 10).await;
    assert!(listed.iter().all(|contact| contact.person.as_ref().unwrap().name == "A"));
}

async fn what_is_held_in_other_words_is_unchanged(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let of = identity.of().await;
    let held = json!({"userId": "u1", "customData": {"n": "5", "m": 5, "rate": 0.1}});
    identity.make(&of, &held).await;
    let same = cells("u1", &[("n", "5"), ("m", "5"), ("rate", "0.1")]);
    let rows = vec![
        same.clone(),
        cells("u2", &[("m", "5"), ("name", "New")]),
        cells("u1", &[("tags", "late")]),
        cells("u1", &[("hash", "s")]),
        cells("u1", &[("hash", "t")]),
    ];
    let wanted = [Unchanged, Created, Updated, Updated, Rejected];
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, wanted);
    let wanted = [Unchanged, Unchanged, Unchanged, Unchanged, Rejected];
    assert_eq!(import(&identity, &of, 2, rows).await, wanted);
    assert_eq!(import(&identity, &of, 3, vec![same]).await, [Unchanged]);
}

#[test]
fn a_batch_waits_for_somebody_who_is_kept_for_long() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let keeper = scratch.reconnect().await;
        let identity = identity(scratch).await;
        let of = identity.of().await;
        identity.make(&of, &json!({"userId": "u1", "name": "A"})).await;
        let (held, hold) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let organization = OrganizationId(of.parse().unwrap());
        let keeping = tokio::spawn(async move {
            let mut tx = keeper.begin("keep").await.unwrap();
            contacts::locked_by_user_id(&mut tx, organization, "u1").await.unwrap();
            held.send(()).unwrap();
            let _ = released.await;
            tx.commit().await.unwrap();
        });
        hold.await.unwrap();
        let mut importing =
            Box::pin(import(&identity, &of, 1, vec![cells("u1", &[("name", "B")])]));
        // Longer than batches of sends would.
        assert!(timeout(Duration::from_millis(400), &mut importing).await.is_err());
        release.send(()).unwrap();
        assert_eq!(importing.await, [wire::ImportOutcome::Updated]);
        keeping.await.unwrap();
    });
}
