//! Migrations by processes that start at the same time.

use futures::future::join_all;
use onethread_testing::{Engine, ScratchDatabase, run};

use crate::{MIGRATIONS, calls};

#[test]
fn eight_processes_can_migrate_an_empty_database_at_the_same_time() {
    run(Engine::Postgres, &MIGRATIONS, async |_| {
        for _ in 0..8 {
            let scratch = ScratchDatabase::empty(Engine::Postgres, &MIGRATIONS).await;
            let processes = join_all((0..8).map(|_| scratch.reconnect())).await;
            let results = join_all(processes.iter().map(|db| db.migrate(&MIGRATIONS))).await;
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            calls::write(&processes[7], 1).await.unwrap();
            assert_eq!(calls::stored(&processes[0]).await, [(1, 2)]);
        }
    });
}
