//! From a send on one device to the event on another one's stream, beside one round trip through
//! a gateway to a gRPC service, both at the same pace.

use std::time::Duration;

use crate::{
    echo::EchoProcess,
    http::Events,
    load::{Caller, Seen, pace},
    report::{Goal, Row, Yardstick},
    server::{Kind, stage},
    widget::{Writer, connect, known},
};

const PER_SECOND: u32 = 500;
const PEOPLE: usize = 50;
const ROUNDS: u32 = 3;

/// A person with two devices: one writes, the other one listens.
struct Pair {
    writer: Writer,
    events: Events,
}

impl Caller for Pair {
    async fn call(&mut self) {
        let id = self.writer.next_id();
        let text = id.to_string();
        futures::join!(self.writer.write_as(id), self.events.until(&text));
    }
}

/// On both databases.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let stage = stage(database).await;
        let mut pairs = Vec::new();
        for number in 0..PEOPLE {
            let writer = Writer::new(&stage, &known(&stage, number).await).await;
            let listener = known(&stage, number).await;
            let events =
                connect(&stage, &listener).await.events("/widget/v1/events?afterSeq=0").await;
            pairs.push(Pair { writer, events });
        }
        let mut echoes = echo.callers(PEOPLE).await;
        let (mut ours, mut theirs) = (Seen::default(), Seen::default());
        pace(&mut pairs, PER_SECOND, Duration::from_secs(1), &mut Seen::default()).await;
        for _ in 0..ROUNDS {
            pace(&mut echoes, PER_SECOND, time / ROUNDS, &mut theirs).await;
            pace(&mut pairs, PER_SECOND, time / ROUNDS, &mut ours).await;
        }
        let what = |part| format!("device to device at 500 sends/s, {}, {part}", database.name());
        rows.push(Row {
            what: what("p50"),
            ours: ours.percentile(50),
            unit: "ms",
            yardstick: Some(Yardstick {
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
            yardstick: None,
            goal: Goal::Below(25.0),
            notes: format!("the round trip's p99 {:.2} ms", theirs.percentile(99)),
        });
    }
    rows
}
