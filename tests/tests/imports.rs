//! Imports of CSV files: progress, counts, reports, repetition.

use onethread_tests::{
    Agent, ApiResponse, Events, LONG_TIMEOUT, TestServer, contact_row, contacts_csv, wait_until,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::databases::on_each_database;

/// Uploads a file, with an idempotency key if there is one.
pub(crate) async fn upload(agent: &Agent, csv: &str, key: Option<&str>) -> ApiResponse {
    let request = agent.api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    ApiResponse::send(request.body(csv.to_owned())).await
}

/// Waits for the end of an import, successful or not.
pub(crate) async fn wait_for_end(agent: &Agent, id: &str) -> Value {
    let path = format!("/v1/imports/{id}");
    let final_states = ["done", "failed", "cancelled"];
    wait_until("the end of the import", LONG_TIMEOUT, async || {
        let import = agent.api.get(&path).await.expect(200);
        final_states.iter().any(|state| import["state"] == *state).then_some(import)
    })
    .await
}

/// Imports a file and waits for the end of the import.
pub(crate) async fn import(agent: &Agent, csv: &str) -> Value {
    let begun = upload(agent, csv, None).await.expect(202);
    wait_for_end(agent, begun["id"].as_str().expect("an import has an id")).await
}

#[track_caller]
pub(crate) fn assert_counts(import: &Value, [created, updated, unchanged, rejected]: [usize; 4]) {
    assert_eq!(import["state"], "done", "{import}");
    let rows = created + updated + unchanged + rejected;
    for (name, count) in [
        ("rows", rows),
        ("processed", rows),
        ("created", created),
        ("updated", updated),
        ("unchanged", unchanged),
        ("rejected", rejected),
    ] {
        assert_eq!(import[name], count, "{name} of {import}");
    }
    assert!(import["finishedAt"].is_string(), "{import}");
    assert_eq!(import["error"], Value::Null, "{import}");
}

/// Returns the report without its byte order mark, which some spreadsheets need.
pub(crate) async fn rejected_csv(agent: &Agent, import: &Value) -> String {
    let path = format!("/v1/imports/{}/rejected.csv", import["id"].as_str().expect("an id"));
    let reply = agent.api.get(&path).await;
    assert!(reply.header("content-type").starts_with("text/csv"), "{:?}", reply.headers);
    assert_eq!(reply.status, 200);
    reply.text.trim_start_matches('\u{feff}').to_owned()
}

#[tokio::test]
async fn ten_thousand_rows_are_imported_and_a_second_import_changes_nothing() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let csv = contacts_csv("crowd", 10_000);

    let begun = upload(&agent, &csv, Some("first")).await.expect(202);
    let id = begun["id"].as_str().unwrap();
    let path = format!("/v1/imports/{id}/events");
    let mut progress = Events::open(agent.api.request(Method::GET, &path)).await;
    let mut seen = Vec::new();
    for event in progress.until_end(LONG_TIMEOUT).await {
        assert_eq!(event.name, "import");
        assert_eq!(event.data["id"], id);
        seen.push(event.data["processed"].as_i64().unwrap());
    }
    assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&10_000));

    let done = wait_for_end(&agent, id).await;
    assert_counts(&done, [10_000, 0, 0, 0]);
    assert!(done["rowsPerSecond"].as_f64().unwrap() > 0.0, "{done}");
    assert_eq!(done["secondsLeft"], 0, "{done}");
    assert_eq!(done["columns"], json!(["user_id", "email", "name", "phone", "company"]));
    assert_eq!(done["mapping"]["user_id"], "user_id", "{}", done["mapping"]);
    assert!(!done["preview"].as_array().unwrap().is_empty());
    assert_eq!(rejected_csv(&agent, &done).await.lines().count(), 1, "a header alone");

    let contacts = agent.contacts().await;
    assert_eq!(contacts.len(), 10_000);
    let ids: std::collections::HashSet<_> = contacts.iter().map(|c| c["id"].to_string()).collect();
    assert_eq!(ids.len(), 10_000);
    let one = contacts.iter().find(|contact| contact["userId"] == "crowd-4711").unwrap();
    assert_eq!(one["name"], "Person 4711, of crowd");
    assert_eq!(one["source"], "import");

    // A repeated key returns the same import without reading the file again.
    assert_eq!(upload(&agent, &csv, Some("first")).await.expect(202)["id"], id);
    let other = contacts_csv("other", 1);
    upload(&agent, &other, Some("first")).await.expect_problem(409, "idempotency-key-reused");

    assert_counts(&import(&agent, &csv).await, [0, 0, 10_000, 0]);
    assert_eq!(agent.contacts().await.len(), 10_000);
    let list = agent.api.get("/v1/imports").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);

    // A contact of the file can log in.
    let login = server.start_session(&json!({"user_id": "crowd-4711"})).await;
    assert_eq!(login.start["contact"]["id"], one["id"]);
}

#[tokio::test]
async fn rows_are_matched_and_rejected_with_reasons() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    server
        .start_session(&json!({"user_id": "known", "name": "Known", "email": "shared@example.com"}))
        .await;

    let csv = "\u{feff}User ID,E-Mail,Name,Phone,Company,Plan\r\n\
        known,shared@example.com,Known By File,,,pro\r\n\
        fresh,fresh@example.com,Fresh,,,\r\n\
        ,only-mail@example.com,Only Mail,,,\r\n\
        ,shared@example.com,Not Known,,,\r\n\
        ,,Nobody,,,\r\n\
        bad,not an address,Bad,,,\r\n\
        fresh,again@example.com,Again,,,\r\n\
        ,ONLY-MAIL@example.com,Again,,,\r\n\
        few,few@example.com\r\n\
        many,many@example.com,Many,,,,,\r\n\
        null,null@example.com,Null,,,\r\n\
        quoted,quoted@example.com,\"Quoted, \"\"twice\"\"\",,,\"two\nlines\"\r\n\
        ,,Nobody either,,,\r\n";
    let done = import(&agent, csv).await;
    assert_counts(&done, [4, 1, 0, 8]);
    assert_eq!(done["mapping"]["User ID"], "user_id", "{}", done["mapping"]);

    let contacts = agent.contacts().await;
    let named = |name: &str| contacts.iter().find(|contact| contact["name"] == name);
    assert_eq!(named("Known By File").unwrap()["userId"], "known");
    assert_eq!(named("Fresh").unwrap()["userId"], "fresh");
    assert_eq!(named("Quoted, \"twice\"").unwrap()["userId"], "quoted");
    // A matching email doesn't match a contact with another user id.
    assert_eq!(named("Not Known").unwrap()["userId"], Value::Null);
    for name in ["Nobody", "Bad", "Again", "Many", "Null"] {
        assert!(named(name).is_none(), "{name} is in Contacts");
    }

    let report = rejected_csv(&agent, &done).await;
    let header =
        "User ID,E-Mail,Name,Phone,Company,Plan,rejected_line,rejected_column,rejected_reason";
    assert_eq!(report.lines().next(), Some(header));
    let lines: Vec<_> = report.lines().skip(1).collect();
    assert_eq!(lines.len(), 8, "{report}");
    for (row, place) in [
        (",,Nobody,", ",6,"),
        // The row before it has two lines.
        (",,Nobody either,", ",15,"),
        ("bad,not an address,", ",7,E-Mail,"),
        ("fresh,again@example.com,", ",8,"),
        (",ONLY-MAIL@example.com,", ",9,"),
        ("few,few@example.com", ",10,"),
        ("many,many@example.com,", ",11,"),
        ("null,null@example.com,", ",12,User ID,"),
    ] {
        let found = lines.iter().find(|line| line.starts_with(row));
        assert!(found.is_some_and(|line| line.contains(place)), "{row} with {place}:\n{report}");
    }
    let duplicate = lines.iter().find(|line| line.starts_with("fresh,")).unwrap();
    assert!(duplicate.contains('3'), "it names the line it repeats: {duplicate}");

    // The corrected report can be imported.
    let fixed = report.replace("not an address", "bad@example.com");
    // Duplicates of other rows are not duplicates in this file, and the short row was completed.
    assert_counts(&import(&agent, &fixed).await, [2, 2, 0, 4]);
}

#[tokio::test]
async fn a_malformed_file_fails_with_its_line_and_changes_nothing() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let good = contact_row("good", 1);
    let huge = "x".repeat(1024 * 1024 + 1);
    let files = [
        (
            "an unclosed quote",
            format!("user_id,email,name,phone,company\n{good}bad,\"never closed\n{good}"),
            true,
        ),
        ("a record over 1 MiB", format!("user_id,name\ngood,Good\nbig,{huge}\n"), true),
        ("no usable column", "colour,size\nred,1\n".to_owned(), false),
        ("an empty file", String::new(), false),
        ("no text", "user_id\u{0},name\nu,N\n".to_owned(), true),
    ];
    for (what, file, tells_line) in files {
        let import = import(&agent, &file).await;
        assert_eq!(import["state"], "failed", "{what}: {import}");
        let error = import["error"].as_str().unwrap_or_else(|| panic!("{what}: {import}"));
        assert!(!tells_line || error.contains(|c: char| c.is_ascii_digit()), "{what}: {error}");
        assert_eq!(import["created"], 0, "{what}");
    }
    assert_eq!(agent.contacts().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_file_can_wait_for_its_mapping() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let csv = "user_id,Shoe Size,name\nu1,44,Uma\n";
    let request = agent.api.request(Method::POST, "/v1/imports?apply=false");
    let begun =
        ApiResponse::send(request.header("content-type", "text/csv").body(csv)).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().unwrap());
    let ready = wait_until("the scan", LONG_TIMEOUT, async || {
        let import = agent.api.get(&path).await.expect(200);
        (import["state"] == "ready").then_some(import)
    })
    .await;
    assert_eq!((&ready["rows"], &ready["processed"]), (&json!(1), &json!(0)));
    assert_eq!(agent.contacts().await.len(), 0);

    let apply = format!("{path}/apply");
    for (wrong, pointer) in [
        (json!({"Hat Size": "custom.hat"}), "/mapping/Hat Size"),
        (json!({"Shoe Size": "custom."}), "/mapping/Shoe Size"),
        (json!({"Shoe Size": "custom.sh/oe"}), "/mapping/Shoe Size"),
        (json!({"Shoe Size": "shoe"}), "/mapping/Shoe Size"),
        (json!({"Shoe Size": 44}), "/mapping/Shoe Size"),
        (json!({"Shoe Size": "email", "name": "email"}), "/mapping/name"),
        (json!({"user_id": null}), "/mapping"),
        (json!([]), "/mapping"),
    ] {
        agent.api.post(&apply, &json!({"mapping": wrong})).await.expect_invalid(pointer);
    }
    assert_eq!(agent.api.get(&path).await.expect(200)["state"], "ready");
    let mapping = json!({"mapping": {"Shoe Size": "custom.shoe_size", "name": null}});
    agent.api.post(&apply, &mapping).await;
    let done = wait_for_end(&agent, begun["id"].as_str().unwrap()).await;
    assert_counts(&done, [1, 0, 0, 0]);
    let contact = &agent.contacts().await[0];
    assert_eq!(contact["customData"]["shoe_size"], 44, "{contact}");
    assert_eq!(contact["nameGenerated"], true, "the name was left out: {contact}");
    agent.api.post(&apply, &json!({})).await.expect_problem(409, "import-state");
    agent.api.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "import-state");
}

#[tokio::test]
async fn a_multipart_form_is_accepted_too() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let file = reqwest::multipart::Part::text(contacts_csv("form", 3)).file_name("people.csv");
    let form = reqwest::multipart::Form::new().part("file", file.mime_str("text/csv").unwrap());
    let request = agent.api.request(Method::POST, "/v1/imports").multipart(form);
    let begun = ApiResponse::send(request).await.expect(202);
    assert_eq!(begun["fileName"], "people.csv");
    assert_counts(&wait_for_end(&agent, begun["id"].as_str().unwrap()).await, [3, 0, 0, 0]);
}

#[tokio::test]
async fn an_import_claims_only_unclaimed_user_ids() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    server.start_session(&json!({"user_id": "claimed", "security_hash": "theirs"})).await;
    let csv = "user_id,name,security_hash\nclaimed,Claimed,other\nnew,New,secret\n";
    let done = import(&agent, csv).await;
    assert_counts(&done, [1, 0, 0, 1]);
    server.init(&json!({"user_id": "new"})).await.expect_problem(403, "identity-refused");
    assert_eq!(
        server.start_session(&json!({"user_id": "new", "security_hash": "secret"})).await.mode(),
        "contact"
    );
    server.start_session(&json!({"user_id": "claimed", "security_hash": "theirs"})).await;

    // Both claims are in the audit log, and the rejected one isn't.
    server.start_session(&json!({"user_id": "known"})).await;
    let csv = "user_id,security_hash\nknown,secret\nclaimed,other\nnew,secret\nfresh,secret\n";
    let second = import(&agent, csv).await;
    assert_counts(&second, [1, 1, 1, 1]);
    let contacts = agent.contacts().await;
    let id_of = |user_id: &str| {
        let contact = contacts.iter().find(|contact| contact["userId"] == user_id);
        contact.expect("the person is there")["id"].clone()
    };
    let audit = agent.api.all("/v1/audit").await;
    for (import, user_ids) in [(&done, &["new"][..]), (&second, &["known", "fresh"])] {
        let of_import = audit.iter().filter(|entry| entry["actor"] == import["id"]);
        let of_import = of_import.filter(|entry| entry["action"] == "claim.set");
        let claims: std::collections::BTreeSet<_> =
            of_import.map(|e| format!("{} {}", e["action"], e["subject"])).collect();
        let wanted: std::collections::BTreeSet<_> =
            user_ids.iter().map(|id| format!("\"claim.set\" {}", id_of(id))).collect();
        assert_eq!(claims, wanted);
    }
}

#[tokio::test]
async fn a_row_is_never_merged_into_a_visitor_by_the_email_that_an_agent_wrote_down() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let visitor = server.start_session(&json!({})).await;
        visitor.submit_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
        visitor.send("I am boss@bank.example").await;
        let path = format!("/v1/contacts/{}", visitor.contact_id());
        agent.api.patch(&path, &json!({"email": "boss@bank.example"})).await.expect(200);
        let file = "email,name,phone,custom.iban\nboss@bank.example,Big Boss,+49 1234,DE89370400440532013000\n";
        assert_eq!(import(&agent, file).await["created"], 1);
        let again = server.start_session_on(&visitor.device(), &json!({})).await;
        assert_eq!(again.contact_id(), visitor.contact_id());
        assert_eq!((&again.start["contact"]["name"], &again.start["contact"]["phone"]), (&json!("V"), &Value::Null));
        assert_eq!(again.start["contact"]["customData"], json!({}));
        // The file again finds the row that it created.
        assert_eq!(import(&agent, file).await["unchanged"], 1);
    })
    .await;
}
