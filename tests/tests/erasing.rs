//! Erasing contacts who are active at the same time.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use onethread_tests::{ApiResponse, LONG_TIMEOUT, TestServer, Widget, wait_until};
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
