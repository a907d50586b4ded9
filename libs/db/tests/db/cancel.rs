//! Callers that stop waiting.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use futures::{StreamExt, future::join_all, stream};
use onethread_core::{Entropy, SeededEntropy, SystemEntropy};
use onethread_db::Database;
use onethread_testing::{Engine, ScratchDatabase};
use tokio::time::timeout;

use crate::calls::{echo, stored, write};

onethread_testing::on_each_database! {
    crate::MIGRATIONS: ten_thousand_canceled_calls_leave_no_transaction_open
}

const CALLS: i64 = 10_000;

/// Returns a random number below `bound`.
fn random(entropy: &dyn Entropy, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}

/// Counts open transactions of this database that run no statement.
async fn idle_in_transaction(scratch: &ScratchDatabase, watcher: &Database) -> i64 {
    let Some(schema) = scratch.schema().map(str::to_owned) else { return 0 };
    let mut conn = watcher.reader("parts.watch").await.unwrap();
    let count = conn.query(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = $1 AND state LIKE 'idle in transaction%'",
    );
    count.bind(schema).scalar().await.unwrap()
}

async fn ten_thousand_canceled_calls_leave_no_transaction_open(scratch: ScratchDatabase) {
    let seed = random(&SystemEntropy, u64::MAX);
    println!("seed {seed}");
    let entropy = SeededEntropy::new(seed);
    let db = &scratch.db;
    // Opens all connections first, since that takes longer than the callers below wait.
    join_all((0..64).map(|number| echo(db, number))).await;
    let (answered, abandoned) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));

    // More than the database has connections for writers, so that some calls wait for one.
    let concurrent = if scratch.engine() == Engine::Sqlite { 4 } else { 24 };
    let calls: Vec<_> =
        (0..CALLS).map(|n| (n, Duration::from_micros(random(&entropy, 5000)))).collect();
    stream::iter(calls)
        .for_each_concurrent(concurrent, async |(number, call_timeout)| {
            if number % 2 == 0 {
                // Another number would be the unread result of a canceled call.
                if let Ok(result) = timeout(call_timeout, echo(db, number)).await {
                    assert_eq!(result.unwrap(), number);
                }
            } else {
                let numbers = match timeout(call_timeout, write(db, number)).await {
                    Ok(result) => result.map(|()| &answered).unwrap(),
                    Err(_) => &abandoned,
                };
                numbers.lock().unwrap().insert(number);
            }
        })
        .await;

    // Open transactions are rolled back in the background.
    let watcher = scratch.reconnect().await;
    let all_closed = async {
        while idle_in_transaction(&scratch, &watcher).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), all_closed).await.expect("no transaction is left open");

    // More calls than there are connections, so that every connection is used.
    let after = (CALLS..CALLS + 64).map(|number| async move {
        write(db, number).await.unwrap();
        assert_eq!(echo(db, number).await.unwrap(), number);
    });
    join_all(after).await;
    assert_eq!(idle_in_transaction(&scratch, &watcher).await, 0);

    let (answered, abandoned) = (answered.into_inner().unwrap(), abandoned.into_inner().unwrap());
    let stored = stored(&watcher).await;
    assert!(stored.iter().all(|(_, parts)| *parts == 2), "a write was cut in half");
    let stored: BTreeSet<_> = stored.into_iter().map(|(number, _)| number).collect();
    assert!(answered.is_subset(&stored));
    let finished = abandoned.intersection(&stored).count();
    println!(
        "{} answered, {} abandoned, {finished} of them committed",
        answered.len(),
        abandoned.len()
    );
    // The timeouts hit every stage of a write.
    assert!(finished > 0 && finished < abandoned.len() && !answered.is_empty());
}
