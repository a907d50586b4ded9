//! What goes through the gateway with 64 callers, beside a gateway that hands an echo on.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::future::join_all;
use onethread_tests::row_counts;

use crate::{
    echo::EchoProcess,
    load::{Caller, Seen, crowd},
    report::{Goal, Row, Yardstick},
    server::{Kind, stage},
    widget::{Opener, Writer, known},
};

const CALLERS: usize = 64;
/// How often each side of a comparison has its turn.
const ROUNDS: u32 = 3;

async fn beside<C: Caller>(
    echo: &EchoProcess,
    mut callers: Vec<C>,
    what: String,
    least: f64,
    time: Duration,
) -> Row {
    let mut echoes = echo.callers(CALLERS).await;
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    crowd(&mut callers, time / 10, &mut Seen::default()).await;
    for _ in 0..ROUNDS {
        crowd(&mut echoes, time / ROUNDS, &mut theirs).await;
        crowd(&mut callers, time / ROUNDS, &mut ours).await;
    }
    Row {
        what,
        ours: ours.per_second(),
        unit: "/s",
        yardstick: Some(Yardstick { name: "gateway → gRPC echo", value: theirs.per_second() }),
        goal: Goal::AtLeast(least),
        notes: ours.words(),
    }
}

/// Messages, each caller into a conversation of its own.
pub(crate) async fn sends(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let stage = stage(database).await;
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            callers.push(Writer::new(&stage, &known(&stage, number).await).await);
        }
        let what = format!("sends through the gateway, {}", database.name());
        rows.push(beside(&echo, callers, what, 0.5, time).await);
    }
    rows
}

/// Starts of the widget: of people with fifty messages, and of visitors, who leave no row.
pub(crate) async fn inits(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let stage = stage(database).await;
        let opener = async |number| {
            let widget = known(&stage, number).await;
            let mut writer = Writer::new(&stage, &widget).await;
            for _ in 0..50 {
                writer.write().await;
            }
            Opener::known(&stage, number, &widget).await
        };
        let callers = join_all((0..CALLERS).map(opener)).await;
        let what = format!("init of a known user with 50 messages, {}", database.name());
        rows.push(beside(&echo, callers, what, 0.25, time).await);

        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(Opener::visitor(&stage).await);
        }
        let data_dir = stage.server.data_dir();
        let before = row_counts_of(database, &data_dir).await;
        let what = format!("init of a visitor, {}", database.name());
        rows.push(beside(&echo, callers, what, 0.7, time).await);
        assert_eq!(row_counts_of(database, &data_dir).await, before, "a visitor leaves no row");
    }
    rows
}

/// Rows of each table, where the files can be read.
async fn row_counts_of(database: Kind, data_dir: &Path) -> Option<BTreeMap<String, i64>> {
    match database {
        Kind::Sqlite => Some(row_counts(data_dir).await),
        Kind::Postgres => None,
    }
}
