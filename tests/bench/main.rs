//! Benchmarks of the built binaries: `tests/bench/run`. Each one compares our services with a
//! baseline, alternating on the same machine, so that the ratio is meaningful on other machines too.
//!
//! To add one, write a module with `pub(crate) async fn run(time: Duration) -> Vec<Row>` and add a
//! line to [`start`]. `time` is the time for each side of a comparison.

mod apart;
mod collector;
mod cpu;
mod delivery;
mod echo;
mod fairness;
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

/// Names of the benchmarks, in their order.
const NAMES: [&str; 13] = [
    "sends-postgres",
    "sends-sqlite",
    "gateway-sends",
    "inits",
    "delivery",
    "fairness",
    "thread-growth",
    "contacts-growth-postgres",
    "contacts-growth-sqlite",
    "footprint",
    "idle-streams",
    "imports-postgres",
    "imports-sqlite",
];

/// How long one benchmark may take.
const BENCHMARK_TIMEOUT: Duration = Duration::from_secs(600);

/// Starts the benchmark with this name in a task, so that a panic ends no other benchmark.
fn start(name: &str, time: Duration) -> JoinHandle<Vec<Row>> {
    match name {
        "sends-postgres" => spawn_local(sends::postgres(time)),
        "sends-sqlite" => spawn_local(sends::sqlite(time)),
        "gateway-sends" => spawn_local(gateway::sends(time)),
        "inits" => spawn_local(gateway::inits(time)),
        "delivery" => spawn_local(delivery::run(time)),
        "fairness" => spawn_local(fairness::run(time)),
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
            // Internal: the process of the baseline.
            "serve-echo" => return echo::serve().await,
            "serve-collector" => return collector::serve().await,
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
        // Dropping the set aborts the benchmark and kills its processes.
        let set = LocalSet::new();
        let rows =
            set.run_until(timeout(BENCHMARK_TIMEOUT, async { start(name, time).await })).await;
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
