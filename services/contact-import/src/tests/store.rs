//! What the store promises to those who work on imports.

use std::time::Duration;

use onethread_core::Clock;
use onethread_testing::ScratchDatabase;

use super::stack::{Stack, counts};
use crate::{
    domain::{
        Advance, Counts, Format, Header, ImportState, Job, Mapping, Position, RejectedRow, Scanned,
    },
    store::Store,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_lost_lease_writes_nothing,
    the_batch_under_way_counts_when_an_import_is_stopped,
    a_page_of_rejected_rows_ends_where_it_grows_too_large,
}

fn batch(number: i64, next: Option<Position>) -> Advance {
    let rejected = RejectedRow {
        record: u64::try_from(number).unwrap(),
        line: 2,
        column: "email".to_owned(),
        reason: "is odd".to_owned(),
        cells: vec!["\"ä\\".to_owned(), String::new()],
    };
    let counts = Counts { created: 1, updated: 2, unchanged: 3, rejected: 1 };
    Advance { batch: number, counts, rejected: vec![rejected], next }
}

const NEXT: Position = Position { offset: 9, line: 3, record: 2 };

async fn claim(stack: &Stack, store: &Store) -> Option<Job> {
    let now = stack.clock.now();
    store.claim(now, now.plus(Duration::from_secs(20))).await.unwrap()
}

/// An import whose rows are being applied, taken up.
async fn running(stack: &Stack, store: &Store) -> (String, Job) {
    let id = stack.upload("email\n", true).await.id;
    let job = claim(stack, store).await.unwrap();
    let header = Header { width: 1, ..Header::default() };
    let scanned =
        Scanned { format: Format::default(), header, rows: 14, preview: vec![], first: NEXT };
    let (state, now) = (ImportState::Running, stack.clock.now());
    assert!(store.scanned(job.lease, scanned, Mapping::default(), state, now).await.unwrap());
    // Whoever scanned goes on with it; here it is somebody else.
    assert!(claim(stack, store).await.is_none());
    store.give_back(job.lease, now, 0, None).await.unwrap();
    (id, claim(stack, store).await.unwrap())
}

async fn a_lost_lease_writes_nothing(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let store = stack.replica(2).await.worker.store;
    let (id, old) = running(&stack, &store).await;
    assert!(claim(&stack, &store).await.is_none());
    assert_eq!(old.position, NEXT);
    stack.clock.advance(Duration::from_secs(30));
    let new = claim(&stack, &store).await.unwrap();

    let now = stack.clock.now();
    assert_eq!(store.advance(old.lease, batch(1, Some(NEXT)), now).await.unwrap(), None);
    assert!(!store.keep(old.lease, now).await.unwrap());
    store.fail(old.lease, "late".to_owned(), now).await.unwrap();
    store.give_back(old.lease, now, 0, None).await.unwrap();
    assert!(claim(&stack, &store).await.is_none());

    let state = store.advance(new.lease, batch(1, Some(NEXT)), now).await.unwrap();
    assert_eq!(state, Some(ImportState::Running));
    // The same batch does not count twice.
    assert_eq!(store.advance(new.lease, batch(1, None), now).await.unwrap(), None);
    assert!(store.keep(new.lease, now).await.unwrap());
    let state = store.advance(new.lease, batch(2, None), now).await.unwrap();
    assert_eq!(state, Some(ImportState::Done));
    let import = stack.ended(&id).await;
    assert_eq!((counts(&import), import.rows), ([2, 4, 6, 2], 14));
    let rejected = stack.rejected(&id).await;
    assert_eq!((rejected.len(), &rejected[1].cells[0][..]), (2, "\"ä\\"));
}

async fn the_batch_under_way_counts_when_an_import_is_stopped(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let store = stack.replica(2).await.worker.store;
    let (id, job) = running(&stack, &store).await;
    stack.cancel(&id).await.unwrap();
    let now = stack.clock.now();
    assert!(store.keep(job.lease, now).await.unwrap());
    let state = store.advance(job.lease, batch(1, None), now).await.unwrap();
    assert_eq!(state, Some(ImportState::Cancelled));
    store.settled(job.lease).await.unwrap();
    assert!(!store.keep(job.lease, now).await.unwrap());
    assert_eq!(counts(&stack.ended(&id).await), [1, 2, 3, 1]);
}

async fn a_page_of_rejected_rows_ends_where_it_grows_too_large(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let store = stack.replica(2).await.worker.store;
    let (id, job) = running(&stack, &store).await;
    let mut many = batch(1, None);
    many.rejected =
        (1..=9).map(|record| RejectedRow { record, ..many.rejected[0].clone() }).collect();
    store.advance(job.lease, many, stack.clock.now()).await.unwrap();
    let (of, import) = (job.lease.organization_id, job.lease.import_id);
    let page = store.rejected(of, import, 2, 3, usize::MAX).await.unwrap();
    assert_eq!(
        (page.rows.iter().map(|row| row.record).collect::<Vec<_>>(), page.more),
        (vec![3, 4, 5], true)
    );
    let page = store.rejected(of, import, 2, 9, 40).await.unwrap();
    assert_eq!((page.rows.len(), page.more), (2, true));
    let page = store.rejected(of, import, 6, 3, usize::MAX).await.unwrap();
    assert_eq!((page.rows.len(), page.more), (3, false));
    assert_eq!(stack.rejected(&id).await.len(), 9);
}
