//! Calls through the gateway with 64 callers, compared with a gateway of an echo service.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::future::join_all;
use onethread_tests::row_counts;

use crate::{
    echo::EchoProcess,
    load::{Caller, Measurements, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::{Kind, start_server},
    widget::{Opener, Writer, log_in},
};

const CALLERS: usize = 64;
/// How often each side of a comparison is measured.
const ROUNDS: u32 = 3;

async fn compare<C: Caller>(
    echo: &EchoProcess,
    mut callers: Vec<C>,
    what: String,
    least: f64,
    time: Duration,
) -> Row {
    let mut echoes = echo.callers(CALLERS).await;
    let (mut ours, mut theirs) = (Measurements::default(), Measurements::default());
    run_closed_loop(&mut callers, time / 10, &mut Measurements::default()).await;
    for _ in 0..ROUNDS {
        run_closed_loop(&mut echoes, time / ROUNDS, &mut theirs).await;
        run_closed_loop(&mut callers, time / ROUNDS, &mut ours).await;
    }
    Row {
        what,
        ours: ours.per_second(),
        unit: "/s",
        baseline: Some(Baseline { name: "gateway → gRPC echo", value: theirs.per_second() }),
        goal: Goal::AtLeast(least),
        notes: ours.summary(),
    }
}

/// Messages. Each caller writes to its own conversation.
pub(crate) async fn sends(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let server = start_server(database).await;
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            callers.push(Writer::new(&server, &log_in(&server, number).await).await);
        }
        let what = format!("sends through the gateway, {}", database.name());
        rows.push(compare(&echo, callers, what, 0.5, time).await);
    }
    rows
}

/// Starts of the widget: by contacts with fifty messages, and by visitors, who write no row.
pub(crate) async fn inits(time: Duration) -> Vec<Row> {
    let echo = EchoProcess::start().await;
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let server = start_server(database).await;
        let opener = async |number| {
            let widget = log_in(&server, number).await;
            let mut writer = Writer::new(&server, &widget).await;
            for _ in 0..50 {
                writer.write().await;
            }
            Opener::known(&server, number, &widget).await
        };
        let callers = join_all((0..CALLERS).map(opener)).await;
        let what = format!("init of a known user with 50 messages, {}", database.name());
        rows.push(compare(&echo, callers, what, 0.25, time).await);

        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(Opener::visitor(&server).await);
        }
        let data_dir = server.process.data_dir();
        let before = row_counts_of(database, &data_dir).await;
        let what = format!("init of a visitor, {}", database.name());
        rows.push(compare(&echo, callers, what, 0.7, time).await);
        assert_eq!(row_counts_of(database, &data_dir).await, before, "a visitor leaves no row");
    }
    rows
}

/// Returns the rows of each table, if the database is a file.
async fn row_counts_of(database: Kind, data_dir: &Path) -> Option<BTreeMap<String, i64>> {
    match database {
        Kind::Sqlite => Some(row_counts(data_dir).await),
        Kind::Postgres => None,
    }
}
