//! Whose import is next, and that one at a time works on it.

use std::{collections::HashSet, time::Duration};

use onethread_core::Clock;
use onethread_proto::contactimport::ImportState;
use onethread_testing::ScratchDatabase;

use super::stack::{ORGANIZATION, OTHER, Stack};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    one_organization_does_not_starve_another,
    workers_take_up_each_import_once,
    a_turn_ends_where_another_organization_waits,
}

const THIRD: &str = "00000000-0000-4000-8000-000000000003";
const FILE: &[u8] = b"email\na@example.org\n";

async fn one_organization_does_not_starve_another(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    for _ in 0..50 {
        stack.upload_as(ORGANIZATION, FILE, true, "").await.unwrap();
        // The others come late.
        stack.clock.advance(Duration::from_secs(1));
    }
    for organization in [OTHER, OTHER, THIRD, OTHER] {
        stack.upload_as(organization, FILE, true, "").await.unwrap();
    }
    let store = stack.replica(2).await.worker.store;
    let now = stack.clock.now();
    let mut turns = Vec::new();
    while let Some(job) = store.claim(now, now.plus(Duration::from_secs(20))).await.unwrap() {
        turns.push(job.lease.organization_id.to_string());
    }
    assert_eq!(turns.len(), 54);
    // Each has its turn before anybody has a second one, as long as it has anything to do.
    let first: HashSet<_> = turns[..3].iter().map(String::as_str).collect();
    assert_eq!(first, HashSet::from([ORGANIZATION, OTHER, THIRD]));
    let second: HashSet<_> = turns[3..5].iter().map(String::as_str).collect();
    assert_eq!(second, HashSet::from([ORGANIZATION, OTHER]));
    let third: HashSet<_> = turns[5..7].iter().map(String::as_str).collect();
    assert_eq!(third, HashSet::from([ORGANIZATION, OTHER]));
    assert!(turns[7..].iter().all(|organization| organization == ORGANIZATION));
}

async fn workers_take_up_each_import_once(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let mut wanted = HashSet::new();
    for n in 0..24 {
        let of = [ORGANIZATION, OTHER, THIRD][n % 3];
        wanted.insert(stack.upload_as(of, FILE, true, "").await.unwrap().id);
    }
    let now = stack.clock.now();
    let store = stack.replica(2).await.worker.store;
    let workers = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut taken, until) = (Vec::new(), now.plus(Duration::from_secs(20)));
            while let Some(job) = store.claim(now, until).await.unwrap() {
                taken.push(job.lease.import_id.to_string());
            }
            taken
        })
    });
    let workers: Vec<_> = workers.collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), wanted.len());
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), wanted);
}

/// A long import makes room for a short one of somebody else, and goes on afterwards.
async fn a_turn_ends_where_another_organization_waits(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let long = stack.upload(&super::faults::file(), true).await;
    stack.contacts.state.lock().unwrap().late_at = Some(2);
    // The only worker there is.
    let worker = stack.work(3).await;
    stack.contacts.hung.notified().await;
    let short = stack.upload_as(OTHER, FILE, true, "").await.unwrap();
    stack.clock.advance(Duration::from_secs(16));
    // Further than this the long one does not get before the short one is done.
    stack.contacts.state.lock().unwrap().late_at = Some(4);
    stack.contacts.late.notify_one();
    assert_eq!(stack.ended_of(OTHER, &short.id).await.state(), ImportState::Done);
    stack.contacts.late.notify_one();
    let ended = stack.ended(&long.id).await;
    assert_eq!((ended.state(), ended.processed), (ImportState::Done, 9500));
    worker.end().await;
}
