//! A disk without room: who needs it is told, what was under way waits, says why, and goes on once
//! there is room.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, io::Write, path::PathBuf};

use onethread_tests::{Api, LONG, Options, Reply, Stage, people_csv, until};
use reqwest::Method;
use serde_json::json;

use crate::{
    apart::cluster::Cluster,
    imports::{assert_counts, ended, upload},
    postgres_faults::Postgres,
};

/// A file that takes all room of a disk but some.
struct Ballast(PathBuf);

impl Ballast {
    fn fill(folder: PathBuf, room: u64) -> Self {
        let it = Self(folder.join("ballast"));
        let (mut file, chunk) = (fs::File::create(&it.0).unwrap(), vec![1; 64 * 1024]);
        let full = loop {
            if let Err(error) = file.write_all(&chunk) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(room)).unwrap();
        it
    }

    fn remove(self) {
        fs::remove_file(self.0).unwrap();
    }
}

/// Scans a file of people, and gives where its import is.
async fn scanned(api: &Api, csv: &str) -> String {
    let request = api.request(Method::POST, "/v1/imports?apply=false");
    let request = request.header("content-type", "text/csv").body(csv.to_owned());
    let begun = Reply::of(request).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    until("the scan", LONG, async || {
        (api.get(&path).await.expect(200)["state"] == "ready").then_some(())
    })
    .await;
    path
}

/// Applies it while there is too little room, until it waits for more.
async fn waits(api: &Api, path: &str) {
    api.post(&format!("{path}/apply"), &json!({})).await.expect(200);
    let waiting = until("the import to wait", LONG, async || {
        let import = api.get(path).await.expect(200);
        assert_eq!(import["state"], "running", "{import}");
        import["error"].is_string().then_some(import)
    })
    .await;
    assert!(waiting["error"].as_str().unwrap().contains("disk"), "{waiting}");
    assert!(waiting["processed"].as_u64().unwrap() < PEOPLE as u64, "{waiting}");
    assert_eq!(waiting["finishedAt"], json!(null));
}

/// It goes on, and nothing is missing or there twice.
async fn goes_on(api: &Api, path: &str) {
    let done = until("the end of the import", LONG * 2, async || {
        let import = api.get(path).await.expect(200);
        import["finishedAt"].is_string().then_some(import)
    })
    .await;
    assert_counts(&done, [PEOPLE, 0, 0, 0]);
    let export = api.get("/v1/contacts/export.csv").await;
    assert_eq!(export.text.lines().count(), PEOPLE + 1);
}

const MIB: u64 = 1024 * 1024;
const PEOPLE: usize = 60_000;

/// On SQLite, where databases and uploads share one disk.
#[tokio::test]
async fn an_import_waits_for_room_beside_sqlite_and_goes_on() {
    let stage = Stage::with(Options::default().disk(256)).await;
    let agent = stage.agent().await;
    let csv = people_csv("u", PEOPLE);
    let path = scanned(&agent.api, &csv).await;
    let ballast = Ballast::fill(stage.server.data_dir(), 8 * MIB);
    waits(&agent.api, &path).await;

    // Whoever uploads is told as well, and nothing of that stays.
    let uploads = || {
        let organizations = fs::read_dir(stage.server.data_dir().join("uploads")).unwrap();
        let files = organizations.flatten().filter(|entry| entry.path().is_dir());
        files.map(|entry| fs::read_dir(entry.path()).unwrap().count()).sum::<usize>()
    };
    assert_eq!(uploads(), 1);
    let large = people_csv("v", 150_000);
    let refused = upload(&agent, &large, Some("later")).await;
    let after = refused.header("retry-after").parse::<u64>();
    assert!(after.is_ok_and(|seconds| (1..=60).contains(&seconds)), "{:?}", refused.headers);
    refused.problem(503, "storage-full");
    assert_eq!(uploads(), 1);
    let list = agent.api.get("/v1/imports").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    agent.api.get("/healthz").await.expect(200);

    ballast.remove();
    goes_on(&agent.api, &path).await;
    let again = upload(&agent, &csv, Some("later")).await.expect(202);
    assert_counts(&ended(&agent, again["id"].as_str().unwrap()).await, [0, 0, PEOPLE, 0]);
}

/// On PostgreSQL, whose tables are those of all services.
#[tokio::test]
async fn an_import_waits_for_room_beside_postgres_and_goes_on() {
    let (postgres, disk) = Postgres::on_a_disk(384).await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let api = cluster.agent().await;
    let path = scanned(&api, &people_csv("u", PEOPLE)).await;
    let ballast = Ballast::fill(disk, 8 * MIB);
    waits(&api, &path).await;
    ballast.remove();
    goes_on(&api, &path).await;
    assert!(cluster.all_run(), "a process ended");
}
