//! Files that the server has written are imported again: exports and corrected reports.

use onethread_tests::{Agent, Options, PostgresDatabase, SHORT_TIMEOUT, TestServer, wait_until};
use serde_json::{Value, json};

use crate::{
    import_corpus::{contacts, organization, rejected, start_server, upload, wait_for_state},
    imports::import,
};

#[tokio::test]
async fn an_export_changes_nothing_on_sqlite() {
    round_trip(&TestServer::new().await).await;
}

#[tokio::test]
async fn an_export_changes_nothing_on_postgres() {
    let database = PostgresDatabase::new().await;
    let options = Options::default().env("ONETHREAD_DATABASE_URL", database.url());
    round_trip(&TestServer::with(options).await).await;
}

async fn round_trip(server: &TestServer) {
    let agent = server.log_in_owner().await;
    let odd = json!({
        "text": "12", "number": 12, "half": -0.5, "large": 9_007_199_254_740_991_i64, "truth": true, "word": "false",
        "day": "2026-02-30", "empty": "", "lines": "two\nlines\r\n", "blank": " x ",
        "formula": "=1+1", "quote": "'x", "said": "\"yes\", twice", "zero": "007",
    });
    for contact in [
        json!({"userId": "=cmd", "name": "+Ann", "email": "ann@example.com", "customData": odd}),
        json!({"userId": "'@7", "name": "'-Bob", "company": "-A, \"B\"; C", "phone": "+49 30 1234"}),
        json!({"userId": " blank ", "name": "Cy", "tags": ["=tag", "two words", "'q", "+"]}),
        json!({"userId": "bare"}),
        json!({"email": "only-mail@example.com", "name": "Mail", "tags": ["vip"]}),
        json!({"email": "twin@example.com", "name": "Twin"}),
        json!({"email": "TWIN@example.com", "name": "Other twin"}),
        json!({"name": "Neither"}),
    ] {
        agent.api.post("/v1/contacts", &contact).await.expect(201);
    }
    // A contact who was identified on a page, with an unverified email.
    let user =
        json!({"user_id": "page", "email": "page@example.com", "custom_data": {"plan": "pro"}});
    server.start_session(&user).await;
    // Two contacts from the pre-chat form. The second has the email of a contact that an agent created.
    for (name, email) in [("Vera", "vera@example.com"), ("Mallory", "only-mail@example.com")] {
        let visitor = server.start_session(&json!({})).await;
        visitor.submit_form(&json!({"name": name, "email": email})).await.expect(200);
        visitor.send("hello").await;
        wait_until("the visitor in Contacts", SHORT_TIMEOUT, async || {
            agent.contacts().await.iter().any(|c| c["name"] == name).then_some(())
        })
        .await;
    }

    let before = contact_details(&agent).await;
    assert_eq!(before.len(), 11);
    let export = agent.api.get("/v1/contacts/export.csv").await;
    assert_eq!(export.status, 200);
    let done = import(&agent, &export.text).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(done["rows"], 11, "{done}");
    let report = rejected(&agent.api, &done).await;
    assert_eq!((&done["created"], &done["updated"]), (&json!(0), &json!(0)), "{done}\n{report}");
    // Rows that match several contacts are rejected, and all others are unchanged.
    assert_eq!(done["rejected"], 4, "{report}");
    for line in
        ["Twin,,,", "is ambiguous", "Other twin", "has neither a user_id nor an email", "Mallory"]
    {
        assert!(report.contains(line), "{line}:\n{report}");
    }
    assert_eq!(contact_details(&agent).await, before);
    let again = agent.api.get("/v1/contacts/export.csv").await;
    assert_eq!(again.text, export.text, "what goes out is what went out");
}

/// Returns all contacts with all details except for the time at which they were last seen.
async fn contact_details(agent: &Agent) -> Vec<Value> {
    let mut all = agent.contacts().await;
    for contact in &mut all {
        contact["lastSeenAt"] = Value::Null;
        contact["devices"] = Value::Null;
    }
    all.sort_by_key(|contact| contact["id"].to_string());
    all
}

/// The column names are unusual, and one column is ignored.
const FLAWED: &str = "Käufer;E-Mail;Name;Telefon;Notiz\r\n\
    1;one@example.com;Zoë;+49 30 1234;\"=1+1; \"\"x\"\"\"\r\n\
    2;zwei;Jürgen;+49 30 1234;@da\r\n\
    3;three@example.com;Ann;bei Nachbarn;\r\n\
    4;four@example.com\r\n\
    1;five@example.com;Fünf;;'-5\r\n";

#[tokio::test]
async fn a_corrected_report_can_be_imported() {
    let server = start_server(Options::default()).await;
    let api = organization(&server, "mended.example.com").await;
    let windows: Vec<u8> =
        FLAWED.chars().map(|c| u8::try_from(c).expect("all of it is in Latin-1")).collect();
    let mapping = json!({"mapping": {"Käufer": "user_id", "Telefon": "phone", "Notiz": null}});
    let load = async |file: &[u8]| {
        let begun = upload(&api, "/v1/imports?apply=false", file).await.expect(202);
        wait_for_state(&api, &begun, &["ready"]).await;
        let id = begun["id"].as_str().expect("an id");
        api.post(&format!("/v1/imports/{id}/apply"), &mapping).await.expect(200);
        wait_for_state(&api, &begun, &["done"]).await
    };
    let first = load(&windows).await;
    assert_eq!((&first["encoding"], &first["delimiter"]), (&json!("windows-1252"), &json!(";")));
    assert_eq!((&first["created"], &first["rejected"]), (&json!(1), &json!(4)), "{first}");

    let report = rejected(&api, &first).await;
    assert_eq!(
        report,
        "Käufer,E-Mail,Name,Telefon,Notiz,rejected_line,rejected_column,rejected_reason\n\
         2,zwei,Jürgen,'+49 30 1234,'@da,3,E-Mail,is not an email address\n\
         3,three@example.com,Ann,bei Nachbarn,,4,Telefon,is not a phone number\n\
         4,four@example.com,,,,5,,too few fields: 2 where the header has 5\n\
         1,five@example.com,Fünf,,'-5,6,Käufer,duplicate of line 2\n"
    );
    let mended = report
        .replace("zwei", "two@example.com")
        .replace("bei Nachbarn", "+49 30 5678")
        .replace("\n1,five", "\n5,five");
    let second = load(mended.as_bytes()).await;
    assert_eq!((&second["created"], &second["rejected"]), (&json!(4), &json!(0)), "{second}");
    assert_eq!(
        contacts(&api).await,
        [
            json!({"email": "five@example.com", "name": "Fünf", "userId": "5"}),
            json!({"email": "four@example.com", "userId": "4"}),
            json!({"email": "one@example.com", "name": "Zoë", "phone": "+49 30 1234", "userId": "1"}),
            json!({"email": "three@example.com", "name": "Ann", "phone": "+49 30 5678", "userId": "3"}),
            json!({"email": "two@example.com", "name": "Jürgen", "phone": "+49 30 1234", "userId": "2"}),
        ]
    );
    // Rows that were not corrected are rejected again for the same reasons.
    let unmended = load(report.as_bytes()).await;
    assert_eq!(unmended["rejected"], 2, "{unmended}");
}
