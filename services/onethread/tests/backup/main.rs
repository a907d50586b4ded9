//! Backups of a running server, and what is found after a restore.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod refusals;
mod server;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use server::{LONG, Server, ended, onethread};
use tempfile::TempDir;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

/// People who write at the same time.
const PEOPLE: usize = 8;
/// Rows of the import that is under way meanwhile.
const ROWS: usize = 20_000;

/// Somebody who writes, and the numbers and texts that were acknowledged.
struct Person {
    token: String,
    said: Mutex<Vec<(i64, String)>>,
}

/// Half of the people are known by a user id, half are visitors.
async fn people(server: &Server) -> Vec<Person> {
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        let user = if n % 2 == 0 { json!({"user_id": format!("writer-{n}")}) } else { json!({}) };
        let session = server.init(user).await;
        let token = session["session"]["token"].as_str().unwrap().to_owned();
        if n % 2 == 1 {
            let fields = json!({"fields": {"name": format!("Visitor {n}"), "email": format!("v{n}@example.com")}});
            server.post(&token, "/widget/v1/pre-chat", &fields).await.expect("the form is taken");
        }
        people.push(Person { token, said: Mutex::default() });
    }
    people
}

/// Writes until it is told to stop.
async fn write(server: &Server, person: &Person, who: usize, stop: &AtomicBool) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("{who} says {n}");
        let id = uuid::Uuid::from_u128((who as u128) << 64 | n);
        let body = json!({"clientMessageId": id, "text": text});
        let stored = server.post(&person.token, "/widget/v1/messages", &body).await;
        let seq = stored.expect("a send is answered")["seq"].as_i64().unwrap();
        person.said.lock().await.push((seq, text));
    }
}

/// Keeps somebody new coming in, whose first message makes them a contact by the outbox.
async fn arrive(server: &Server, arrived: &Mutex<Vec<String>>, stop: &AtomicBool) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let session = server.init(json!({})).await;
        let token = session["session"]["token"].as_str().unwrap();
        let fields = json!({"fields": {"name": "New", "email": format!("new{n}@example.com")}});
        server.post(token, "/widget/v1/pre-chat", &fields).await.expect("the form is taken");
        let body = json!({"clientMessageId": uuid::Uuid::from_u128(n), "text": "Hello"});
        server.post(token, "/widget/v1/messages", &body).await.expect("a send is answered");
        arrived.lock().await.push(token.to_owned());
    }
}

async fn backup(server: &Server, file: &Path) {
    let data = server.data.to_str().unwrap();
    let command = onethread(&["backup", "--data-dir", data, file.to_str().unwrap()]);
    let (status, lines) = ended(command).await;
    assert_eq!(status, Some(0), "{lines:?}");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

async fn restore(file: &Path, data: &Path) {
    let command =
        onethread(&["restore", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    let (status, lines) = ended(command).await;
    assert_eq!(status, Some(0), "{lines:?}");
    let names = fs::read_dir(data).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "uploads");
    names.sort();
    let all = ["bootstrap.json", "contact_import.db", "conversation.db", "identity.db", "lock"];
    assert_eq!(names, [&all[..], &["server-keys.json"]].concat());
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < LONG, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Gapless from 1, each acknowledged message where it was acknowledged, nothing nobody sent.
async fn check(server: &Server, person: &Person, before: usize) {
    let thread = server.thread(&person.token).await;
    let seqs: Vec<_> = thread.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=thread.len() as i64).collect::<Vec<_>>());
    let said = person.said.lock().await;
    assert!(thread.len() >= before, "{} of {before} acknowledged before", thread.len());
    for (message, (seq, text)) in thread.iter().zip(said.iter()) {
        assert_eq!((&message["seq"], &message["text"]), (&json!(seq), &json!(text)));
    }
}

fn rows(import: &Value) -> i64 {
    ["created", "updated", "unchanged", "rejected"]
        .map(|n| import[n].as_i64().unwrap())
        .iter()
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_to_a_state_that_was() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder.path().join("data")).await;
    let people = people(&server).await;
    let (stop, arrived) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let csv: String = (0..ROWS).map(|n| format!("row-{n},Imported {n}\n")).collect();
    let file = |n: usize| folder.path().join(format!("backup-{n}.tar"));

    // What was acknowledged before each backup began: by each writer, and of new people.
    let mut before = Vec::new();
    let mut import = String::new();
    let writers = people.iter().enumerate().map(|(n, it)| write(&server, it, n, &stop));
    let take_backups = async {
        import =
            server.upload(format!("user_id,name\n{csv}")).await["id"].as_str().unwrap().to_owned();
        for n in 0..3 {
            until("all of them get on", async || {
                for person in &people {
                    if person.said.lock().await.len() < (n + 1) * 10 {
                        return None;
                    }
                }
                (arrived.lock().await.len() > n * 3).then_some(())
            })
            .await;
            let mut said = Vec::new();
            for person in &people {
                said.push(person.said.lock().await.len());
            }
            before.push((said, arrived.lock().await.len()));
            backup(&server, &file(n)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(
        futures::future::join_all(writers),
        arrive(&server, &arrived, &stop),
        take_backups
    );
    server.kill().await;

    let arrived = arrived.into_inner();
    for (n, (said, new)) in before.iter().enumerate() {
        let data = folder.path().join(format!("restored-{n}"));
        restore(&file(n), &data).await;
        let server = Server::start(&data).await;
        for (person, before) in people.iter().zip(said) {
            check(&server, person, *before).await;
        }
        // The import goes on where it was, and nobody is created twice.
        let path = format!("/v1/imports/{import}");
        let import = until("the import ends", async || {
            let import = server.get(server.api_key(), &path).await;
            (import["state"] == "done").then_some(import)
        })
        .await;
        assert_eq!((rows(&import), &import["created"]), (ROWS as i64, &json!(ROWS)));
        // Visitors who filled in the form and wrote are in Contacts, and so is the contact of each
        // conversation.
        until("all enter Contacts", async || {
            let contacts = server.contacts().await;
            let with = |source: &str| contacts.iter().filter(|c| c["source"] == source).count();
            assert!(with("import") <= ROWS);
            let entered = with("import") == ROWS && with("pre-chat") >= PEOPLE / 2 + new;
            entered.then_some(())
        })
        .await;
        for token in &arrived[..*new] {
            assert_eq!(server.thread(token).await.len(), 1);
        }
        // Life goes on under the number that is next.
        let next = server.thread(&people[0].token).await.len() as i64 + 1;
        let body = json!({"clientMessageId": uuid::Uuid::from_u128(u128::MAX), "text": "Back"});
        let sent = server.post(&people[0].token, "/widget/v1/messages", &body).await;
        assert_eq!(sent.expect("a send is answered")["seq"], next);
        server.kill().await;
    }
}

#[tokio::test]
async fn a_backup_of_a_server_that_is_down_or_was_killed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data).await;
    let session = server.init(json!({"user_id": "somebody"})).await;
    let token = session["session"]["token"].as_str().unwrap().to_owned();
    let body = json!({"clientMessageId": uuid::Uuid::from_u128(1), "text": "Hello"});
    server.post(&token, "/widget/v1/messages", &body).await.unwrap();
    server.kill().await;

    let file = folder.path().join("backup.tar");
    let (status, lines) =
        ended(onethread(&["backup", "--data-dir", data.to_str().unwrap(), file.to_str().unwrap()]))
            .await;
    assert_eq!(status, Some(0), "{lines:?}");
    // Nothing is left beside it.
    let hidden = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!hidden.into_iter().any(|name| name.to_str().unwrap().starts_with('.')));

    // A folder with a lock alone is empty.
    let restored = folder.path().join("restored");
    fs::create_dir(&restored).unwrap();
    fs::write(restored.join("lock"), "").unwrap();
    restore(&file, &restored).await;
    for name in ["identity.db", "server-keys.json", "bootstrap.json"] {
        let mode = fs::metadata(restored.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let server = Server::start(&restored).await;
    assert_eq!(server.thread(&token).await[0]["text"], "Hello");
}
