//! What happens when something stops half-way.

use std::{fmt::Write, time::Duration};

use onethread_core::{Clock, Entropy, SystemEntropy};
use onethread_lifecycle::Lifecycle;
use onethread_proto::contactimport::ImportState;
use onethread_testing::ScratchDatabase;

use super::stack::{Stack, counts};
use crate::worker::RECORDS;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_killed_worker_is_followed_by_another_with_the_same_result,
    a_process_alone_on_its_database_waits_for_no_lease,
    contacts_that_are_away_for_a_while_are_waited_for,
    contacts_that_refuse_fail_the_import,
    a_cancelled_import_stops_and_nobody_goes_on_with_it,
    a_worker_that_was_only_slow_changes_nothing_any_more,
    a_slow_worker_of_a_cancelled_import_changes_nothing_any_more,
    an_import_is_cancelled_wherever_it_stands,
    an_import_that_waits_says_for_what,
    a_process_that_stops_hands_its_import_on_at_once,
    files_go_thirty_days_after_the_end,
}

/// Records of a batch, and the batches of [`file`].
const BATCH: i64 = RECORDS as i64;
const BATCHES: i64 = (9500 + BATCH - 1) / BATCH;

/// Rows of which every seventh repeats an earlier one and every eleventh has no e-mail.
pub(super) fn file() -> String {
    let mut file = "email,name\n".to_owned();
    for n in 0..9500 {
        let of = if n % 7 == 6 { n / 2 } else { n };
        let mail = if n % 11 == 5 { format!("p{of}") } else { format!("p{of}@example.org") };
        writeln!(file, "{mail},\"Person\n{n}\"").unwrap();
    }
    file
}

async fn undisturbed(scratch: ScratchDatabase) -> (Stack, String) {
    let stack = Stack::new(scratch).await;
    let import = stack.upload(&file(), true).await;
    assert_eq!(stack.ended(&import.id).await.state(), ImportState::Done);
    (stack, import.id)
}

/// A worker dies after the contacts have stored a batch and before it heard of it.
async fn a_killed_worker_is_followed_by_another_with_the_same_result(scratch: ScratchDatabase) {
    let (calm, calm_id) = undisturbed(scratch.another().await).await;
    let stack = Stack::idle(scratch).await;
    let mut byte = [0];
    SystemEntropy.fill(&mut byte);
    let dies_at = i64::from(byte[0]) % BATCHES + 1;
    println!("dies at batch {dies_at}");
    stack.contacts.state.lock().unwrap().hang_at = Some(dies_at);
    let import = stack.upload(&file(), true).await;
    let second = stack.replica(4).await.worker;

    let first = tokio::spawn(stack.replica(3).await.worker.run(Lifecycle::new()));
    tokio::time::timeout(Duration::from_secs(60), stack.contacts.hung.notified()).await.unwrap();
    stack.processed(&import.id, (dies_at - 1) * BATCH).await;
    first.abort();

    // Nobody may take it up before the lease has run out.
    let now = stack.clock.now();
    assert!(second.store.claim(now, now).await.unwrap().is_none());
    stack.clock.advance(Duration::from_secs(60));
    let life = Lifecycle::new();
    let running = tokio::spawn(second.run(life.clone()));
    let ended = stack.ended(&import.id).await;
    life.stop();
    running.await.unwrap();

    let wanted = calm.get(super::stack::ORGANIZATION, &calm_id).await.unwrap();
    assert_eq!(ended.state(), ImportState::Done);
    assert_eq!(counts(&ended), counts(&wanted));
    assert_eq!(stack.rejected(&import.id).await, calm.rejected(&calm_id).await);
    let (got, wanted) = (stack.contacts.state.lock().unwrap(), calm.contacts.state.lock().unwrap());
    assert_eq!(got.contacts, wanted.contacts);
}

/// On an embedded database a process that starts knows that whoever held a lease is dead.
async fn a_process_alone_on_its_database_waits_for_no_lease(scratch: ScratchDatabase) {
    let embedded = scratch.db.is_embedded();
    let stack = Stack::idle(scratch).await;
    stack.upload("email\na@example.org\n", true).await;
    let (store, now) = (stack.replica(3).await.worker.store, stack.clock.now());
    let until = now.plus(Duration::from_secs(20));
    assert!(store.claim(now, until).await.unwrap().is_some());
    let next = stack.replica(4).await.worker.store;
    let claimed = next.claim(now, until).await.unwrap();
    assert_eq!(claimed.is_some(), embedded);
}

async fn contacts_that_are_away_for_a_while_are_waited_for(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().away = 3;
    let import = stack.upload(&file(), true).await;
    // The pauses are measured by the clock that stands still.
    let clock = std::sync::Arc::clone(&stack.clock);
    let ticks = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.advance(Duration::from_millis(500));
        }
    });
    let ended = stack.ended(&import.id).await;
    ticks.abort();
    assert_eq!((ended.state(), ended.processed), (ImportState::Done, 9500));
}

async fn contacts_that_refuse_fail_the_import(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().refuses = true;
    let import = stack.upload("email\na@b.c\n", true).await;
    let ended = stack.ended(&import.id).await;
    assert_eq!((ended.state(), ended.processed), (ImportState::Failed, 0));
}

/// What was under way is counted, by whoever comes next: its contacts are there.
async fn a_cancelled_import_stops_and_nobody_goes_on_with_it(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    stack.contacts.state.lock().unwrap().hang_at = Some(3);
    let import = stack.upload(&file(), true).await;
    let first = stack.work(3).await;
    stack.contacts.hung.notified().await;
    stack.processed(&import.id, 2 * BATCH).await;
    let cancelled = stack.cancel(&import.id).await.unwrap();
    assert_eq!((cancelled.state(), cancelled.processed), (ImportState::Cancelled, 2 * BATCH));
    first.end().await;
    let second = stack.work(4).await;
    let ended = stack.settled(&import.id).await;
    second.end().await;
    assert_eq!(ended.processed, 3 * BATCH);
    stack.contacts_are_counted(&ended);
    stack.clock.advance(Duration::from_secs(60));
    let now = stack.clock.now();
    assert!(stack.replica(5).await.worker.store.claim(now, now).await.unwrap().is_none());
}

/// Its lease is taken over while a batch of it is on its way: that batch comes late, and so does
/// what it would store of it.
async fn a_worker_that_was_only_slow_changes_nothing_any_more(scratch: ScratchDatabase) {
    let (calm, calm_id) = undisturbed(scratch.another().await).await;
    for late_at in [1, 2, BATCHES] {
        println!("late at batch {late_at}");
        let stack = Stack::idle(scratch.another().await).await;
        stack.contacts.state.lock().unwrap().late_at = Some(late_at);
        let import = stack.upload(&file(), true).await;
        let slow = stack.work(3).await;
        stack.contacts.hung.notified().await;
        stack.clock.advance(Duration::from_secs(60));
        let fast = stack.work(4).await;
        let ended = stack.ended(&import.id).await;
        // Only now the slow one's batch arrives.
        stack.contacts.late.notify_one();
        slow.end().await;
        fast.end().await;
        let after = stack.get(super::stack::ORGANIZATION, &import.id).await.unwrap();
        let wanted = calm.get(super::stack::ORGANIZATION, &calm_id).await.unwrap();
        assert_eq!(counts(&ended), counts(&wanted));
        assert_eq!(counts(&after), counts(&wanted));
        assert_eq!(stack.rejected(&import.id).await, calm.rejected(&calm_id).await);
        let got = stack.contacts.state.lock().unwrap().contacts.clone();
        assert_eq!(got, calm.contacts.state.lock().unwrap().contacts);
    }
}

/// Nobody else sends the batch that is late: it must not be taken behind everybody's back.
async fn a_slow_worker_of_a_cancelled_import_changes_nothing_any_more(scratch: ScratchDatabase) {
    for late_at in [1, 2] {
        let stack = Stack::idle(scratch.another().await).await;
        stack.contacts.state.lock().unwrap().late_at = Some(late_at);
        let import = stack.upload(&file(), true).await;
        let slow = stack.work(3).await;
        stack.contacts.hung.notified().await;
        stack.processed(&import.id, (late_at - 1) * BATCH).await;
        stack.cancel(&import.id).await.unwrap();
        stack.clock.advance(Duration::from_secs(60));
        let second = stack.work(4).await;
        let ended = stack.settled(&import.id).await;
        assert_eq!(ended.processed, (late_at - 1) * BATCH);
        stack.contacts_are_counted(&ended);
        stack.contacts.late.notify_one();
        // It has heard by then that nothing of it is wanted.
        slow.end().await;
        second.end().await;
        let after = stack.get(super::stack::ORGANIZATION, &import.id).await.unwrap();
        assert_eq!(after, ended);
        stack.contacts_are_counted(&after);
    }
}

async fn an_import_is_cancelled_wherever_it_stands(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let scanning = stack.upload(&file(), true).await;
    assert_eq!(stack.cancel(&scanning.id).await.unwrap().state(), ImportState::Cancelled);
    let ready = stack.upload(&file(), false).await;
    let worker = stack.work(3).await;
    stack.until(&ready.id, &[ImportState::Ready]).await;
    assert_eq!(stack.cancel(&ready.id).await.unwrap().state(), ImportState::Cancelled);
    stack.contacts.state.lock().unwrap().late_at = Some(2);
    let running = stack.upload(&file(), true).await;
    stack.processed(&running.id, BATCH).await;
    stack.contacts.late.notify_one();
    let ended = stack.cancel(&running.id).await.unwrap();
    assert_eq!(ended.state(), ImportState::Cancelled);
    stack.contacts_are_counted(&stack.settled(&running.id).await);
    for id in [&scanning.id, &ready.id, &running.id] {
        let again = stack.cancel(id).await.unwrap_err();
        assert_eq!(again.reason, onethread_errors::Reason::ImportState);
    }
    worker.end().await;
    let untouched = stack.get(super::stack::ORGANIZATION, &scanning.id).await.unwrap();
    assert_eq!((untouched.rows, untouched.processed), (0, 0));
}

async fn an_import_that_waits_says_for_what(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    stack.contacts.state.lock().unwrap().away = 1;
    let import = stack.upload("email\na@example.org\n", true).await;
    let waiting = stack.shown(&import.id, |import| import.error.is_some()).await;
    assert_eq!(waiting.state(), ImportState::Running);
    assert!(waiting.error.unwrap().contains("goes on by itself"));
    stack.clock.advance(Duration::from_secs(60));
    let ended = stack.ended(&import.id).await;
    assert_eq!((ended.state(), ended.error, ended.created), (ImportState::Done, None, 1));
}

async fn a_process_that_stops_hands_its_import_on_at_once(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    stack.contacts.state.lock().unwrap().hang_at = Some(2);
    let import = stack.upload(&file(), true).await;
    let life = Lifecycle::new();
    let first = tokio::spawn(stack.replica(3).await.worker.run(life.clone()));
    stack.contacts.hung.notified().await;
    life.stop();
    first.await.unwrap();
    let life = Lifecycle::new();
    let second = tokio::spawn(stack.replica(4).await.worker.run(life.clone()));
    assert_eq!(stack.ended(&import.id).await.state(), ImportState::Done);
    life.stop();
    second.await.unwrap();
}

async fn files_go_thirty_days_after_the_end(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let import = stack.ended(&stack.upload("email\na@b.c\n", true).await.id).await;
    let waiting = stack.upload("email\na@b.c\n", false).await;
    let folder = stack.uploads.path().join(super::stack::ORGANIZATION);
    let orphan =
        folder.join(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000).to_string());
    std::fs::write(&orphan, "email\n").unwrap();
    // One that was cut off while it was written.
    let draft = std::path::PathBuf::from(format!("{}#1", orphan.display()));
    std::fs::write(&draft, "em").unwrap();
    stack.until(&waiting.id, &[ImportState::Ready]).await;

    let sweep = stack.replica(5).await.sweep;
    stack.clock.advance(Duration::from_secs(29 * 24 * 3600));
    sweep.round().await.unwrap();
    assert!(folder.join(&import.id).exists() && !orphan.exists() && !draft.exists());
    stack.clock.advance(Duration::from_secs(2 * 24 * 3600));
    sweep.round().await.unwrap();
    assert!(!folder.join(&import.id).exists() && folder.join(&waiting.id).exists());
}
