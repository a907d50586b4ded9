//! Callers that go away.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use futures::{StreamExt, future::join_all, stream};
use onethread_core::{Entropy, SeededEntropy, SystemEntropy};
use onethread_db::Database;
use onethread_testing::{Engine, ScratchDatabase};
use tokio::time::timeout;

use crate::calls::{echo, stored, write};

onethread_testing::on_each_database! {
    crate::MIGRATIONS: ten_thousand_cancelled_calls_leave_no_transaction_open
}

const CALLS: i64 = 10_000;

fn below(entropy: &dyn Entropy, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}

/// Transactions of this database that stand open while nothing is being done in them.
async fn idle_in_transaction(scratch: &ScratchDatabase, watcher: &Database) -> i64 {
    let Some(schema) = scratch.schema().map(str::to_owned) else { return 0 };
    let mut conn = watcher.reader("parts.watch").await.unwrap();
    let count = conn.query(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = $1 AND state LIKE 'idle in transaction%'",
    );
    count.bind(schema).scalar().await.unwrap()
}

async fn ten_thousand_cancelled_calls_leave_no_transaction_open(scratch: ScratchDatabase) {
    let seed = below(&SystemEntropy, u64::MAX);
    println!("seed {seed}");
    let entropy = SeededEntropy::new(seed);
    let db = &scratch.db;
    // Opening a connection takes longer than these callers wait.
    join_all((0..64).map(|number| echo(db, number))).await;
    let (answered, abandoned) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));

    // As many as the database has connections for writers, and some to wait in line.
    let at_once = if scratch.engine() == Engine::Sqlite { 4 } else { 24 };
    let calls: Vec<_> =
        (0..CALLS).map(|n| (n, Duration::from_micros(below(&entropy, 5000)))).collect();
    stream::iter(calls)
        .for_each_concurrent(at_once, async |(number, patience)| {
            if number % 2 == 0 {
                // An answer of somebody else's question would be an old one left on the line.
                if let Ok(answer) = timeout(patience, echo(db, number)).await {
                    assert_eq!(answer.unwrap(), number);
                }
            } else {
                let of = match timeout(patience, write(db, number)).await {
                    Ok(done) => done.map(|()| &answered).unwrap(),
                    Err(_) => &abandoned,
                };
                of.lock().unwrap().insert(number);
            }
        })
        .await;

    // What was under way ends by itself.
    let watcher = scratch.reconnect().await;
    let quiet = async {
        while idle_in_transaction(&scratch, &watcher).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), quiet).await.expect("a transaction was left open");

    // More than there are connections, so that each of them is met.
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
        "{} answered, {} abandoned, of which {finished} were carried out",
        answered.len(),
        abandoned.len()
    );
    // The pauses hit every stage: before the work, in it, behind it.
    assert!(finished > 0 && finished < abandoned.len() && !answered.is_empty());
}
