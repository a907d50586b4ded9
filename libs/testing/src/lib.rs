//! Helpers for the tests of all services: a migrated database for each test, a macro that runs a
//! test on SQLite and PostgreSQL, and a NATS server for a test.

mod nats;
mod postgres;
mod scratch;

use std::future::Future;

use onethread_db::Migrations;

pub use nats::NatsServer;
pub use postgres::{URL_VARIABLE, postgres_url};
pub use scratch::{Engine, ScratchDatabase};

/// Creates two tests of each function, `on_sqlite::…` and `on_postgres::…`. The functions are
/// `async fn(ScratchDatabase)` in the same module. The compiler reports a function that is missing
/// here as dead code.
///
/// ```ignore
/// onethread_testing::on_each_database! {
///     crate::MIGRATIONS: a_written_row_can_be_read, a_repeated_write_changes_nothing
/// }
/// ```
#[macro_export]
macro_rules! on_each_database {
    ($migrations:path: $($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $test() {
                $crate::run($crate::Engine::Sqlite, &$migrations, super::$test);
            })+
        }

        mod on_postgres {
            $(#[test]
            fn $test() {
                $crate::run($crate::Engine::Postgres, &$migrations, super::$test);
            })+
        }
    };
}

/// Runs a test on a new database, which is removed when the test drops it.
///
/// # Panics
///
/// When the test panics, and when the database can't be created.
pub fn run<T: Future<Output = ()>>(
    engine: Engine,
    migrations: &'static Migrations,
    test: impl FnOnce(ScratchDatabase) -> T,
) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { test(ScratchDatabase::new(engine, migrations).await).await });
}
