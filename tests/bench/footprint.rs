//! What the all-in-one takes when nobody asks it anything, and how soon it serves.

use std::time::Duration;

use onethread_tests::{LONG, Onethread, Options, resident_mib};

use crate::{
    load::median,
    report::{Goal, Row},
};

const STARTS: usize = 5;

/// On SQLite, as `cargo run` starts it.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let (mut first, mut again, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut server = Onethread::start(Options::default()).await;
        first.push(server.served_after().as_secs_f64());
        // What a start leaves lying about has gone by then.
        tokio::time::sleep(time / 3).await;
        idle.push(resident_mib(server.pid()));
        assert!(server.terminate(LONG).await.success());
        server.restart().await;
        again.push(server.served_after().as_secs_f64());
        assert!(server.terminate(LONG).await.success());
    }
    let row = |what: &str, ours: f64, unit, most| Row {
        what: what.to_owned(),
        ours,
        unit,
        yardstick: None,
        goal: Goal::Below(most),
        notes: String::new(),
    };
    vec![
        row("serves after its first start", median(&first), "s", 0.5),
        row("serves after a start", median(&again), "s", 0.5),
        row("memory when idle", median(&idle), "MiB", 40.0),
    ]
}
