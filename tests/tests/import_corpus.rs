//! The corpus of `fixtures/csv`. Each file is imported into a new organization; the import, its
//! report and the contacts must match the JSON file next to it. A second import changes nothing.

use std::{fs, path::PathBuf};

use futures::{StreamExt, stream};
use onethread_tests::{
    Api, ApiResponse, LONG_TIMEOUT, Options, PostgresDatabase, TestServer, wait_until,
};
use reqwest::Method;
use serde_json::{Map, Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/csv");
/// Number of files that are imported concurrently.
const CONCURRENT_FILES: usize = 2;

#[tokio::test]
async fn each_file_has_the_expected_result_on_sqlite() {
    load_all(&start_server(Options::default()).await).await;
}

#[tokio::test]
async fn each_file_has_the_expected_result_on_postgres() {
    let database = PostgresDatabase::new().await;
    let server =
        start_server(Options::default().env("ONETHREAD_DATABASE_URL", database.url())).await;
    load_all(&server).await;
}

/// Starts a server for many organizations.
pub(crate) async fn start_server(options: Options) -> TestServer {
    TestServer::with_operator(options.env("ONETHREAD_RATE_LIMITS", "off")).await
}

/// Creates an organization, and returns a client with its API key.
pub(crate) async fn organization(server: &TestServer, domain: &str) -> Api {
    server.organization(domain).await.with_api_key()
}

async fn load_all(server: &TestServer) {
    let cases: Vec<_> = fs::read_dir(FOLDER)
        .expect("the corpus is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    assert!(cases.len() > 40, "only {} files", cases.len());
    let wrong: Vec<_> = stream::iter(cases)
        .map(|case| load(server, case))
        .buffer_unordered(CONCURRENT_FILES)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} files are read otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

/// Imports the file of a case, and returns a description of what differs from the expectation.
async fn load(server: &TestServer, case: PathBuf) -> Option<String> {
    let name = case.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read(&case).expect("a case can be read");
    let wanted: Value = serde_json::from_slice(&text).expect("a case is JSON");
    let file = file(&case, &wanted);
    let api = organization(server, &format!("{name}.example.com")).await;
    for contact in wanted["before"].as_array().into_iter().flatten() {
        let status = api.post("/v1/contacts", contact).await.status;
        assert_eq!(status, 201, "{name}");
    }
    let before = contacts(&api).await;

    let mut wrong = Vec::new();
    let mut differs = |what: &str, got: &Value, wanted: &Value| {
        if got != wanted {
            wrong.push(format!("{name}: {what}\n  is     {got}\n  wanted {wanted}"));
        }
    };
    let import = load_once(&api, &file, &wanted).await;
    for (field, value) in wanted["import"].as_object().expect("a case has the expected import") {
        differs(field, &import[field], value);
    }
    let after = contacts(&api).await;
    differs("contacts", &json!(after), &json!(sorted(wanted["contacts"].as_array())));
    if let Value::String(report) = &wanted["report"] {
        differs("report", &json!(rejected(&api, &import).await), &json!(report));
    }

    // The counts must be right even if the case doesn't name them.
    let count = |import: &Value, field: &str| import[field].as_u64().unwrap_or_default();
    let done = import["state"] == "done";
    let sum: u64 =
        ["created", "updated", "unchanged", "rejected"].map(|f| count(&import, f)).iter().sum();
    differs("processed", &import["processed"], &json!(sum));
    if done {
        differs("rows", &import["rows"], &json!(sum));
    }
    let grown = (after.len() - before.len()) as u64;
    differs("created, as the contacts say", &json!(grown), &import["created"]);
    let kept = |contact: &&Value| before.contains(contact);
    let changed = (before.len() - after.iter().filter(kept).count()) as u64;
    differs("updated, as the contacts say", &json!(changed), &import["updated"]);

    // A second import changes nothing.
    let again = load_once(&api, &file, &wanted).await;
    differs("state again", &again["state"], &import["state"]);
    differs("rejected again", &again["rejected"], &import["rejected"]);
    if done {
        differs("unchanged again", &again["unchanged"], &json!(sum - count(&import, "rejected")));
    }
    differs("contacts again", &json!(contacts(&api).await), &json!(after));
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

/// Returns the file of a case, or generates a long one from its description.
fn file(case: &std::path::Path, wanted: &Value) -> Vec<u8> {
    let Some(made) = wanted["made"].as_object() else {
        return fs::read(case.with_extension("csv")).expect("each case has its file");
    };
    let text = |part: &str| made[part].as_str().expect("a text");
    let times = usize::try_from(made["times"].as_u64().expect("a number")).expect("no more");
    [text("head"), &text("repeat").repeat(times), text("tail")].concat().into_bytes()
}

async fn load_once(api: &Api, file: &[u8], wanted: &Value) -> Value {
    let choose = &wanted["choose"];
    let path = if choose.is_null() { "/v1/imports" } else { "/v1/imports?apply=false" };
    let begun = upload(api, path, file).await.expect(202);
    if !choose.is_null() {
        wait_for_state(api, &begun, &["ready"]).await;
        let path = format!("/v1/imports/{}/apply", begun["id"].as_str().expect("an id"));
        api.post(&path, &json!({"mapping": choose})).await.expect(200);
    }
    wait_for_state(api, &begun, &["done", "failed"]).await
}

pub(crate) async fn upload(api: &Api, path: &str, file: &[u8]) -> ApiResponse {
    let request = api.request(Method::POST, path).header("content-type", "text/csv");
    ApiResponse::send(request.body(file.to_vec())).await
}

/// Waits until the import is in one of these states.
pub(crate) async fn wait_for_state(api: &Api, import: &Value, states: &[&str]) -> Value {
    let path = format!("/v1/imports/{}", import["id"].as_str().expect("an id"));
    wait_until("the import", LONG_TIMEOUT, async || {
        let import = api.get(&path).await.expect(200);
        states.iter().any(|state| import["state"] == *state).then_some(import)
    })
    .await
}

/// Returns the report of rejected rows.
pub(crate) async fn rejected(api: &Api, import: &Value) -> String {
    let path = format!("/v1/imports/{}/rejected.csv", import["id"].as_str().expect("an id"));
    let reply = api.get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}

/// Returns all contacts, with those of their fields that a file can contain.
pub(crate) async fn contacts(api: &Api) -> Vec<Value> {
    let found: Vec<_> = api.all("/v1/contacts").await.iter().map(shown).collect();
    sorted(Some(&found))
}

fn shown(contact: &Value) -> Value {
    let mut shown = Map::new();
    for field in ["userId", "email", "name", "phone", "company", "tags", "customData"] {
        let value = &contact[field];
        let nothing = value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        let generated = field == "name" && contact["nameGenerated"] == true;
        if !nothing && !generated {
            shown.insert(field.to_owned(), value.clone());
        }
    }
    Value::Object(shown)
}

fn sorted(contacts: Option<&Vec<Value>>) -> Vec<Value> {
    let mut all: Vec<Value> = contacts.into_iter().flatten().cloned().collect();
    all.sort_by_key(Value::to_string);
    all
}
