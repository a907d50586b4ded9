//! What tests of several services need: a migrated database of their own, on SQLite and on
//! PostgreSQL, one way to run a test on both, and a NATS of a test's own.

mod nats;
mod postgres;
mod scratch;

use std::future::Future;

use onethread_db::Migrations;

pub use nats::NatsServer;
pub use postgres::{URL_VARIABLE, postgres_url};
pub use scratch::{Engine, ScratchDatabase};

/// Makes two tests of each of the functions named, `on_sqlite::…` and `on_postgres::…`. They are
/// `async fn(ScratchDatabase)` in the same module; a function that is forgotten here is dead code.
///
/// ```ignore
/// onethread_testing::on_each_database! {
///     crate::MIGRATIONS: what_is_written_can_be_read, a_repeat_changes_nothing
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

/// Runs one test on a fresh database, which goes when the test drops it.
///
/// # Panics
///
/// When the test does, and when there is no such database.
pub fn run<T: Future<Output = ()>>(
    engine: Engine,
    migrations: &'static Migrations,
    test: impl FnOnce(ScratchDatabase) -> T,
) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { test(ScratchDatabase::new(engine, migrations).await).await });
}
