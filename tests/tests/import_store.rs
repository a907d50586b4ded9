//! Storage for uploaded files: the data folder, another folder, a bucket.

use std::fmt::Write as _;

use futures::{StreamExt, stream};
use onethread_tests::{
    Bucket, LONG_TIMEOUT, Options, SHORT_TIMEOUT, TestServer, contact_row, run_to_exit, wait_until,
};
use reqwest::{Body, Method};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::imports::{assert_counts, upload, wait_for_end};

/// Returns a file of at least this size, and the number of its rows.
fn file_of(bytes: usize) -> (String, usize) {
    let mut csv = "user_id,email,name,phone,company,note\n".to_owned();
    let mut people = 0;
    while csv.len() < bytes {
        people += 1;
        let row = contact_row("p", people);
        writeln!(csv, "{},{}", row.trim_end(), "x".repeat(4000)).expect("a string takes all");
    }
    (csv, people)
}

#[tokio::test]
async fn files_are_stored_in_a_bucket_in_parts_and_read_from_there() {
    let bucket = Bucket::new().await;
    let server = TestServer::with(bucket.configure(Options::default(), "some/where")).await;
    let agent = server.log_in_owner().await;
    // The first file is one part, the second has several parts of which the last is short.
    for size in [1, 12 * 1024 * 1024] {
        let (csv, people) = file_of(size);
        let begun = upload(&agent, &csv, None).await.expect(202);
        let id = begun["id"].as_str().unwrap();
        let done = wait_for_end(&agent, id).await;
        assert_eq!(done["state"], "done", "{done}");
        assert_eq!(done["rows"], people, "{done}");
        let objects = bucket.objects().await;
        let (name, stored) = objects.iter().find(|(name, _)| name.ends_with(id)).unwrap();
        assert!(name.starts_with("some/where/"), "{name}");
        assert_eq!(*stored, csv.len());
    }
    assert_eq!(bucket.unfinished_uploads().await, Vec::<String>::new());
    let empty = upload(&agent, "", None).await.expect(202);
    let failed = wait_for_end(&agent, empty["id"].as_str().unwrap()).await;
    assert_eq!(failed["error"], "Line 1: the file is empty.");
    assert!(!server.process.log().contains("canary"), "{}", server.process.log());
}

#[tokio::test]
async fn an_incomplete_upload_leaves_nothing_in_the_bucket() {
    let bucket = Bucket::new().await;
    let server = TestServer::with(bucket.configure(Options::default(), "")).await;
    let agent = server.log_in_owner().await;
    let (csv, _) = file_of(6 * 1024 * 1024);
    let piece = stream::iter([Ok::<_, std::io::Error>(csv)]);
    // The Content-Length is larger than the data that is sent.
    let body = Body::wrap_stream(piece.chain(stream::pending()));
    let request = agent.api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let call = tokio::spawn(request.body(body).send());
    wait_until("the first part", LONG_TIMEOUT, async || {
        (bucket.unfinished_uploads().await.len() == 1).then_some(())
    })
    .await;
    call.abort();
    wait_until("nothing left", LONG_TIMEOUT, async || {
        bucket.unfinished_uploads().await.is_empty().then_some(())
    })
    .await;
    assert_eq!(bucket.objects().await, []);
    assert_eq!(agent.api.get("/v1/imports").await.expect(200)["items"], Value::Array(vec![]));
}

#[tokio::test]
async fn uploads_are_rejected_while_the_bucket_is_unavailable() {
    let bucket = Bucket::new().await;
    let options =
        bucket.configure(Options::default(), "").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let server = TestServer::with(options).await;
    let agent = server.log_in_owner().await;
    let away = upload(&agent, "user_id\n1\n", None).await;
    assert!(!away.header("retry-after").is_empty(), "{:?}", away.headers);
    away.expect_problem(503, "unavailable");
    assert!(!server.process.log().contains("canary"), "{}", server.process.log());
}

#[tokio::test]
async fn files_are_stored_in_the_configured_folder() {
    let folder = TempDir::new().unwrap();
    let url = format!("file://{}/deep", folder.path().display());
    let server = TestServer::with(Options::default().env("ONETHREAD_OBJECT_STORE_URL", url)).await;
    let agent = server.log_in_owner().await;
    let begun = upload(&agent, "user_id\n1\n", None).await.expect(202);
    let id = begun["id"].as_str().unwrap();
    assert_counts(&wait_for_end(&agent, id).await, [1, 0, 0, 0]);
    let organizations: Vec<_> = std::fs::read_dir(folder.path().join("deep")).unwrap().collect();
    let organization = organizations[0].as_ref().unwrap().path();
    assert_eq!(std::fs::read(organization.join(id)).unwrap(), b"user_id\n1\n");
}

#[tokio::test]
async fn an_invalid_storage_url_is_rejected_at_the_start() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--data-dir", data.to_str().unwrap(), "--http-addr", "127.0.0.1:0"];
    for (url, key) in [
        ("ftp://canary@host/folder", ""),
        ("s3://", ""),
        ("file://relative", ""),
        ("file:///proc/nowhere", ""),
        ("s3://uploads", "half-of-a-credential"),
    ] {
        let mut options = Options::default().env("ONETHREAD_OBJECT_STORE_URL", url);
        if !key.is_empty() {
            options = options.env("AWS_ACCESS_KEY_ID", key);
        }
        let refusal = run_to_exit(&arguments, &options).await;
        assert_eq!(refusal.code, Some(64), "{url}: {refusal:?}");
        assert_eq!(refusal.stderr.len(), 1, "{url}: {refusal:?}");
        assert!(!format!("{refusal:?}").contains("half-of"), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_file_over_a_gibibyte_is_rejected_before_it_is_sent() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let address = server.process.address("http");
    let mut call = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/imports HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: text/csv\r\nContent-Length: 1073741825\r\n\r\n",
        agent.api.token()
    );
    call.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(SHORT_TIMEOUT, call.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 413");
}
