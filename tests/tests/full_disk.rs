//! A full disk: calls that need it are rejected, and running imports wait, report the cause, and
//! continue when there is space again.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, io::Write, path::PathBuf};

use onethread_tests::{
    Api, ApiResponse, LONG_TIMEOUT, Options, TestServer, contacts_csv, wait_until,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    apart::cluster::Cluster,
    imports::{assert_counts, upload, wait_for_end},
    postgres_faults::Postgres,
};

/// A file that fills a disk except for some free space.
struct Filler(PathBuf);

impl Filler {
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

/// Uploads a file, waits for its scan, and returns the path of the import.
async fn scanned(api: &Api, csv: &str) -> String {
    let request = api.request(Method::POST, "/v1/imports?apply=false");
    let request = request.header("content-type", "text/csv").body(csv.to_owned());
    let begun = ApiResponse::send(request).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    wait_until("the scan", LONG_TIMEOUT, async || {
        (api.get(&path).await.expect(200)["state"] == "ready").then_some(())
    })
    .await;
    path
}

/// Applies the import on the full disk, and waits until it reports that.
async fn apply_until_it_waits(api: &Api, path: &str) {
    api.post(&format!("{path}/apply"), &json!({})).await.expect(200);
    let waiting = wait_until("the import to wait", LONG_TIMEOUT, async || {
        let import = api.get(path).await.expect(200);
        assert_eq!(import["state"], "running", "{import}");
        import["error"].is_string().then_some(import)
    })
    .await;
    assert!(waiting["error"].as_str().unwrap().contains("disk"), "{waiting}");
    assert!(waiting["processed"].as_u64().unwrap() < ROWS as u64, "{waiting}");
    assert_eq!(waiting["finishedAt"], json!(null));
}

/// Waits for the end of the import, and checks that no contact is missing or duplicated.
async fn finish(api: &Api, path: &str) {
    let done = wait_until("the end of the import", LONG_TIMEOUT * 2, async || {
        let import = api.get(path).await.expect(200);
        import["finishedAt"].is_string().then_some(import)
    })
    .await;
    assert_counts(&done, [ROWS, 0, 0, 0]);
    let export = api.get("/v1/contacts/export.csv").await;
    assert_eq!(export.text.lines().count(), ROWS + 1);
}

const MIB: u64 = 1024 * 1024;
const ROWS: usize = 60_000;

/// On SQLite, databases and uploads share one disk.
#[tokio::test]
async fn an_import_waits_for_disk_space_on_sqlite() {
    let server = TestServer::with(Options::default().disk(256)).await;
    let agent = server.log_in_owner().await;
    let csv = contacts_csv("u", ROWS);
    let path = scanned(&agent.api, &csv).await;
    let ballast = Filler::fill(server.process.data_dir(), 8 * MIB);
    apply_until_it_waits(&agent.api, &path).await;

    // Uploads are rejected as well, and leave nothing behind.
    let uploads = || {
        let organizations = fs::read_dir(server.process.data_dir().join("uploads")).unwrap();
        let files = organizations.flatten().filter(|entry| entry.path().is_dir());
        files.map(|entry| fs::read_dir(entry.path()).unwrap().count()).sum::<usize>()
    };
    assert_eq!(uploads(), 1);
    let large = contacts_csv("v", 150_000);
    let refused = upload(&agent, &large, Some("later")).await;
    let after = refused.header("retry-after").parse::<u64>();
    assert!(after.is_ok_and(|seconds| (1..=60).contains(&seconds)), "{:?}", refused.headers);
    refused.expect_problem(503, "storage-full");
    assert_eq!(uploads(), 1);
    let list = agent.api.get("/v1/imports").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    agent.api.get("/healthz").await.expect(200);

    ballast.remove();
    finish(&agent.api, &path).await;
    let again = upload(&agent, &csv, Some("later")).await.expect(202);
    assert_counts(&wait_for_end(&agent, again["id"].as_str().unwrap()).await, [0, 0, ROWS, 0]);
}

/// On PostgreSQL, all services share the server and its disk.
#[tokio::test]
async fn an_import_waits_for_disk_space_on_postgres() {
    let (postgres, disk) = Postgres::with_disk(384).await;
    let mut cluster = Cluster::on(&postgres.url).await;
    let api = cluster.log_in_owner().await;
    let path = scanned(&api, &contacts_csv("u", ROWS)).await;
    let ballast = Filler::fill(disk, 8 * MIB);
    apply_until_it_waits(&api, &path).await;
    ballast.remove();
    finish(&api, &path).await;
    assert!(cluster.all_run(), "a process ended");
}
