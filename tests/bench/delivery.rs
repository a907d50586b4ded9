//! The time from a message of one device to its event on another device's stream, compared with a
//! round trip through a gateway to a gRPC service, both at the same rate.

use std::time::Duration;

use crate::{
    echo::EchoProcess,
    http::Events,
    load::{Caller, Measurements, run_at_rate},
    report::{Baseline, Goal, Row},
    server::{Kind, start_server},
    widget::{Writer, connect, log_in},
};

const CALLS_PER_SECOND: u32 = 500;
const CONTACTS: usize = 50;
const ROUNDS: u32 = 3;

/// A contact with two devices: one writes, the other one listens.
struct Pair {
    writer: Writer,
    events: Events,
}

impl Caller for Pair {
    async fn call(&mut self) {
        let id = self.writer.next_id();
        let text = id.to_string();
        futures::join!(self.writer.write_as(id), self.events.wait_for(&text));
    }
}

/// Measures both databases.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let server = start_server(database).await;
        let mut pairs = Vec::new();
        for number in 0..CONTACTS {
            let writer = Writer::new(&server, &log_in(&server, number).await).await;
            let listener = log_in(&server, number).await;
            let events =
                connect(&server, &listener).await.events("/widget/v1/events?afterSeq=0").await;
            pairs.push(Pair { writer, events });
        }
        let mut echoes = echo.callers(CONTACTS).await;
        let (mut ours, mut theirs) = (Measurements::default(), Measurements::default());
        run_at_rate(
            &mut pairs,
            CALLS_PER_SECOND,
            Duration::from_secs(1),
            &mut Measurements::default(),
        )
        .await;
        for _ in 0..ROUNDS {
            run_at_rate(&mut echoes, CALLS_PER_SECOND, time / ROUNDS, &mut theirs).await;
            run_at_rate(&mut pairs, CALLS_PER_SECOND, time / ROUNDS, &mut ours).await;
        }
        let what = |part| format!("device to device at 500 sends/s, {}, {part}", database.name());
        rows.push(Row {
            what: what("p50"),
            ours: ours.percentile(50),
            unit: "ms",
            baseline: Some(Baseline {
                name: "one gateway → gRPC round trip",
                value: theirs.percentile(50),
            }),
            goal: Goal::AtMost(3.0),
            notes: String::new(),
        });
        rows.push(Row {
            what: what("p99"),
            ours: ours.percentile(99),
            unit: "ms",
            baseline: None,
            goal: Goal::Below(25.0),
            notes: format!("the round trip's p99 {:.2} ms", theirs.percentile(99)),
        });
    }
    rows
}
