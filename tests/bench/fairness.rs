//! Starts of a widget while another organization searches a lot, compared with starts alone.

use std::time::Duration;

use hyper::StatusCode;
use onethread_tests::{ApiResponse, LONG_TIMEOUT, Options, TestServer, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    http::Http,
    load::{Caller, Measurements, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::{Kind, fresh_database},
    widget::{Opener, Writer, log_in},
};

/// Contacts of the organization that searches.
const CONTACTS: usize = 60_000;
const SEARCHES: usize = 24;
const ROUNDS: u32 = 3;

/// Measures both databases.
pub(crate) async fn run(time: Duration) -> Vec<Row> {
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        rows.push(measure(database, time).await);
    }
    rows
}

async fn measure(database: Kind, time: Duration) -> Row {
    let mut options = Options::default();
    if matches!(database, Kind::Postgres) {
        options = options.env("ONETHREAD_DATABASE_URL", fresh_database().await);
    }
    let server = TestServer::with_operator(options).await;
    let other = server.organization("searching.example").await;
    let key = other.bootstrap["apiKey"].as_str().expect("a server key").to_owned();
    import_contacts(&server, &key).await;

    let widget = log_in(&server, 0).await;
    let mut writer = Writer::new(&server, &widget).await;
    for _ in 0..50 {
        writer.write().await;
    }
    let mut opener = vec![Opener::known(&server, 0, &widget).await];
    let (mut alone, mut beside) = (Measurements::default(), Measurements::default());
    run_closed_loop(&mut opener, time / 10, &mut Measurements::default()).await;
    for _ in 0..ROUNDS {
        run_closed_loop(&mut opener, time / ROUNDS, &mut alone).await;
        let searches = start_searches(&server, &key).await;
        run_closed_loop(&mut opener, time / ROUNDS, &mut beside).await;
        searches.iter().for_each(JoinHandle::abort);
    }
    Row {
        what: format!("init beside {SEARCHES} searches, {}, p99", database.name()),
        ours: beside.percentile(99),
        unit: "ms",
        baseline: Some(Baseline { name: "init alone", value: alone.percentile(99) }),
        goal: Goal::AtMost(3.0),
        notes: beside.summary(),
    }
}

async fn import_contacts(server: &TestServer, key: &str) {
    let mut csv = String::from("user_id,name,custom.a\n");
    for n in 0..CONTACTS {
        csv.push_str(&format!("u{n},Name {n},{}{n}\n", "v".repeat(40)));
    }
    let api = server.api.with_token(key);
    let upload = api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let import = ApiResponse::send(upload.body(csv)).await.expect(202);
    let path = format!("/v1/imports/{}", import["id"].as_str().expect("an import has an id"));
    wait_until("the end of the import", LONG_TIMEOUT * 4, async || {
        (api.get(&path).await.expect(200)["state"] == "done").then_some(())
    })
    .await;
}

/// Searches that no index helps, and that find nothing in all contacts.
fn search() -> Value {
    let condition = |value: &str| json!({"field": "custom.a", "operator": "~", "value": value});
    let mut filter = vec![condition(&"v".repeat(30)); 19];
    filter.push(condition("zzz"));
    json!({"filter": filter, "includeVisitors": true})
}

/// Repeats searches from as many connections, until their tasks are aborted.
async fn start_searches(server: &TestServer, key: &str) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let http = Http::connect(server.process.address("http")).await.with_token(key);
        let mut searcher = Searcher { http, body: search().to_string() };
        tasks.push(tokio::spawn(async move {
            loop {
                searcher.call().await;
            }
        }));
    }
    tasks
}

struct Searcher {
    http: Http,
    body: String,
}

impl Caller for Searcher {
    async fn call(&mut self) {
        let (status, answer) = self.http.post("/v1/contacts/search", self.body.clone()).await;
        let is_expected = match status {
            StatusCode::OK => true,
            // As many as wait are allowed, and no more.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                true
            }
            _ => false,
        };
        assert!(is_expected, "{status} {answer:?}");
    }
}
