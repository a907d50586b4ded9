//! An import whose process is killed in the middle ends as if nothing had happened.

use std::fmt::Write;

use onethread_tests::{Agent, LONG, Stage, person_row, until};
use serde_json::Value;

use crate::imports::{ended, rejected_csv, upload};

/// A file in which every tenth row is rejected, in one of four ways.
fn mixed_csv(rows: usize) -> String {
    let mut csv = "user_id,email,name,phone,company\n".to_owned();
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

/// What an import left behind: its counts, its report, and the people.
async fn outcome(agent: &Agent, id: &str) -> (Vec<Value>, String, Vec<String>) {
    let import = ended(agent, id).await;
    assert_eq!(import["state"], "done", "{import}");
    let names = ["rows", "processed", "created", "updated", "unchanged", "rejected"];
    let counts = names.map(|name| import[name].clone()).to_vec();
    let report = rejected_csv(agent, &import).await;
    let contacts = agent.contacts().await;
    let mut people: Vec<_> = contacts
        .iter()
        .map(|c| format!("{} {} {} {}", c["userId"], c["email"], c["name"], c["phone"]))
        .collect();
    people.sort();
    (counts, report, people)
}

#[tokio::test]
async fn an_import_killed_in_the_middle_ends_the_same() {
    let mut rows = 4_000;
    // How fast this machine is decides how large a file can be caught in the middle.
    loop {
        let csv = mixed_csv(rows);
        let mut stage = Stage::new().await;
        let agent = stage.agent().await;
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap().to_owned();
        let mut caught = 0;
        // Killed while scanning or right at the start, then twice later on.
        for part in [0, 1, 2] {
            let least = i64::try_from(rows * part / 3).unwrap();
            let path = format!("/v1/imports/{id}");
            let running = until("progress", LONG, async || {
                let import = agent.api.get(&path).await.expect(200);
                let processed = import["processed"].as_i64().unwrap();
                (processed >= least || import["state"] == "done").then_some(import)
            })
            .await;
            stage.server.kill().await;
            stage.server.restart().await;
            caught += usize::from(running["state"] != "done");
        }
        eprintln!("{caught} of 3 kills caught an import of {rows} rows");
        if caught < 3 {
            assert!(rows < 1_000_000, "an import of {rows} rows is over before it can be killed");
            rows *= 4;
            continue;
        }
        let whole = outcome(&agent, &id).await;
        let undisturbed = Stage::new().await;
        let other = undisturbed.agent().await;
        let begun = upload(&other, &csv, None).await.expect(202);
        let expected = outcome(&other, begun["id"].as_str().unwrap()).await;
        assert_eq!(whole.0, expected.0, "the counts");
        assert!(whole.1 == expected.1, "the reports differ");
        assert!(whole.2 == expected.2, "the people differ");
        let rejected = rows / 10;
        assert_eq!(expected.0[5], rejected, "{:?}", expected.0);
        return;
    }
}

#[tokio::test]
async fn a_cancelled_import_stops_and_keeps_what_was_applied() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let begun = upload(&agent, &mixed_csv(200_000), None).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    agent.api.post(&format!("{path}/cancel"), &serde_json::json!({})).await.expect(200);
    let import = ended(&agent, begun["id"].as_str().unwrap()).await;
    assert_eq!(import["state"], "cancelled", "{import}");
    let sum = ["created", "updated", "unchanged", "rejected"].map(|name| import[name].as_i64());
    let sum: i64 = sum.iter().flatten().sum();
    assert_eq!(import["processed"].as_i64(), Some(sum), "{import}");
    let people = i64::try_from(agent.contacts().await.len()).unwrap();
    assert_eq!(import["created"].as_i64(), Some(people), "the counts are what changed");
}
