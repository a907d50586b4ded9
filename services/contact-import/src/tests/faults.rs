//! Faults: crashes, takeovers, cancellation, and dependencies that fail.

use std::{fmt::Write, time::Duration};

use onethread_core::{Entropy, SystemEntropy};
use onethread_lifecycle::Lifecycle;
use onethread_proto::contactimport::ImportState;
use onethread_testing::ScratchDatabase;

use super::stack::{Stack, counts};
use crate::worker::MAX_BATCH_RECORDS;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_takeover_from_a_killed_worker_has_the_same_result,
    a_process_alone_on_its_database_waits_for_no_lease,
    an_import_waits_while_identity_is_unavailable,
    an_import_fails_when_identity_rejects_it,
    a_canceled_import_stops_and_is_not_resumed,
    a_slow_worker_changes_nothing_after_a_takeover,
    a_slow_worker_changes_nothing_after_its_import_was_canceled,
    an_import_can_be_canceled_in_every_state_before_its_end,
    a_waiting_import_shows_the_reason,
    a_process_that_stops_releases_its_import_at_once,
    files_are_deleted_thirty_days_after_the_end,
}

/// Records of a batch, and the batches of [`file`].
const BATCH: i64 = MAX_BATCH_RECORDS as i64;
const BATCHES: i64 = (9500 + BATCH - 1) / BATCH;

/// 9500 rows; every seventh is a duplicate and every eleventh has an invalid email.
pub(super) fn file() -> String {
    let mut file = "email,name\n".to_owned();
    for n in 0..9500 {
        let person = if n % 7 == 6 { n / 2 } else { n };
        let mail =
            if n % 11 == 5 { format!("p{person}") } else { format!("p{person}@example.org") };
        writeln!(file, "{mail},\"Person\n{n}\"").unwrap();
    }
    file
}

async fn without_faults(scratch: ScratchDatabase) -> (Stack, String) {
    let stack = Stack::new(scratch).await;
    let import = stack.upload(&file(), true).await;
    assert_eq!(stack.ended(&import.id).await.state(), ImportState::Done);
    (stack, import.id)
}

/// The worker dies after identity stored a batch and before it received the answer.
async fn a_takeover_from_a_killed_worker_has_the_same_result(scratch: ScratchDatabase) {
    let (expected, expected_id) = without_faults(scratch.another().await).await;
    let stack = Stack::idle(scratch).await;
    let mut byte = [0];
    SystemEntropy.fill(&mut byte);
    let dies_at = i64::from(byte[0]) % BATCHES + 1;
    println!("dies at batch {dies_at}");
    stack.contacts.state.lock().unwrap().hang_at = Some(dies_at);
    let import = stack.upload(&file(), true).await;
    let second = stack.replica(4).await.worker;

    let first = tokio::spawn(stack.replica(3).await.worker.run(Lifecycle::new()));
    tokio::time::timeout(Duration::from_secs(60), stack.contacts.blocked.notified()).await.unwrap();
    stack.processed(&import.id, (dies_at - 1) * BATCH).await;
    first.abort();

    // No worker may claim it before the lease ends.
    assert!(second.jobs.claim().await.unwrap().is_none());
    stack.clock.advance(Duration::from_secs(60));
    let life = Lifecycle::new();
    let running = tokio::spawn(second.run(life.clone()));
    let ended = stack.ended(&import.id).await;
    life.stop();
    running.await.unwrap();

    let wanted = expected.get(super::stack::ORGANIZATION, &expected_id).await.unwrap();
    assert_eq!(ended.state(), ImportState::Done);
    assert_eq!(counts(&ended), counts(&wanted));
    assert_eq!(stack.rejected(&import.id).await, expected.rejected(&expected_id).await);
    let (got, wanted) =
        (stack.contacts.state.lock().unwrap(), expected.contacts.state.lock().unwrap());
    assert_eq!(got.contacts, wanted.contacts);
}

/// On an embedded database, all holders of leases are dead when a process starts.
async fn a_process_alone_on_its_database_waits_for_no_lease(scratch: ScratchDatabase) {
    let embedded = scratch.db.is_embedded();
    let stack = Stack::idle(scratch).await;
    stack.upload("email\na@example.org\n", true).await;
    let jobs = stack.replica(3).await.worker.jobs;
    assert!(jobs.claim().await.unwrap().is_some());
    let next = stack.replica(4).await.worker.jobs;
    let claimed = next.claim().await.unwrap();
    assert_eq!(claimed.is_some(), embedded);
}

async fn an_import_waits_while_identity_is_unavailable(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().unavailable = 3;
    let import = stack.upload(&file(), true).await;
    // The delays are measured by a clock that doesn't advance by itself.
    let clock = std::sync::Arc::clone(&stack.clock);
    let ticks = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.advance(Duration::from_millis(500));
        }
    });
    let ended = stack.ended(&import.id).await;
    ticks.abort();
    assert_eq!((ended.state(), ended.processed_count), (ImportState::Done, 9500));
}

async fn an_import_fails_when_identity_rejects_it(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().rejects = true;
    let import = stack.upload("email\na@b.c\n", true).await;
    let ended = stack.ended(&import.id).await;
    assert_eq!((ended.state(), ended.processed_count), (ImportState::Failed, 0));
}

/// A batch in flight is counted by the next worker: its contacts are stored.
async fn a_canceled_import_stops_and_is_not_resumed(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    stack.contacts.state.lock().unwrap().hang_at = Some(3);
    let import = stack.upload(&file(), true).await;
    let first = stack.work(3).await;
    stack.contacts.blocked.notified().await;
    stack.processed(&import.id, 2 * BATCH).await;
    let canceled = stack.cancel(&import.id).await.unwrap();
    assert_eq!((canceled.state(), canceled.processed_count), (ImportState::Canceled, 2 * BATCH));
    first.stop().await;
    let second = stack.work(4).await;
    let ended = stack.settled(&import.id).await;
    second.stop().await;
    assert_eq!(ended.processed_count, 3 * BATCH);
    stack.contacts_are_counted(&ended);
    stack.clock.advance(Duration::from_secs(60));
    assert!(stack.replica(5).await.worker.jobs.claim().await.unwrap().is_none());
}

/// Its lease is taken over while a batch of it is in flight: both that batch and its outcome are
/// late.
async fn a_slow_worker_changes_nothing_after_a_takeover(scratch: ScratchDatabase) {
    let (expected, expected_id) = without_faults(scratch.another().await).await;
    for delayed in [1, 2, BATCHES] {
        println!("delayed at batch {delayed}");
        let stack = Stack::idle(scratch.another().await).await;
        stack.contacts.state.lock().unwrap().delay_at = Some(delayed);
        let import = stack.upload(&file(), true).await;
        let slow = stack.work(3).await;
        stack.contacts.blocked.notified().await;
        stack.clock.advance(Duration::from_secs(60));
        let fast = stack.work(4).await;
        let ended = stack.ended(&import.id).await;
        // Only now the slow worker's batch arrives.
        stack.contacts.resume.notify_one();
        slow.stop().await;
        fast.stop().await;
        let after = stack.get(super::stack::ORGANIZATION, &import.id).await.unwrap();
        let wanted = expected.get(super::stack::ORGANIZATION, &expected_id).await.unwrap();
        assert_eq!(counts(&ended), counts(&wanted));
        assert_eq!(counts(&after), counts(&wanted));
        assert_eq!(stack.rejected(&import.id).await, expected.rejected(&expected_id).await);
        let got = stack.contacts.state.lock().unwrap().contacts.clone();
        assert_eq!(got, expected.contacts.state.lock().unwrap().contacts);
    }
}

/// No other worker sends the late batch, so it must not be stored when it arrives.
async fn a_slow_worker_changes_nothing_after_its_import_was_canceled(scratch: ScratchDatabase) {
    for delayed in [1, 2] {
        let stack = Stack::idle(scratch.another().await).await;
        stack.contacts.state.lock().unwrap().delay_at = Some(delayed);
        let import = stack.upload(&file(), true).await;
        let slow = stack.work(3).await;
        stack.contacts.blocked.notified().await;
        stack.processed(&import.id, (delayed - 1) * BATCH).await;
        stack.cancel(&import.id).await.unwrap();
        stack.clock.advance(Duration::from_secs(60));
        let second = stack.work(4).await;
        let ended = stack.settled(&import.id).await;
        assert_eq!(ended.processed_count, (delayed - 1) * BATCH);
        stack.contacts_are_counted(&ended);
        stack.contacts.resume.notify_one();
        // By then it knows that its lease is lost.
        slow.stop().await;
        second.stop().await;
        let after = stack.get(super::stack::ORGANIZATION, &import.id).await.unwrap();
        assert_eq!(after, ended);
        stack.contacts_are_counted(&after);
    }
}

async fn an_import_can_be_canceled_in_every_state_before_its_end(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let scanning = stack.upload(&file(), true).await;
    assert_eq!(stack.cancel(&scanning.id).await.unwrap().state(), ImportState::Canceled);
    let ready = stack.upload(&file(), false).await;
    let worker = stack.work(3).await;
    stack.until(&ready.id, &[ImportState::Ready]).await;
    assert_eq!(stack.cancel(&ready.id).await.unwrap().state(), ImportState::Canceled);
    stack.contacts.state.lock().unwrap().delay_at = Some(2);
    let running = stack.upload(&file(), true).await;
    stack.processed(&running.id, BATCH).await;
    stack.contacts.resume.notify_one();
    let ended = stack.cancel(&running.id).await.unwrap();
    assert_eq!(ended.state(), ImportState::Canceled);
    stack.contacts_are_counted(&stack.settled(&running.id).await);
    for id in [&scanning.id, &ready.id, &running.id] {
        let again = stack.cancel(id).await.unwrap_err();
        assert_eq!(again.reason, onethread_errors::Reason::ImportState);
    }
    worker.stop().await;
    let untouched = stack.get(super::stack::ORGANIZATION, &scanning.id).await.unwrap();
    assert_eq!((untouched.row_count, untouched.processed_count), (0, 0));
}

async fn a_waiting_import_shows_the_reason(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().unavailable = 1;
    let import = stack.upload("email\na@example.org\n", true).await;
    let waiting = stack.until_holds(&import.id, |import| import.waiting_for.is_some()).await;
    assert_eq!(waiting.state(), ImportState::Running);
    assert!(waiting.waiting_for.unwrap().contains("goes on by itself"));
    stack.clock.advance(Duration::from_secs(60));
    let ended = stack.ended(&import.id).await;
    assert_eq!((ended.state(), ended.error, ended.created_count), (ImportState::Done, None, 1));
}

async fn a_process_that_stops_releases_its_import_at_once(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    stack.contacts.state.lock().unwrap().hang_at = Some(2);
    let import = stack.upload(&file(), true).await;
    let life = Lifecycle::new();
    let first = tokio::spawn(stack.replica(3).await.worker.run(life.clone()));
    stack.contacts.blocked.notified().await;
    life.stop();
    first.await.unwrap();
    let life = Lifecycle::new();
    let second = tokio::spawn(stack.replica(4).await.worker.run(life.clone()));
    assert_eq!(stack.ended(&import.id).await.state(), ImportState::Done);
    life.stop();
    second.await.unwrap();
}

async fn files_are_deleted_thirty_days_after_the_end(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let import = stack.ended(&stack.upload("email\na@b.c\n", true).await.id).await;
    let waiting = stack.upload("email\na@b.c\n", false).await;
    let folder = stack.uploads.path().join(super::stack::ORGANIZATION);
    let orphan =
        folder.join(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000).to_string());
    std::fs::write(&orphan, "email\n").unwrap();
    // A file whose upload was interrupted.
    let draft = std::path::PathBuf::from(format!("{}#1", orphan.display()));
    std::fs::write(&draft, "em").unwrap();
    stack.until(&waiting.id, &[ImportState::Ready]).await;

    let sweeper = stack.replica(5).await.sweeper;
    stack.clock.advance(Duration::from_secs(29 * 24 * 3600));
    sweeper.sweep().await.unwrap();
    assert!(folder.join(&import.id).exists() && !orphan.exists() && !draft.exists());
    stack.clock.advance(Duration::from_secs(2 * 24 * 3600));
    sweeper.sweep().await.unwrap();
    assert!(!folder.join(&import.id).exists() && folder.join(&waiting.id).exists());
}
