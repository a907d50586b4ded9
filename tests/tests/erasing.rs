//! Erasing somebody who speaks at that very moment.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use onethread_tests::{LONG, Reply, Stage, Widget, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{databases::on_each_database, imports::import};

async fn erase(stage: &Stage, id: &str) {
    let agent = stage.agent().await;
    let request = agent.api.request(Method::DELETE, &format!("/v1/contacts/{id}"));
    assert_eq!(Reply::of(request).await.status, 204);
}

/// Writes until the server turns it away.
async fn write_on(widget: Widget) -> usize {
    for written in 0..10_000 {
        let reply = widget.try_say("still here").await;
        if reply.status != 201 {
            assert!((400..500).contains(&reply.status), "{}", reply.text);
            return written;
        }
    }
    panic!("it is never turned away");
}

/// Nothing of the person is left, and nothing that comes later brings them back.
async fn assert_gone(stage: &Stage, widget: &Widget) {
    let agent = stage.agent().await;
    let id = widget.contact_id();
    until("the thread to be erased", LONG, async || {
        let status = agent.api.get(&format!("/v1/conversations/{id}")).await.status;
        (status == 404).then_some(())
    })
    .await;
    for _ in 0..3 {
        let reply = widget.try_say("late").await;
        assert!((400..500).contains(&reply.status), "{}", reply.text);
    }
    for path in [
        format!("/v1/contacts/{id}"),
        format!("/v1/conversations/{id}"),
        format!("/v1/conversations/{id}/messages"),
    ] {
        agent.api.get(&path).await.problem(404, "not-found");
    }
    let first = json!({"clientMessageId": stage.chance.uuid(), "text": "hello?"});
    let first = agent.api.post(&format!("/v1/contacts/{id}/messages"), &first).await;
    first.problem(404, "not-found");
    assert!(agent.contact(id).await.is_none());
    let everybody = json!({"includeVisitors": true, "limit": 200});
    let everybody = agent.api.post("/v1/contacts/search", &everybody).await.expect(200);
    assert!(everybody["items"].as_array().unwrap().iter().all(|one| one["id"] != id));
    let threads = agent.api.all("/v1/conversations?status=all").await;
    assert!(threads.iter().all(|thread| thread["id"] != id), "{threads:?}");
}

#[tokio::test]
async fn a_visitor_erased_while_writing_does_not_come_back() {
    on_each_database(async |stage| {
        let visitor = stage.open(&json!({})).await;
        let form = json!({"name": "Vera", "email": "vera@example.com"});
        visitor.fill_form(&form).await.expect(200);
        visitor.say("hello").await;
        let writing = tokio::spawn(write_on(visitor.clone()));
        erase(stage, visitor.contact_id()).await;
        writing.await.unwrap();
        assert_gone(stage, &visitor).await;
        let anew = stage.open_on(&visitor.device(), &json!({})).await;
        assert_ne!(anew.contact_id(), visitor.contact_id());
    })
    .await;
}

#[tokio::test]
async fn a_contact_erased_amid_writing_logging_in_and_an_import_is_gone_or_somebody_new() {
    on_each_database(async |stage| {
        let agent = stage.agent().await;
        for round in 0..3 {
            let user_id = format!("u-{round}");
            let user = json!({"user_id": user_id, "security_hash": "s", "phone": "+49 30 1",
                "custom_data": {"secret": "kept"}});
            let person = stage.open(&user).await;
            person.say("hello").await;
            let writing = tokio::spawn(write_on(person.clone()));
            let device = person.device();
            let again = json!({"user_id": user_id, "security_hash": "s"});
            let csv = format!("user_id,name\n{user_id},Imported\n");
            let ((), import, device, elsewhere) = tokio::join!(
                erase(stage, person.contact_id()),
                import(&agent, &csv),
                stage.init_on(&device, &again),
                stage.init(&again),
            );
            writing.await.unwrap();
            assert_eq!((&import["state"], &import["rejected"]), (&json!("done"), &json!(0)));
            for init in [device, elsewhere] {
                assert_eq!(init.status, 200, "{}", init.text);
            }
            assert_gone(stage, &person).await;
            // Whoever comes with the user id is somebody new, without a word of before.
            let anew = stage.open(&again).await;
            let contact = &anew.start["contact"];
            assert_ne!(anew.contact_id(), person.contact_id());
            assert_eq!((&contact["phone"], &contact["customData"]), (&Value::Null, &json!({})));
            assert_eq!(anew.start["conversation"]["messages"], json!([]));
            let same = agent.contacts().await;
            let same = same.iter().filter(|one| one["userId"] == user_id.as_str());
            assert_eq!(same.count(), 1);
        }
    })
    .await;
}
