//! Files in and out.

use std::time::Duration;

use onethread_proto::contactimport::RejectedRow;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::{Gateway, id, json, problem};

#[tokio::test]
async fn a_file_is_streamed_from_a_body_and_from_a_form() {
    let gateway = Gateway::start().await;
    let file = "email\n".repeat(1_000_000);
    let upload = gateway.post("/v1/imports?apply=false", "key").header("content-type", "text/csv");
    let upload = upload.header("idempotency-key", "k1");
    json(upload.body(file.clone()), 202).await;
    let part = Part::text(file.clone()).file_name("people.csv");
    let form = Form::new().text("note", "first").part("file", part);
    let import = json(gateway.post("/v1/imports", "agent").multipart(form), 202).await;
    assert_eq!(import["fileName"], "people.csv");

    let uploads = gateway.world.uploads.lock().unwrap();
    let received: Vec<_> =
        uploads.iter().map(|(h, n)| (h.apply, h.request_id.as_str(), *n)).collect();
    assert_eq!(received, [(false, "k1", file.len()), (true, "", file.len())]);
}

#[tokio::test]
async fn an_upload_without_a_file_is_rejected() {
    let gateway = Gateway::start().await;
    let upload = |path| gateway.post(path, "agent");
    problem(upload("/v1/imports").body("x"), 415, "unsupported-media-type").await;
    let form = Form::new().text("other", "x");
    let missing = problem(upload("/v1/imports").multipart(form), 400, "invalid-argument").await;
    assert_eq!(missing["errors"][0]["pointer"], "/file");
    let csv = upload("/v1/imports?apply=maybe").header("content-type", "text/csv");
    problem(csv.body("x"), 400, "invalid-argument").await;
    assert!(gateway.world.uploads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_not_imported() {
    let gateway = Gateway::start().await;
    for head in ["content-length: 100000", "transfer-encoding: chunked"] {
        let mut socket = TcpStream::connect(gateway.address).await.unwrap();
        let request = format!(
            "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent\r\n\
             content-type: text/csv\r\n{head}\r\n\r\n5\r\nemail\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        // Until the gateway has dealt with it.
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok());
    }
    assert!(gateway.world.uploads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_is_too_long_is_rejected_by_its_length() {
    let gateway = Gateway::start().await;
    let mut socket = TcpStream::connect(gateway.address).await.unwrap();
    let request = "POST /v1/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent\r\n\
                   content-type: text/csv\r\ncontent-length: 1073741825\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(Duration::from_secs(5), socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn rejected_rows_are_a_file() {
    let gateway = Gateway::start().await;
    let row = |line| RejectedRow {
        line,
        column: "email".to_owned(),
        reason: "is not an email".to_owned(),
        cells: vec!["x".to_owned(), "\"A, B\"".to_owned()],
    };
    *gateway.world.rejected.lock().unwrap() = (2..=121).map(row).collect();
    let path = format!("/v1/imports/{}/rejected.csv", id(7));
    let answer = gateway.get(&path, "agent").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let text = answer.text().await.unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("email,name,rejected_line,rejected_column,rejected_reason"));
    assert_eq!(lines.next(), Some("x,\"\"\"A, B\"\"\",2,email,is not an email"));
    assert_eq!(lines.count(), 119);
}

#[tokio::test]
async fn an_import_is_watched_to_its_end() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow(&format!("/v1/imports/{}/events", id(7)), "agent").await;
    let mut states = Vec::new();
    while let Some((name, _, import)) = events.next().await {
        assert_eq!(name, "import");
        states.push(import["state"].clone());
    }
    assert_eq!(states, ["running", "done"]);
    let other = format!("/v1/imports/{}/events", id(8));
    problem(gateway.get(&other, "agent"), 404, "not-found").await;
    let apply = format!("/v1/imports/{}/apply", id(7));
    problem(gateway.call(Method::POST, &apply).bearer_auth("agent"), 409, "import-state").await;
}
