//! The corpus of `fixtures/csv`: each file is uploaded to an organization of its own, and the
//! import, its report and the contacts are what the JSON beside the file says. Loaded again, no
//! file changes anything.

use std::{fs, path::PathBuf};

use futures::{StreamExt, stream};
use onethread_tests::{Api, LONG, Options, PostgresDatabase, Reply, Stage, until};
use reqwest::Method;
use serde_json::{Map, Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/csv");
/// Files under way at once.
const AT_ONCE: usize = 2;

#[tokio::test]
async fn each_file_is_read_as_it_says_on_sqlite() {
    load_all(&stage(Options::default()).await).await;
}

#[tokio::test]
async fn each_file_is_read_as_it_says_on_postgres() {
    let database = PostgresDatabase::new().await;
    let stage = stage(Options::default().env("ONETHREAD_DATABASE_URL", database.url())).await;
    load_all(&stage).await;
}

/// A server for many organizations.
pub(crate) async fn stage(options: Options) -> Stage {
    Stage::with_operator(options.env("ONETHREAD_RATE_LIMITS", "off")).await
}

/// A new organization, spoken to as a company's server does.
pub(crate) async fn organization(stage: &Stage, domain: &str) -> Api {
    stage.organization(domain).await.company()
}

async fn load_all(stage: &Stage) {
    let cases: Vec<_> = fs::read_dir(FOLDER)
        .expect("the corpus is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    assert!(cases.len() > 40, "only {} files", cases.len());
    let wrong: Vec<_> = stream::iter(cases)
        .map(|case| load(stage, case))
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} files are read otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

/// Says what is otherwise than the case says.
async fn load(stage: &Stage, case: PathBuf) -> Option<String> {
    let name = case.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read(&case).expect("a case can be read");
    let wanted: Value = serde_json::from_slice(&text).expect("a case is JSON");
    let file = file(&case, &wanted);
    let api = organization(stage, &format!("{name}.example.com")).await;
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
    for (field, value) in wanted["import"].as_object().expect("a case says what comes of it") {
        differs(field, &import[field], value);
    }
    let after = contacts(&api).await;
    differs("contacts", &json!(after), &json!(sorted(wanted["contacts"].as_array())));
    if let Value::String(report) = &wanted["report"] {
        differs("report", &json!(rejected(&api, &import).await), &json!(report));
    }

    // What the counts say is what happened, whatever the case says.
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

    // The same file again changes nothing.
    let again = load_once(&api, &file, &wanted).await;
    differs("state again", &again["state"], &import["state"]);
    differs("rejected again", &again["rejected"], &import["rejected"]);
    if done {
        differs("unchanged again", &again["unchanged"], &json!(sum - count(&import, "rejected")));
    }
    differs("contacts again", &json!(contacts(&api).await), &json!(after));
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

/// The file beside the case, or one that the case describes since it is long.
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
        settled(api, &begun, &["ready"]).await;
        let path = format!("/v1/imports/{}/apply", begun["id"].as_str().expect("an id"));
        api.post(&path, &json!({"mapping": choose})).await.expect(200);
    }
    settled(api, &begun, &["done", "failed"]).await
}

pub(crate) async fn upload(api: &Api, path: &str, file: &[u8]) -> Reply {
    let request = api.request(Method::POST, path).header("content-type", "text/csv");
    Reply::of(request.body(file.to_vec())).await
}

/// The import, once it stands at one of these.
pub(crate) async fn settled(api: &Api, import: &Value, states: &[&str]) -> Value {
    let path = format!("/v1/imports/{}", import["id"].as_str().expect("an id"));
    until("the import", LONG, async || {
        let import = api.get(&path).await.expect(200);
        states.iter().any(|state| import["state"] == *state).then_some(import)
    })
    .await
}

/// The report.
pub(crate) async fn rejected(api: &Api, import: &Value) -> String {
    let path = format!("/v1/imports/{}/rejected.csv", import["id"].as_str().expect("an id"));
    let reply = api.get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}

/// All of Contacts, each with what a file can say of somebody, as far as it is there.
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
