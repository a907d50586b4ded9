//! The work queue: turns of organizations, and one worker per import.

use std::{collections::HashSet, time::Duration};

use onethread_proto::contactimport::ImportState;
use onethread_testing::ScratchDatabase;

use super::stack::{ORGANIZATION, OTHER, Stack};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    one_organization_does_not_starve_another,
    each_import_is_claimed_once,
    a_turn_ends_where_another_organization_waits,
}

const THIRD: &str = "00000000-0000-4000-8000-000000000003";
const FILE: &[u8] = b"email\na@example.org\n";

async fn one_organization_does_not_starve_another(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    for _ in 0..50 {
        stack.upload_as(ORGANIZATION, FILE, true, "").await.unwrap();
        // The others come later.
        stack.clock.advance(Duration::from_secs(1));
    }
    for organization in [OTHER, OTHER, THIRD, OTHER] {
        stack.upload_as(organization, FILE, true, "").await.unwrap();
    }
    let jobs = stack.replica(2).await.worker.jobs;
    let mut turns = Vec::new();
    while let Some(job) = jobs.claim().await.unwrap() {
        turns.push(job.lease.organization.to_string());
    }
    assert_eq!(turns.len(), 54);
    // Each organization with work has a turn before another has its second one.
    let first: HashSet<_> = turns[..3].iter().map(String::as_str).collect();
    assert_eq!(first, HashSet::from([ORGANIZATION, OTHER, THIRD]));
    let second: HashSet<_> = turns[3..5].iter().map(String::as_str).collect();
    assert_eq!(second, HashSet::from([ORGANIZATION, OTHER]));
    let third: HashSet<_> = turns[5..7].iter().map(String::as_str).collect();
    assert_eq!(third, HashSet::from([ORGANIZATION, OTHER]));
    assert!(turns[7..].iter().all(|organization| organization == ORGANIZATION));
}

async fn each_import_is_claimed_once(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let mut expected = HashSet::new();
    for n in 0..24 {
        let organization = [ORGANIZATION, OTHER, THIRD][n % 3];
        expected.insert(stack.upload_as(organization, FILE, true, "").await.unwrap().id);
    }
    let jobs = stack.replica(2).await.worker.jobs;
    let workers = (0..4).map(|_| {
        let jobs = jobs.clone();
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            while let Some(job) = jobs.claim().await.unwrap() {
                claimed.push(job.lease.import.to_string());
            }
            claimed
        })
    });
    let workers: Vec<_> = workers.collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), expected.len());
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), expected);
}

/// A long import is interrupted for a short one of another organization, and continues afterwards.
async fn a_turn_ends_where_another_organization_waits(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let long = stack.upload(&super::faults::file(), true).await;
    stack.contacts.state.lock().unwrap().delay_at = Some(2);
    // The only worker.
    let worker = stack.work(3).await;
    stack.contacts.blocked.notified().await;
    let short = stack.upload_as(OTHER, FILE, true, "").await.unwrap();
    stack.clock.advance(Duration::from_secs(16));
    // The long import can't get past this batch before the short one is done.
    stack.contacts.state.lock().unwrap().delay_at = Some(4);
    stack.contacts.resume.notify_one();
    assert_eq!(stack.ended_of(OTHER, &short.id).await.state(), ImportState::Done);
    stack.contacts.resume.notify_one();
    let ended = stack.ended(&long.id).await;
    assert_eq!((ended.state(), ended.processed_count), (ImportState::Done, 9500));
    worker.stop().await;
}
