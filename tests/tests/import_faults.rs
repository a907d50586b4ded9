//! Imports with disturbances: kills of the worker, of identity or of the database at any row,
//! cancellation, and a file that is one endless line.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{env, fmt::Write, time::Duration};

use futures::stream;
use onethread_tests::{
    Agent, Api, ApiResponse, Events, LONG_TIMEOUT, Random, TestServer, contact_row, resident_mib,
    wait_until,
};
use reqwest::Method;
use serde_json::Value;

use crate::{
    apart::cluster::{Cluster, Service},
    imports::{upload, wait_for_end},
    postgres_faults::Postgres,
};

/// Columns of [`mixed_csv`].
const HEADER: &str = "user_id,email,name,phone,company\n";

/// Returns a file in which every tenth row is rejected, for one of four reasons.
fn mixed_csv(rows: usize) -> String {
    let mut csv = HEADER.to_owned();
    for number in 1..=rows {
        match number % 40 {
            10 => writeln!(csv, "u-{number},no address,N,,").expect("a string takes all"),
            20 => csv.push_str(&contact_row("u", number - 1)),
            30 => writeln!(csv, ",,Nobody {number},,").expect("a string takes all"),
            0 => writeln!(csv, "short-{number}").expect("a string takes all"),
            _ => csv.push_str(&contact_row("u", number)),
        }
    }
    csv
}

/// Number of kills: 10, or `ONETHREAD_KILLS` up to 100.
fn kills() -> usize {
    let kills = env::var("ONETHREAD_KILLS").ok();
    kills.map_or(10, |text| text.parse::<usize>().expect("ONETHREAD_KILLS is a number").min(100))
}

/// Result of an import: its counts, its report, and all contacts.
#[derive(PartialEq)]
struct Outcome {
    counts: Vec<Value>,
    report: String,
    people: Vec<String>,
}

async fn outcome(api: &Api, id: &str) -> Outcome {
    let path = format!("/v1/imports/{id}");
    let import = wait_until("the end of the import", LONG_TIMEOUT * 2, async || {
        // After a kill the services are unavailable for a moment.
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

/// Waits until the import has processed some more rows. False when it has ended.
async fn wait_for_progress(api: &Api, id: &str, random: &Random, rows: usize) -> bool {
    let path = format!("/v1/imports/{id}");
    let processed = |import: &Value| import["processed"].as_u64().unwrap();
    let mut target = None;
    wait_until("the import to get on", LONG_TIMEOUT, async || {
        let reply = api.get(&path).await;
        if reply.status != 200 {
            return None;
        }
        let now = processed(&reply.body);
        let target = *target.get_or_insert_with(|| now + random.below(rows as u64 / 4));
        let over = !reply.body["finishedAt"].is_null();
        (over || now >= target).then_some(!over)
    })
    .await
}

/// The all-in-one is killed and restarted repeatedly.
#[tokio::test]
async fn an_import_killed_at_any_row_ends_the_same_on_sqlite() {
    let (rows, mut left) = (40_000, kills());
    let csv = mixed_csv(rows);
    let calm = TestServer::new().await;
    let agent = calm.log_in_owner().await;
    let begun = upload(&agent, &csv, None).await.expect(202);
    let undisturbed = outcome(&agent.api, begun["id"].as_str().unwrap()).await;
    // An import may end before all kills are done.
    while left > 0 {
        let mut server = TestServer::new().await;
        let agent = server.log_in_owner().await;
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap();
        let mut caught = 0;
        while left > 0 && wait_for_progress(&agent.api, id, &server.random, rows).await {
            server.process.kill().await;
            server.process.restart().await;
            (left, caught) = (left - 1, caught + 1);
        }
        eprintln!("killed {caught} times");
        assert!(caught > 0, "an import of {rows} rows is over before it can be killed");
        assert_same(&outcome(&agent.api, id).await, &undisturbed, rows);
    }
}

/// The worker, identity and the database are killed in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_at_any_row_ends_the_same_on_postgres() {
    let (rows, mut left) = (40_000, kills());
    let csv = mixed_csv(rows);
    let postgres = Postgres::start().await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let random = cluster.random.clone();
    let calm = cluster.log_in_owner().await;
    let undisturbed = outcome(&calm, &begin(&calm, &csv).await).await;
    let mut round = 0;
    while left > 0 {
        // The organization has no contacts yet.
        round += 1;
        let (name, email) = (format!("{round}.example.com"), "owner@example.com");
        let created =
            cluster.create_organization(&name, email, "a long password").await.expect(201);
        let api = cluster.api.with_token(created["apiKey"].as_str().unwrap());
        let id = begin(&api, &csv).await;
        let mut caught = Vec::new();
        while left > 0 && wait_for_progress(&api, &id, &random, rows).await {
            let victim = left % 3;
            match victim {
                0 => {
                    cluster.kill(Service::ContactImport, 0).await;
                    cluster.restart(Service::ContactImport, 0).await;
                }
                1 => {
                    let replica = usize::try_from(random.below(2)).unwrap();
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
    let begun = ApiResponse::send(upload.body(csv.to_owned())).await.expect(202);
    begun["id"].as_str().unwrap().to_owned()
}

/// The counts after a cancellation are final.
#[tokio::test]
async fn a_canceled_import_stops_and_keeps_the_applied_rows() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let csv = mixed_csv(60_000);
    for least in [0, 1] {
        let before = people(&agent).await;
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap();
        let path = format!("/v1/imports/{id}");
        wait_until("progress", LONG_TIMEOUT, async || {
            let import = agent.api.get(&path).await.expect(200);
            (import["processed"].as_i64().unwrap() >= least).then_some(())
        })
        .await;
        let empty = serde_json::json!({});
        let canceled = agent.api.post(&format!("{path}/cancel"), &empty).await.expect(200);
        assert_eq!(canceled["state"], "cancelled", "{canceled}");
        // The stream ends at the latest when no batch is being applied any more.
        let events = agent.api.request(Method::GET, &format!("{path}/events"));
        let last = Events::open(events).await.until_end(LONG_TIMEOUT).await.pop();
        let import = last.expect("its state is in the stream").data;
        let sum = ["created", "updated", "unchanged", "rejected"].map(|name| import[name].as_i64());
        let sum: i64 = sum.iter().flatten().sum();
        assert_eq!(import["processed"].as_i64(), Some(sum), "{import}");
        assert_eq!(import["created"], people(&agent).await - before, "{import}");
        assert_eq!(wait_for_end(&agent, id).await, import);
        agent.api.post(&format!("{path}/cancel"), &empty).await.expect_problem(409, "import-state");
    }
}

async fn people(agent: &Agent) -> usize {
    let export = agent.api.get("/v1/contacts/export.csv").await;
    assert_eq!(export.status, 200);
    export.text.lines().count()
}

/// Returns the size of the file. It is larger in long runs.
fn endless_bytes() -> u64 {
    if env::var("ONETHREAD_KILLS").is_ok() { 1 << 30 } else { 1 << 27 }
}

/// The import fails after the first MiB, and never needs more memory than that.
#[tokio::test]
async fn a_file_of_one_endless_line_fails_in_bounded_memory() {
    /// Limit of the additional memory.
    const MAX_MIB: f64 = 64.0;
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let pid = server.process.pid();
    for start in ["", HEADER] {
        let idle = resident_mib(pid);
        let chunk = vec![b'x'; 1 << 20];
        let rest = (0..endless_bytes() / chunk.len() as u64 - 1).map(move |_| chunk.clone());
        let parts = std::iter::once(start.as_bytes().to_vec()).chain(rest);
        let body = stream::iter(parts.map(Ok::<_, std::io::Error>));
        let request = agent.api.request(Method::POST, "/v1/imports");
        let request = request.header("content-type", "text/csv");
        let over = async {
            let body = reqwest::Body::wrap_stream(body);
            let begun = ApiResponse::send_with_long_timeout(request.body(body)).await.expect(202);
            wait_for_end(&agent, begun["id"].as_str().unwrap()).await
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
        assert!(most - idle < MAX_MIB, "{most} MiB where {idle} MiB were idle");
    }
    assert_eq!(people(&agent).await, 1, "a header alone");
}
