//! Memory of the idle all-in-one, and the time that it needs to start.

use std::time::Duration;

use onethread_tests::{LONG_TIMEOUT, Onethread, Options, resident_mib};

use crate::{
    load::median,
    report::{Goal, Row},
};

const STARTS: usize = 5;

/// Measures SQLite, as with `cargo run`.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let (mut first, mut again, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut server = Onethread::start(Options::default()).await;
        first.push(server.startup_time().as_secs_f64());
        // Memory of the start has been released by then.
        tokio::time::sleep(time / 3).await;
        idle.push(resident_mib(server.pid()));
        assert!(server.terminate(LONG_TIMEOUT).await.success());
        server.restart().await;
        again.push(server.startup_time().as_secs_f64());
        assert!(server.terminate(LONG_TIMEOUT).await.success());
    }
    let row = |what: &str, ours: f64, unit, most| Row {
        what: what.to_owned(),
        ours,
        unit,
        baseline: None,
        goal: Goal::Below(most),
        notes: String::new(),
    };
    vec![
        row("serves after its first start", median(&first), "s", 0.5),
        row("serves after a start", median(&again), "s", 0.5),
        row("memory when idle", median(&idle), "MiB", 40.0),
    ]
}
