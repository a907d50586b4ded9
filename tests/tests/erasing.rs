//! Erasing contacts who are active at the same time.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{fs, path::Path};

use onethread_tests::{
    ApiResponse, LONG_TIMEOUT, Options, TestServer, Widget, run_to_exit, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{databases::on_each_database, imports::import};

async fn erase(server: &TestServer, id: &str) {
    let agent = server.log_in_owner().await;
    let request = agent.api.request(Method::DELETE, &format!("/v1/contacts/{id}"));
    assert_eq!(ApiResponse::send(request).await.status, 204);
}

/// Sends messages until one is rejected.
async fn write_until_rejected(widget: Widget) -> usize {
    for written in 0..10_000 {
        let reply = widget.try_send("still here").await;
        if reply.status != 201 {
            assert!((400..500).contains(&reply.status), "{}", reply.text);
            return written;
        }
    }
    panic!("no message is rejected");
}

/// Checks that nothing of the contact is left, and that later calls don't restore anything.
async fn assert_gone(server: &TestServer, widget: &Widget) {
    let agent = server.log_in_owner().await;
    let id = widget.contact_id();
    wait_until("the thread to be erased", LONG_TIMEOUT, async || {
        let status = agent.api.get(&format!("/v1/conversations/{id}")).await.status;
        (status == 404).then_some(())
    })
    .await;
    for _ in 0..3 {
        let reply = widget.try_send("late").await;
        assert!((400..500).contains(&reply.status), "{}", reply.text);
    }
    for path in [
        format!("/v1/contacts/{id}"),
        format!("/v1/conversations/{id}"),
        format!("/v1/conversations/{id}/messages"),
    ] {
        agent.api.get(&path).await.expect_problem(404, "not-found");
    }
    let first = json!({"clientMessageId": server.random.uuid(), "text": "hello?"});
    let first = agent.api.post(&format!("/v1/contacts/{id}/messages"), &first).await;
    first.expect_problem(404, "not-found");
    assert!(agent.contact(id).await.is_none());
    let everybody = json!({"includeVisitors": true, "limit": 200});
    let everybody = agent.api.post("/v1/contacts/search", &everybody).await.expect(200);
    assert!(everybody["items"].as_array().unwrap().iter().all(|one| one["id"] != id));
    let threads = agent.api.all("/v1/conversations?status=all").await;
    assert!(threads.iter().all(|thread| thread["id"] != id), "{threads:?}");
}

#[tokio::test]
async fn a_visitor_erased_while_writing_does_not_come_back() {
    on_each_database(async |server| {
        let visitor = server.start_session(&json!({})).await;
        let form = json!({"name": "Vera", "email": "vera@example.com"});
        visitor.submit_form(&form).await.expect(200);
        visitor.send("hello").await;
        let writing = tokio::spawn(write_until_rejected(visitor.clone()));
        erase(server, visitor.contact_id()).await;
        writing.await.unwrap();
        assert_gone(server, &visitor).await;
        let new = server.start_session_on(&visitor.device(), &json!({})).await;
        assert_ne!(new.contact_id(), visitor.contact_id());
    })
    .await;
}

#[tokio::test]
async fn a_contact_erased_during_messages_logins_and_an_import_is_gone_or_new() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        for round in 0..3 {
            let user_id = format!("u-{round}");
            let user = json!({"user_id": user_id, "security_hash": "s", "phone": "+49 30 1",
                "custom_data": {"secret": "kept"}});
            let person = server.start_session(&user).await;
            person.send("hello").await;
            let writing = tokio::spawn(write_until_rejected(person.clone()));
            let device = person.device();
            let again = json!({"user_id": user_id, "security_hash": "s"});
            let csv = format!("user_id,name\n{user_id},Imported\n");
            let ((), import, device, elsewhere) = tokio::join!(
                erase(server, person.contact_id()),
                import(&agent, &csv),
                server.init_on(&device, &again),
                server.init(&again),
            );
            writing.await.unwrap();
            assert_eq!((&import["state"], &import["rejected"]), (&json!("done"), &json!(0)));
            for init in [device, elsewhere] {
                assert_eq!(init.status, 200, "{}", init.text);
            }
            assert_gone(server, &person).await;
            // The next login with this user id is a new contact without any earlier data.
            let new = server.start_session(&again).await;
            let contact = &new.start["contact"];
            assert_ne!(new.contact_id(), person.contact_id());
            assert_eq!((&contact["phone"], &contact["customData"]), (&Value::Null, &json!({})));
            assert_eq!(new.start["conversation"]["messages"], json!([]));
            let same = agent.contacts().await;
            let same = same.iter().filter(|one| one["userId"] == user_id.as_str());
            assert_eq!(same.count(), 1);
        }
    })
    .await;
}

/// Part of every text of the erased contact.
const MARK: &str = "Qxzerased";

/// Files of the folder that have the mark, as text of any case or in hexadecimal.
fn files_with_mark(folder: &Path) -> Vec<String> {
    let text = MARK.to_lowercase().into_bytes();
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let has_mark = |bytes: &[u8]| {
        let bytes = bytes.to_ascii_lowercase();
        [text.as_slice(), hex.as_bytes()]
            .iter()
            .any(|mark| bytes.windows(mark.len()).any(|part| part == *mark))
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && fs::read(&path).is_ok_and(|bytes| has_mark(&bytes)) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// Starts a session of a contact of whom every field has the mark.
async fn start_marked_session(server: &TestServer) -> Widget {
    let user = json!({
        "user_id": format!("{MARK}-id"), "security_hash": "s", "name": format!("{MARK} first"),
        "email": format!("{MARK}@mail.example"), "phone": "+49 30 1",
        "company": format!("{MARK} and sons"), "custom_data": {"plan": format!("{MARK} gold")},
    });
    let mut body = server.init_body(&user);
    body["page"] = json!({"url": format!("https://shop.example/{MARK}"), "title": MARK});
    let start = server.api.post("/widget/v1/init", &body).await.expect(200);
    Widget::new(server, start)
}

#[tokio::test]
async fn nothing_of_an_erased_contact_is_left_in_the_files_or_in_a_later_backup() {
    let options = Options::default().env("ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", "allow");
    let mut server = TestServer::with(options).await;
    let owner = server.log_in_owner().await;
    // No server listens there, so deliveries wait.
    let events = ["contact.created", "contact.updated", "message.created"];
    let webhook = json!({"url": "http://127.0.0.1:9/", "events": events});
    owner.api.post("/v1/webhooks", &webhook).await.expect(201);
    let erased = start_marked_session(&server).await;
    let mut others = Vec::new();
    for n in 0..4 {
        let user = json!({"user_id": format!("other-{n}"), "name": format!("Other {n}")});
        others.push(server.start_session(&user).await);
    }
    // Their messages share pages of the file with those of the others, and make it rearrange them.
    for n in 0..40 {
        erased.send(&format!("{MARK} {n} {}", "x".repeat(n * 37 % 700))).await;
        for other in &others {
            other.send(&format!("another {n} {}", "y".repeat(n * 53 % 900))).await;
        }
        let name = json!({"name": format!("{MARK} name {n}"), "custom_data": {
            "plan": format!("{MARK} plan {n} {}", "z".repeat(n * 17 % 500))}});
        erased.api.patch("/widget/v1/contact", &name).await.expect(200);
    }
    let id = erased.contact_id();
    owner.reply(id, &format!("{MARK} answer")).await;
    let event = json!({"name": "bought", "data": {"item": MARK}});
    erased.api.post("/widget/v1/track", &event).await.expect(204);
    let tags = json!({"tags": [MARK]});
    owner.api.patch(&format!("/v1/contacts/{id}"), &tags).await.expect(200);
    let data_dir = server.process.data_dir();
    let before = files_with_mark(&data_dir);
    for file in ["identity.db", "conversation.db"] {
        let is_there = before.iter().any(|name| name.starts_with(file));
        assert!(is_there, "the test does not find what is there: {before:?}");
    }

    erase(&server, id).await;
    wait_until("files without the contact", LONG_TIMEOUT, async || {
        files_with_mark(&data_dir).is_empty().then_some(())
    })
    .await;
    for other in &others {
        assert_eq!(other.messages().await.len(), 40);
    }
    let found = owner.api.post("/v1/contacts/search", &json!({"q": "Other"})).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 4);
    server.process.terminate(LONG_TIMEOUT).await;
    server.process.restart().await;
    assert_eq!(files_with_mark(&data_dir), [""; 0]);
    let backups = tempfile::tempdir().unwrap();
    let (data, file) = (data_dir.to_str().unwrap(), backups.path().join("backup.tar"));
    let arguments = ["backup", "--data-dir", data, file.to_str().unwrap()];
    let backup = run_to_exit(&arguments, &Options::default()).await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    assert_eq!(files_with_mark(backups.path()), [""; 0]);
}
