//! Visitors: what they see, when they are stored, and when they become contacts.

use onethread_tests::{SHORT_TIMEOUT, TestServer, Widget, row_counts, wait_until};
use serde_json::{Value, json};

fn form() -> Value {
    json!({"name": "Vera Visitor", "email": "vera@example.com"})
}

#[tokio::test]
async fn opening_a_page_writes_no_row() {
    let server = TestServer::new().await;
    let known = server.start_session(&json!({"user_id": "somebody"})).await;
    known.send("so that there are rows to count").await;
    // Deliveries of that message are done before the rows are counted.
    let before = wait_until("an empty outbox", SHORT_TIMEOUT, async || {
        let counts = row_counts(&server.process.data_dir()).await;
        let waiting = counts.iter().find(|(table, rows)| table.ends_with("/outbox") && **rows > 0);
        waiting.is_none().then(|| counts.clone())
    })
    .await;

    let given = json!({"name": "Vera", "email": "vera@example.com"});
    let visitor = server.start_session(&given).await;
    let _stream = visitor.events().await;
    let messages = visitor.api.get("/widget/v1/messages").await.expect(200);
    assert_eq!(messages, json!({"items": [], "lastSeq": 0}));
    visitor.try_send("too early").await.expect_problem(403, "pre-chat-required");
    let change = visitor.api.patch("/widget/v1/contact", &json!({"company": "None"})).await;
    assert!(change.status < 500, "{}", change.text);
    let again = server.start_session_on(&visitor.device(), &given).await;
    assert_eq!(again.contact_id(), visitor.contact_id());
    assert_eq!(again.start["conversation"]["id"], Value::Null);

    assert_eq!(row_counts(&server.process.data_dir()).await, before);
}

#[tokio::test]
async fn a_visitor_keeps_a_generated_name() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    assert_eq!(visitor.mode(), "visitor");
    let name = visitor.start["contact"]["name"].as_str().unwrap();
    let words: Vec<_> = name.split(' ').collect();
    let capital = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase());
    assert!(matches!(words[..], [a, b, "(anonym)"] if capital(a) && capital(b)), "{name}");
    assert_eq!(visitor.start["contact"]["nameGenerated"], true);
    let again = server.start_session_on(&visitor.device(), &json!({})).await;
    assert_eq!(again.start["contact"]["name"], name);

    let empty = json!({});
    let names = futures::future::join_all((0..20).map(|_| server.start_session(&empty))).await;
    let names: std::collections::HashSet<_> =
        names.iter().map(|w| w.start["contact"]["name"].to_string()).collect();
    assert!(names.len() > 10, "{names:?}");
}

#[tokio::test]
async fn the_form_is_prefilled_with_fields_of_the_page() {
    let server = TestServer::new().await;
    let given =
        json!({"name": "Vera", "email": "vera@example.com", "phone": "+49 30 1", "company": "Ltd"});
    let visitor = server.start_session(&given).await;
    assert_eq!(visitor.mode(), "visitor");
    let pre_chat = &visitor.start["preChat"];
    assert_eq!(pre_chat["show"], true);
    let fields = pre_chat["fields"].as_array().unwrap();
    assert!(!fields.is_empty());
    for field in fields {
        let name = field["name"].as_str().unwrap();
        assert!(field["label"].is_string() && field["type"].is_string(), "{field}");
        assert!(field["required"].is_boolean(), "{field}");
        assert_eq!(pre_chat["prefill"][name], given[name], "{pre_chat}");
    }
    // Without fields the form is empty.
    let bare = server.start_session(&json!({})).await;
    assert_eq!(bare.start["preChat"]["fields"], pre_chat["fields"]);
    assert_eq!(bare.start["preChat"]["prefill"], json!({}));
}

#[tokio::test]
async fn errors_of_the_form_name_its_fields() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    let before = row_counts(&server.process.data_dir()).await;
    visitor
        .submit_form(&json!({"name": "Vera", "email": "not an address"}))
        .await
        .expect_invalid("/fields/email");
    visitor
        .submit_form(&json!({"name": 7, "email": "vera@example.com"}))
        .await
        .expect_invalid("/fields/name");
    for field in visitor.start["preChat"]["fields"].as_array().unwrap() {
        if field["required"] == true {
            let name = field["name"].as_str().unwrap();
            let mut lacking = form();
            lacking.as_object_mut().unwrap().remove(name);
            visitor.submit_form(&lacking).await.expect_invalid(&format!("/fields/{name}"));
        }
    }
    assert_eq!(row_counts(&server.process.data_dir()).await, before);
}

#[tokio::test]
async fn a_visitor_becomes_a_contact_after_form_and_message() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let visitor = server.start_session(&json!({})).await;
    let id = visitor.contact_id();

    let after_form = visitor.submit_form(&form()).await.expect(200);
    assert_eq!(after_form["mode"], "visitor");
    assert_eq!(after_form["preChat"]["show"], false);
    assert_eq!(after_form["contact"]["name"], "Vera Visitor");
    assert_eq!(after_form["contact"]["nameGenerated"], false);
    assert_eq!(agent.contact(id).await, None, "the form alone is not enough");

    let visitor = Widget::new(&server, after_form);
    visitor.send("and a message").await;
    let contact =
        wait_until("the visitor in Contacts", SHORT_TIMEOUT, async || agent.contact(id).await)
            .await;
    assert_eq!(contact["name"], "Vera Visitor");
    assert_eq!(contact["email"], "vera@example.com");
    assert_eq!(contact["source"], "pre-chat");
    assert_eq!(contact["userId"], Value::Null);

    let list = agent.api.get("/v1/conversations").await.expect(200);
    assert_eq!(list["items"][0]["id"], id);
    // The device opens its thread again, without the form.
    let back = server.start_session_on(&visitor.device(), &json!({})).await;
    assert_eq!(back.contact_id(), id);
    assert_eq!(back.initial_texts(), ["and a message"]);
    assert_eq!(back.start["preChat"]["show"], false);
}

#[tokio::test]
async fn a_first_login_turns_the_visitor_into_the_contact() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    visitor.submit_form(&form()).await.expect(200);
    visitor.send("before the login").await;

    let login = json!({"user_id": "vera-1", "name": "Vera Known"});
    let known = server.start_session_on(&visitor.device(), &login).await;
    assert_eq!(known.mode(), "contact");
    assert_eq!(known.contact_id(), visitor.contact_id());
    assert_eq!(known.initial_texts(), ["before the login"]);
    assert_eq!(known.start["contact"]["name"], "Vera Known");
    assert_eq!(known.start["contact"]["email"], "vera@example.com");
    assert_eq!(known.start["preChat"]["show"], false);
    known.send("after the login").await;

    let elsewhere = server.start_session(&login).await;
    assert_eq!(elsewhere.contact_id(), visitor.contact_id());
    assert_eq!(elsewhere.initial_texts(), ["before the login", "after the login"]);
    let contacts = server.log_in_owner().await.contacts().await;
    assert_eq!(contacts.iter().filter(|c| c["id"] == visitor.contact_id()).count(), 1);
    assert_eq!(contacts.len(), 1, "{contacts:#?}");
}

#[tokio::test]
async fn a_first_login_without_messages_creates_a_contact_too() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    let known = server.start_session_on(&visitor.device(), &json!({"user_id": "silent"})).await;
    assert_eq!(known.mode(), "contact");
    let name = known.start["contact"]["name"].as_str().unwrap();
    assert!(name.ends_with(" (anonym)"), "{name}");
    let contact = server.log_in_owner().await.contact(known.contact_id()).await.unwrap();
    assert_eq!(contact["userId"], "silent");
}

#[tokio::test]
async fn a_visitor_becomes_a_contact_only_once() {
    let server = TestServer::new().await;
    let visitor = server.start_session(&json!({})).await;
    visitor.submit_form(&form()).await.expect(200);
    visitor.send("mine").await;
    let first = server.start_session_on(&visitor.device(), &json!({"user_id": "one"})).await;
    assert_eq!(first.contact_id(), visitor.contact_id());
    let second = server.start_session_on(&visitor.device(), &json!({"user_id": "two"})).await;
    assert_ne!(second.contact_id(), visitor.contact_id());
    assert_eq!(second.initial_texts(), Vec::<&str>::new());
}
