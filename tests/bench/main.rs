//! Benchmarks of the built binaries: `tests/bench/run`. Each one measures ours beside a yardstick,
//! in turns and on the same machine, so that the ratio means something elsewhere too.
//!
//! Another one: a module with `pub(crate) async fn run(time: Duration) -> Vec<Row>`, and a line in
//! [`start`]. `time` is about how long each side of a comparison is measured.

mod apart;
mod cpu;
mod delivery;
mod echo;
mod footprint;
mod gateway;
mod growth;
mod growth_contacts;
mod http;
mod idle;
mod imports;
mod load;
mod report;
mod sends;
mod server;
mod widget;

use std::{path::PathBuf, time::Duration};

use report::{Report, Row};
use tokio::{
    task::{JoinHandle, LocalSet, spawn_local},
    time::timeout,
};

/// Their names, in the order in which they run.
const NAMES: [&str; 12] = [
    "sends-postgres",
    "sends-sqlite",
    "gateway-sends",
    "inits",
    "delivery",
    "thread-growth",
    "contacts-growth-postgres",
    "contacts-growth-sqlite",
    "footprint",
    "idle-streams",
    "imports-postgres",
    "imports-sqlite",
];

/// The longest that one may take, whatever it gets stuck in.
const LONGEST: Duration = Duration::from_secs(600);

/// Starts the one of this name. In a task of its own, so that one that panics ends no other.
fn start(name: &str, time: Duration) -> JoinHandle<Vec<Row>> {
    match name {
        "sends-postgres" => spawn_local(sends::postgres(time)),
        "sends-sqlite" => spawn_local(sends::sqlite(time)),
        "gateway-sends" => spawn_local(gateway::sends(time)),
        "inits" => spawn_local(gateway::inits(time)),
        "delivery" => spawn_local(delivery::run(time)),
        "thread-growth" => spawn_local(growth::thread(time)),
        "contacts-growth-postgres" => spawn_local(growth_contacts::postgres(time)),
        "contacts-growth-sqlite" => spawn_local(growth_contacts::sqlite(time)),
        "imports-postgres" => spawn_local(imports::postgres(time)),
        "imports-sqlite" => spawn_local(imports::sqlite(time)),
        "footprint" => spawn_local(footprint::run(time)),
        "idle-streams" => spawn_local(idle::run(time)),
        _ => unreachable!("a name of the list"),
    }
}

#[tokio::main]
async fn main() {
    let (mut seconds, mut out, mut names) = (9, PathBuf::from("target/bench"), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // The yardstick's process; not for people.
            "serve-echo" => return echo::serve().await,
            "--list" => return NAMES.iter().for_each(|name| println!("{name}")),
            "--seconds" => {
                let value = arguments.next().and_then(|value| value.parse().ok());
                seconds = value.filter(|n| *n > 0).unwrap_or_else(|| usage());
            }
            "--out" => out = arguments.next().unwrap_or_else(|| usage()).into(),
            name if NAMES.contains(&name) => names.push(name.to_owned()),
            _ => usage(),
        }
    }
    let time = Duration::from_secs(seconds);
    let mut report = Report::new(out);
    for name in NAMES.into_iter().filter(|name| names.is_empty() || names.iter().any(|n| n == name))
    {
        eprintln!("{name} …");
        // What it gets stuck in ends with the set; so do the processes it started.
        let set = LocalSet::new();
        let rows = set.run_until(timeout(LONGEST, async { start(name, time).await })).await;
        drop(set);
        report.add(name, rows.ok().and_then(Result::ok));
    }
    std::process::exit(report.end());
}

fn usage() -> ! {
    eprintln!(
        "usage: tests/bench/run [--seconds <n>] [--out <folder>] [--list] [{}…]",
        NAMES.join("|")
    );
    std::process::exit(64)
}
