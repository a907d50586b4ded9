//! Batches: repeated, closed, and with a row that the database rejects.

use onethread_db::Sql;
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use uuid::Uuid;

use crate::testing::{identity, imports::import_row};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    only_the_row_that_the_database_rejects_is_rejected,
    rows_of_a_closed_batch_are_not_applied,
}

/// The other rows of the batch are stored, and a repeated batch gets the same result.
async fn only_the_row_that_the_database_rejects_is_rejected(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Updated};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("u1"), None, "").await.organization_id;
    let reject = Sql::dialects(
        "CREATE TRIGGER reject BEFORE INSERT ON contacts
           WHEN new.name = 'unstorable' BEGIN SELECT RAISE(ABORT, 'no'); END",
        "ALTER TABLE contacts ADD CHECK (name <> 'unstorable')",
    );
    db.writer("reject").await.unwrap().query(reject).execute().await.unwrap();
    let rows: Vec<_> = (1..=11)
        .map(|n| {
            import_row(n, &format!("u{n}"), "", if n % 4 == 0 { "unstorable" } else { "fine" })
        })
        .collect();
    let mut wanted = vec![Created; 11];
    wanted[0] = Updated;
    (wanted[3], wanted[7]) = (Rejected, Rejected);
    assert_eq!(identity.import(&organization, 1, rows.clone()).await, wanted);
    assert_eq!(identity.import(&organization, 1, rows.clone()).await, wanted);
    assert_eq!(identity.list_contacts(&organization, "name", 10).await.len(), 9);
    let repeated = identity.import(&organization, 2, vec![rows[3].clone()]).await;
    assert_eq!(repeated, [Rejected]);
}

/// A batch that is closed returns its first result, and no later commit changes it.
async fn rows_of_a_closed_batch_are_not_applied(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("u1"), None, "").await.organization_id;
    let batch = |number, close| wire::ImportContactsRequest {
        organization_id: organization.clone(),
        import_id: Uuid::from_u128(77).to_string(),
        batch_number: number,
        rows: if close { Vec::new() } else { vec![import_row(2, &format!("in {number}"), "", "")] },
        close,
    };
    let first = identity.import_batch(batch(1, false)).await;
    assert_eq!((first.closed, first.results.len()), (false, 1));
    assert_eq!(identity.import_batch(batch(1, true)).await, first);
    for close in [true, true, false] {
        let closed = identity.import_batch(batch(2, close)).await;
        assert_eq!((closed.closed, closed.results.len()), (true, 0));
    }
    assert_eq!(identity.list_contacts(&organization, "name", 10).await.len(), 2);
    // Both at once: one of them is first, and both get its result.
    for number in 3..23 {
        let (applied, closed) = tokio::join!(
            identity.import_batch(batch(number, false)),
            identity.import_batch(batch(number, true))
        );
        assert_eq!(applied, closed);
    }
}
