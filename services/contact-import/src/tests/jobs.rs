//! Leases and batches, as workers use them.

use std::time::Duration;

use onethread_testing::ScratchDatabase;

use super::stack::{Stack, counts};
use crate::{
    app::jobs::Jobs,
    domain::{
        BatchResult, Counts, Format, Header, ImportState, Job, Mapping, Position, RejectedRow,
        ScanResult,
    },
    store::rejected_rows,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_lost_lease_writes_nothing,
    a_batch_in_flight_counts_when_its_import_is_canceled,
    rejected_rows_are_read_by_size,
}

fn batch(number: i64, next: Option<Position>) -> BatchResult {
    let rejected = RejectedRow {
        record: u64::try_from(number).unwrap(),
        line: 2,
        column: "email".to_owned(),
        reason: "is odd".to_owned(),
        cells: vec!["\"ä\\".to_owned(), String::new()],
    };
    let counts = Counts { created: 1, updated: 2, unchanged: 3, rejected: 1 };
    BatchResult { batch: number, counts, rejected: vec![rejected], next }
}

/// Bytes after which a page of rejected rows ends.
const PAGE_BYTES: usize = 1024 * 1024;
const NEXT: Position = Position { offset: 9, line: 3, record: 2 };

/// An import whose rows are being applied, claimed.
async fn running(stack: &Stack, jobs: &Jobs) -> (String, Job) {
    let id = stack.upload("email\n", true).await.id;
    let job = jobs.claim().await.unwrap().unwrap();
    let header = Header { width: 1, ..Header::default() };
    let scan =
        ScanResult { format: Format::default(), header, rows: 14, preview: vec![], first: NEXT };
    let state = ImportState::Running;
    assert!(jobs.record_scan(job.lease, scan, Mapping::default(), state).await.unwrap());
    // The worker that scanned it still has the lease.
    assert!(jobs.claim().await.unwrap().is_none());
    jobs.release(job.lease, Duration::ZERO, 0, None).await.unwrap();
    (id, jobs.claim().await.unwrap().unwrap())
}

async fn a_lost_lease_writes_nothing(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let jobs = stack.replica(2).await.worker.jobs;
    let (id, old) = running(&stack, &jobs).await;
    assert!(jobs.claim().await.unwrap().is_none());
    assert_eq!(old.position, NEXT);
    stack.clock.advance(Duration::from_secs(30));
    let new = jobs.claim().await.unwrap().unwrap();

    assert_eq!(jobs.record_batch(old.lease, batch(1, Some(NEXT))).await.unwrap(), None);
    assert!(!jobs.renew(old.lease).await.unwrap());
    jobs.fail(old.lease, "late").await.unwrap();
    jobs.release(old.lease, Duration::ZERO, 0, None).await.unwrap();
    assert!(jobs.claim().await.unwrap().is_none());

    let state = jobs.record_batch(new.lease, batch(1, Some(NEXT))).await.unwrap();
    assert_eq!(state, Some(ImportState::Running));
    // The same batch does not count twice.
    assert_eq!(jobs.record_batch(new.lease, batch(1, None)).await.unwrap(), None);
    assert!(jobs.renew(new.lease).await.unwrap());
    let state = jobs.record_batch(new.lease, batch(2, None)).await.unwrap();
    assert_eq!(state, Some(ImportState::Done));
    let import = stack.ended(&id).await;
    assert_eq!((counts(&import), import.row_count), ([2, 4, 6, 2], 14));
    let rejected = stack.rejected(&id).await;
    assert_eq!((rejected.len(), &rejected[1].cells[0][..]), (2, "\"ä\\"));
}

async fn a_batch_in_flight_counts_when_its_import_is_canceled(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let jobs = stack.replica(2).await.worker.jobs;
    let (id, job) = running(&stack, &jobs).await;
    stack.cancel(&id).await.unwrap();
    assert!(jobs.renew(job.lease).await.unwrap());
    let state = jobs.record_batch(job.lease, batch(1, None)).await.unwrap();
    assert_eq!(state, Some(ImportState::Canceled));
    jobs.settle(job.lease).await.unwrap();
    assert!(!jobs.renew(job.lease).await.unwrap());
    assert_eq!(counts(&stack.ended(&id).await), [1, 2, 3, 1]);
}

async fn rejected_rows_are_read_by_size(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let jobs = stack.replica(2).await.worker.jobs;
    let (id, job) = running(&stack, &jobs).await;
    let mut many = batch(1, None);
    many.rejected =
        (1..=9).map(|record| RejectedRow { record, ..many.rejected[0].clone() }).collect();
    many.rejected[4].cells = vec!["x".repeat(PAGE_BYTES)];
    jobs.record_batch(job.lease, many).await.unwrap();
    let (organization, import) = (job.lease.organization, job.lease.import);
    let mut conn = jobs.db.reader("test").await.unwrap();
    let sizes = rejected_rows::sizes(&mut conn, organization, import, 2, 4).await.unwrap();
    assert_eq!(sizes.iter().map(|(record, _)| *record).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert!(sizes[0].1 < 20 && sizes[2].1 > PAGE_BYTES);
    let rows = rejected_rows::between(&mut conn, organization, import, 2, 4).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.record).collect::<Vec<_>>(), [3, 4]);
    drop(conn);

    // A page ends at its row count, where it becomes too large, or with the last row.
    let pages = stack.rejected_pages(&id, 4).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 1, 4]);
    assert_eq!(stack.rejected(&id).await.len(), 9);
}
