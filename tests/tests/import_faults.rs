//! Imports that are disturbed end as if nothing had happened: whoever works on one, keeps its contacts
//! or stores either is killed at any row; somebody stops it; its file is one endless line.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{env, fmt::Write, time::Duration};

use futures::stream;
use onethread_tests::{
    Agent, Api, Chance, Events, LONG, Reply, Stage, person_row, resident_mib, until,
};
use reqwest::Method;
use serde_json::Value;

use crate::{
    apart::cluster::{Cluster, Service},
    imports::{ended, upload},
    postgres_faults::Postgres,
};

/// Columns of [`mixed_csv`].
const HEADER: &str = "user_id,email,name,phone,company\n";

/// A file in which every tenth row is rejected, in one of four ways.
fn mixed_csv(rows: usize) -> String {
    let mut csv = HEADER.to_owned();
    for number in 1..=rows {
        match number % 40 {
            10 => writeln!(csv, "u-{number},no address,N,,").expect("a string takes all"),
            20 => csv.push_str(&person_row("u", number - 1)),
            30 => writeln!(csv, ",,Nobody {number},,").expect("a string takes all"),
            0 => writeln!(csv, "short-{number}").expect("a string takes all"),
            _ => csv.push_str(&person_row("u", number)),
        }
    }
    csv
}

/// How often a test kills something: 10 times, in long runs as often as they say, to 100.
fn kills() -> usize {
    let said = env::var("ONETHREAD_KILLS").ok();
    said.map_or(10, |text| text.parse::<usize>().expect("ONETHREAD_KILLS is a number").min(100))
}

/// What an import left behind: its counts, its report, and all people.
#[derive(PartialEq)]
struct Outcome {
    counts: Vec<Value>,
    report: String,
    people: Vec<String>,
}

async fn outcome(api: &Api, id: &str) -> Outcome {
    let path = format!("/v1/imports/{id}");
    let import = until("the end of the import", LONG * 2, async || {
        // Whatever it takes is away for a moment after a kill.
        let reply = api.get(&path).await;
        (reply.status == 200 && !reply.body["finishedAt"].is_null()).then_some(reply.body)
    })
    .await;
    assert_eq!(import["state"], "done", "{import}");
    let names = ["rows", "processed", "created", "updated", "unchanged", "rejected", "error"];
    let counts = names.map(|name| import[name].clone()).to_vec();
    let report = api.get(&format!("{path}/rejected.csv")).await;
    let people = api.get("/v1/contacts/export.csv").await;
    assert_eq!((report.status, people.status), (200, 200));
    let mut people: Vec<_> = people.text.lines().map(str::to_owned).collect();
    people.sort();
    Outcome { counts, report: report.text, people }
}

#[track_caller]
fn assert_same(disturbed: &Outcome, undisturbed: &Outcome, rows: usize) {
    assert_eq!(disturbed.counts, undisturbed.counts);
    assert_eq!((&disturbed.counts[0], &disturbed.counts[5]), (&rows.into(), &(rows / 10).into()));
    assert!(disturbed.report == undisturbed.report, "the reports differ");
    assert!(disturbed.people == undisturbed.people, "the people differ");
}

/// Waits until the import has got some rows further than it was; false when it has ended.
async fn further(api: &Api, id: &str, chance: &Chance, rows: usize) -> bool {
    let path = format!("/v1/imports/{id}");
    let processed = |import: &Value| import["processed"].as_u64().unwrap();
    let mut target = None;
    until("the import to get on", LONG, async || {
        let reply = api.get(&path).await;
        if reply.status != 200 {
            return None;
        }
        let now = processed(&reply.body);
        let target = *target.get_or_insert_with(|| now + chance.below(rows as u64 / 4));
        let over = !reply.body["finishedAt"].is_null();
        (over || now >= target).then_some(!over)
    })
    .await
}

/// Killed as a whole, again and again, and started again.
#[tokio::test]
async fn an_import_killed_at_any_row_ends_the_same_on_sqlite() {
    let (rows, mut left) = (40_000, kills());
    let csv = mixed_csv(rows);
    let calm = Stage::new().await;
    let agent = calm.agent().await;
    let begun = upload(&agent, &csv, None).await.expect(202);
    let undisturbed = outcome(&agent.api, begun["id"].as_str().unwrap()).await;
    // One file may be over before all kills have come.
    while left > 0 {
        let mut stage = Stage::new().await;
        let agent = stage.agent().await;
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap();
        let mut caught = 0;
        while left > 0 && further(&agent.api, id, &stage.chance, rows).await {
            stage.server.kill().await;
            stage.server.restart().await;
            (left, caught) = (left - 1, caught + 1);
        }
        eprintln!("killed {caught} times");
        assert!(caught > 0, "an import of {rows} rows is over before it can be killed");
        assert_same(&outcome(&agent.api, id).await, &undisturbed, rows);
    }
}

/// Each in its turn: who works on it, who keeps its contacts, and the database of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_at_any_row_ends_the_same_on_postgres() {
    let (rows, mut left) = (40_000, kills());
    let csv = mixed_csv(rows);
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let chance = cluster.chance.clone();
    let calm = cluster.agent().await;
    let undisturbed = outcome(&calm, &begin(&calm, &csv).await).await;
    let mut round = 0;
    while left > 0 {
        // Nobody is known there.
        round += 1;
        let (name, email) = (format!("{round}.example.com"), "owner@example.com");
        let made = cluster.make(&name, email, "a long password").await.expect(201);
        let api = cluster.api.with_token(made["apiKey"].as_str().unwrap());
        let id = begin(&api, &csv).await;
        let mut caught = Vec::new();
        while left > 0 && further(&api, &id, &chance, rows).await {
            let victim = left % 3;
            match victim {
                0 => {
                    cluster.kill(Service::ContactImport, 0).await;
                    cluster.restart(Service::ContactImport, 0).await;
                }
                1 => {
                    let replica = usize::try_from(chance.below(2)).unwrap();
                    cluster.kill(Service::Identity, replica).await;
                    cluster.restart(Service::Identity, replica).await;
                }
                _ => postgres.restart().await,
            }
            left -= 1;
            caught.push(["contact-import", "identity", "database"][victim]);
        }
        eprintln!("killed: {}", caught.join(", "));
        assert!(!caught.is_empty(), "an import of {rows} rows is over before it can be killed");
        assert_same(&outcome(&api, &id).await, &undisturbed, rows);
    }
    assert!(cluster.all_run(), "a process ended by itself");
}

async fn begin(api: &Api, csv: &str) -> String {
    let upload = api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let begun = Reply::of(upload.body(csv.to_owned())).await.expect(202);
    begun["id"].as_str().unwrap().to_owned()
}

/// What it says is what is there, at once.
#[tokio::test]
async fn a_cancelled_import_stops_and_keeps_what_was_applied() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let csv = mixed_csv(60_000);
    for least in [0, 1] {
        let before = people(&agent).await;
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap();
        let path = format!("/v1/imports/{id}");
        until("progress", LONG, async || {
            let import = agent.api.get(&path).await.expect(200);
            (import["processed"].as_i64().unwrap() >= least).then_some(())
        })
        .await;
        let empty = serde_json::json!({});
        let cancelled = agent.api.post(&format!("{path}/cancel"), &empty).await.expect(200);
        assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
        // The stream ends when nothing is under way any more, at the latest.
        let events = agent.api.request(Method::GET, &format!("{path}/events"));
        let last = Events::open(events).await.until_end(LONG).await.pop();
        let import = last.expect("its state is told").data;
        let sum = ["created", "updated", "unchanged", "rejected"].map(|name| import[name].as_i64());
        let sum: i64 = sum.iter().flatten().sum();
        assert_eq!(import["processed"].as_i64(), Some(sum), "{import}");
        assert_eq!(import["created"], people(&agent).await - before, "{import}");
        assert_eq!(ended(&agent, id).await, import);
        agent.api.post(&format!("{path}/cancel"), &empty).await.problem(409, "import-state");
    }
}

async fn people(agent: &Agent) -> usize {
    let export = agent.api.get("/v1/contacts/export.csv").await;
    assert_eq!(export.status, 200);
    export.text.lines().count()
}

/// The file's bytes; all of it in long runs, where it is not the build's speed that is measured.
fn endless() -> u64 {
    if env::var("ONETHREAD_KILLS").is_ok() { 1 << 30 } else { 1 << 27 }
}

/// It is refused for its first mebibyte, and no more of it than that is ever held.
#[tokio::test]
async fn a_file_of_one_endless_line_fails_in_bounded_memory() {
    /// MiB beyond those of a server that does nothing.
    const MOST: f64 = 64.0;
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let pid = stage.server.pid();
    for start in ["", HEADER] {
        let idle = resident_mib(pid);
        let chunk = vec![b'x'; 1 << 20];
        let rest = (0..endless() / chunk.len() as u64 - 1).map(move |_| chunk.clone());
        let parts = std::iter::once(start.as_bytes().to_vec()).chain(rest);
        let body = stream::iter(parts.map(Ok::<_, std::io::Error>));
        let request = agent.api.request(Method::POST, "/v1/imports");
        let request = request.header("content-type", "text/csv");
        let over = async {
            let body = reqwest::Body::wrap_stream(body);
            let begun = Reply::patiently(request.body(body)).await.expect(202);
            ended(&agent, begun["id"].as_str().unwrap()).await
        };
        let mut over = std::pin::pin!(over);
        let mut most = idle;
        let import = loop {
            tokio::select! {
                import = &mut over => break import,
                () = tokio::time::sleep(Duration::from_millis(10)) => {
                    most = most.max(resident_mib(pid));
                }
            }
        };
        eprintln!("{:.1} MiB above idle", most - idle);
        assert_eq!((&import["state"], &import["processed"]), (&"failed".into(), &0.into()));
        let error = import["error"].as_str().unwrap();
        let line = if start.is_empty() { "Line 1" } else { "Line 2" };
        assert!(error.starts_with(line) && error.contains("1 MiB"), "{error}");
        assert!(most - idle < MOST, "{most} MiB where {idle} MiB were idle");
    }
    assert_eq!(people(&agent).await, 1, "a header alone");
}
