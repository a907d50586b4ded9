//! Expired rows.

use onethread_core::SystemClock;
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;

use super::*;
use crate::testing::{identity, imports::import_row};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    expired_rows_are_deleted,
}

async fn expired_rows_are_deleted(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Unchanged};
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("u1"), None, "").await.organization_id;
    let rows = vec![import_row(2, "u2", "", "Two")];
    assert_eq!(identity.import(&organization, 1, rows.clone()).await, [Created]);
    let (early, late) = (Timestamp::from_micros(1), SystemClock.now().plus(Duration::from_secs(1)));
    let delete_before = async |time| {
        let before = Before { revocations: time, batches: time, refusals: time, logins: time };
        delete_expired(&identity.service.app.db, before).await.unwrap();
    };
    delete_before(early).await;
    assert_eq!(
        identity.import(&organization, 1, rows.clone()).await,
        [Created],
        "the stored result"
    );
    delete_before(late).await;
    assert_eq!(
        identity.import(&organization, 1, rows).await,
        [Unchanged],
        "the stored result was deleted"
    );
}
