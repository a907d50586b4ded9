//! Benchmarks of the built binaries: `tests/bench/run`.

mod report;
mod sends;
mod server;

use std::{path::PathBuf, time::Duration};

use report::Row;

const NAMES: [&str; 2] = ["sends-postgres", "sends-sqlite"];

#[tokio::main]
async fn main() {
    let (mut seconds, mut out, mut names) = (8, PathBuf::from("target/bench"), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => {
                let value = arguments.next().and_then(|value| value.parse().ok());
                seconds = value.filter(|n| *n > 0).unwrap_or_else(|| usage());
            }
            "--out" => out = arguments.next().unwrap_or_else(|| usage()).into(),
            name if NAMES.contains(&name) => names.push(name.to_owned()),
            _ => usage(),
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let time = Duration::from_secs(seconds);
    let mut rows: Vec<Row> = Vec::new();
    if wanted(NAMES[0]) {
        rows.extend(sends::postgres(time).await);
    }
    if wanted(NAMES[1]) {
        rows.extend(sends::sqlite(time).await);
    }
    report::print(&rows);
    report::write(&rows, &out);
}

fn usage() -> ! {
    eprintln!("usage: tests/bench/run [--seconds <n>] [--out <folder>] [{}…]", NAMES.join("|"));
    std::process::exit(64)
}
