//! People nobody has identified: what they see, when they are written down, when they become known.

use onethread_tests::{SHORT, Stage, Widget, row_counts, until};
use serde_json::{Value, json};

fn form() -> Value {
    json!({"name": "Vera Visitor", "email": "vera@example.com"})
}

#[tokio::test]
async fn opening_a_page_writes_no_row() {
    let stage = Stage::new().await;
    let known = stage.open(&json!({"user_id": "somebody"})).await;
    known.say("so that there are rows to count").await;
    // What that message has to tell is told before the rows are counted.
    let before = until("an empty outbox", SHORT, async || {
        let counts = row_counts(&stage.server.data_dir()).await;
        let waiting = counts.iter().find(|(table, rows)| table.ends_with("/outbox") && **rows > 0);
        waiting.is_none().then(|| counts.clone())
    })
    .await;

    let given = json!({"name": "Vera", "email": "vera@example.com"});
    let visitor = stage.open(&given).await;
    let _stream = visitor.events().await;
    let messages = visitor.api.get("/widget/v1/messages").await.expect(200);
    assert_eq!(messages, json!({"items": [], "lastSeq": 0}));
    visitor.try_say("too early").await.problem(403, "pre-chat-required");
    let change = visitor.api.patch("/widget/v1/contact", &json!({"company": "None"})).await;
    assert!(change.status < 500, "{}", change.text);
    let again = stage.open_on(&visitor.device(), &given).await;
    assert_eq!(again.contact_id(), visitor.contact_id());
    assert_eq!(again.start["conversation"]["id"], Value::Null);

    assert_eq!(row_counts(&stage.server.data_dir()).await, before);
}

#[tokio::test]
async fn a_visitor_has_a_generated_name_that_stays() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({})).await;
    assert_eq!(visitor.mode(), "visitor");
    let name = visitor.start["contact"]["name"].as_str().unwrap();
    let words: Vec<_> = name.split(' ').collect();
    let capital = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase());
    assert!(matches!(words[..], [a, b, "(anonym)"] if capital(a) && capital(b)), "{name}");
    assert_eq!(visitor.start["contact"]["nameGenerated"], true);
    let again = stage.open_on(&visitor.device(), &json!({})).await;
    assert_eq!(again.start["contact"]["name"], name);

    let nobody = json!({});
    let names = futures::future::join_all((0..20).map(|_| stage.open(&nobody))).await;
    let names: std::collections::HashSet<_> =
        names.iter().map(|w| w.start["contact"]["name"].to_string()).collect();
    assert!(names.len() > 10, "{names:?}");
}

#[tokio::test]
async fn the_form_is_prefilled_with_what_was_given() {
    let stage = Stage::new().await;
    let given =
        json!({"name": "Vera", "email": "vera@example.com", "phone": "+49 30 1", "company": "Ltd"});
    let visitor = stage.open(&given).await;
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
    // A bare page gets the same form, empty.
    let bare = stage.open(&json!({})).await;
    assert_eq!(bare.start["preChat"]["fields"], pre_chat["fields"]);
    assert_eq!(bare.start["preChat"]["prefill"], json!({}));
}

#[tokio::test]
async fn a_form_at_fault_is_answered_with_pointers() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({})).await;
    let before = row_counts(&stage.server.data_dir()).await;
    visitor
        .fill_form(&json!({"name": "Vera", "email": "not an address"}))
        .await
        .refuses("/fields/email");
    visitor
        .fill_form(&json!({"name": 7, "email": "vera@example.com"}))
        .await
        .refuses("/fields/name");
    for field in visitor.start["preChat"]["fields"].as_array().unwrap() {
        if field["required"] == true {
            let name = field["name"].as_str().unwrap();
            let mut lacking = form();
            lacking.as_object_mut().unwrap().remove(name);
            visitor.fill_form(&lacking).await.refuses(&format!("/fields/{name}"));
        }
    }
    assert_eq!(row_counts(&stage.server.data_dir()).await, before);
}

#[tokio::test]
async fn a_visitor_enters_contacts_after_form_and_message() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let visitor = stage.open(&json!({})).await;
    let id = visitor.contact_id();

    let after_form = visitor.fill_form(&form()).await.expect(200);
    assert_eq!(after_form["mode"], "visitor");
    assert_eq!(after_form["preChat"]["show"], false);
    assert_eq!(after_form["contact"]["name"], "Vera Visitor");
    assert_eq!(after_form["contact"]["nameGenerated"], false);
    assert_eq!(agent.contact(id).await, None, "the form alone is not enough");

    let visitor = Widget::new(&stage, after_form);
    visitor.say("and a message").await;
    let contact = until("the visitor in Contacts", SHORT, async || agent.contact(id).await).await;
    assert_eq!(contact["name"], "Vera Visitor");
    assert_eq!(contact["email"], "vera@example.com");
    assert_eq!(contact["source"], "pre-chat");
    assert_eq!(contact["userId"], Value::Null);

    let list = agent.api.get("/v1/conversations").await.expect(200);
    assert_eq!(list["items"][0]["id"], id);
    // The device reopens its own thread, without the form.
    let back = stage.open_on(&visitor.device(), &json!({})).await;
    assert_eq!(back.contact_id(), id);
    assert_eq!(back.first_texts(), ["and a message"]);
    assert_eq!(back.start["preChat"]["show"], false);
}

#[tokio::test]
async fn a_new_user_id_takes_the_visitor_and_the_thread_along() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({})).await;
    visitor.fill_form(&form()).await.expect(200);
    visitor.say("before the login").await;

    let login = json!({"user_id": "vera-1", "name": "Vera Known"});
    let known = stage.open_on(&visitor.device(), &login).await;
    assert_eq!(known.mode(), "contact");
    assert_eq!(known.contact_id(), visitor.contact_id());
    assert_eq!(known.first_texts(), ["before the login"]);
    assert_eq!(known.start["contact"]["name"], "Vera Known");
    assert_eq!(known.start["contact"]["email"], "vera@example.com");
    assert_eq!(known.start["preChat"]["show"], false);
    known.say("after the login").await;

    let elsewhere = stage.open(&login).await;
    assert_eq!(elsewhere.contact_id(), visitor.contact_id());
    assert_eq!(elsewhere.first_texts(), ["before the login", "after the login"]);
    let contacts = stage.agent().await.contacts().await;
    assert_eq!(contacts.iter().filter(|c| c["id"] == visitor.contact_id()).count(), 1);
    assert_eq!(contacts.len(), 1, "{contacts:#?}");
}

#[tokio::test]
async fn a_first_login_of_a_device_that_never_wrote_is_a_contact_too() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({})).await;
    let known = stage.open_on(&visitor.device(), &json!({"user_id": "silent"})).await;
    assert_eq!(known.mode(), "contact");
    let name = known.start["contact"]["name"].as_str().unwrap();
    assert!(name.ends_with(" (anonym)"), "{name}");
    let contact = stage.agent().await.contact(known.contact_id()).await.unwrap();
    assert_eq!(contact["userId"], "silent");
}

#[tokio::test]
async fn an_upgraded_visitor_is_taken_along_once() {
    let stage = Stage::new().await;
    let visitor = stage.open(&json!({})).await;
    visitor.fill_form(&form()).await.expect(200);
    visitor.say("mine").await;
    let first = stage.open_on(&visitor.device(), &json!({"user_id": "one"})).await;
    assert_eq!(first.contact_id(), visitor.contact_id());
    let second = stage.open_on(&visitor.device(), &json!({"user_id": "two"})).await;
    assert_ne!(second.contact_id(), visitor.contact_id());
    assert_eq!(second.first_texts(), Vec::<&str>::new());
}
