//! The `user` object of init: user ids, warnings, and cleared fields.

use onethread_tests::TestServer;
use serde_json::{Value, json};

#[tokio::test]
async fn an_empty_user_id_means_a_visitor() {
    let server = TestServer::new().await;
    for none in [Value::Null, json!("")] {
        let visitor = server.start_session(&json!({"user_id": none, "name": "V"})).await;
        assert_eq!(visitor.mode(), "visitor");
    }
    let mut body = server.init_body(&Value::Null);
    assert_eq!(server.api.post("/widget/v1/init", &body).await.expect(200)["mode"], "visitor");
    body.as_object_mut().unwrap().remove("user");
    assert_eq!(server.api.post("/widget/v1/init", &body).await.expect(200)["mode"], "visitor");
    body["user"] = json!("Kim");
    server.api.post("/widget/v1/init", &body).await.expect_invalid("/user");
}

#[tokio::test]
async fn placeholder_user_ids_are_rejected() {
    let server = TestServer::new().await;
    let before = onethread_tests::row_counts(&server.process.data_dir()).await;
    let wrong = [
        json!(1.5),
        json!(1_000_000_000_000_000_u64),
        json!(0),
        json!(true),
        json!(["12345"]),
        json!({"id": "12345"}),
        json!("null"),
        json!("undefined"),
        json!("NaN"),
        json!("[object Object]"),
        json!(" None "),
        json!("FALSE"),
        json!("{{user.id}}"),
        json!("<%= id %>"),
        json!("${id}"),
        json!("x".repeat(256)),
        json!("é".repeat(128)),
        json!("a\nb"),
        json!("a\u{0}b"),
        json!("\u{7f}"),
        json!("\u{85}"),
    ];
    for user_id in wrong {
        let reply = server.init(&json!({"user_id": user_id})).await;
        assert_eq!(reply.status, 400, "{user_id}: {}", reply.text);
        reply.expect_invalid("/user/user_id");
    }
    assert_eq!(onethread_tests::row_counts(&server.process.data_dir()).await, before);
}

#[tokio::test]
async fn a_whole_number_is_the_same_user_as_its_text() {
    let server = TestServer::new().await;
    let text = server.start_session(&json!({"user_id": "12345"})).await;
    let number = server.start_session(&json!({"user_id": 12345})).await;
    assert_eq!(number.start["contact"]["userId"], "12345");
    assert_eq!(number.contact_id(), text.contact_id());
}

#[tokio::test]
async fn user_ids_are_compared_byte_for_byte() {
    let server = TestServer::new().await;
    let ids = [
        "12345".to_owned(),
        "012345".to_owned(),
        "Kim".to_owned(),
        "kim".to_owned(),
        "kim ".to_owned(),
        // The same character, composed and decomposed.
        "\u{e9}".to_owned(),
        "e\u{301}".to_owned(),
        "Nullmann".to_owned(),
        "x".repeat(255),
        "🦀".to_owned(),
    ];
    let mut contacts = std::collections::HashSet::new();
    for user_id in &ids {
        let user = json!({"user_id": user_id, "email": "same@example.com"});
        let widget = server.start_session(&user).await;
        assert_eq!(widget.start["contact"]["userId"], user_id.as_str());
        assert_eq!(server.start_session(&user).await.contact_id(), widget.contact_id());
        contacts.insert(widget.contact_id().to_owned());
    }
    assert_eq!(contacts.len(), ids.len());
}

#[tokio::test]
async fn an_invalid_profile_field_is_a_warning_and_changes_nothing() {
    let server = TestServer::new().await;
    let good = json!({"user_id": "u", "name": "Uma", "email": "uma@example.com", "phone": "+49 30 1", "company": "C"});
    server.start_session(&good).await;
    let bad = [
        ("email", json!("not an address")),
        ("email", json!(7)),
        ("email", json!(format!("{}@example.com", "x".repeat(260)))),
        ("name", json!(["Uma"])),
        ("name", json!("n".repeat(256))),
        ("phone", json!({"number": 1})),
        ("phone", json!("1".repeat(65))),
        ("phone", json!("call me")),
        ("name", json!("two\nlines")),
        ("company", json!(true)),
        ("company", json!("c".repeat(256))),
    ];
    for (field, value) in bad {
        let widget = server.start_session(&json!({"user_id": "u", field: value})).await;
        let warnings = widget.start["warnings"].as_array().unwrap();
        let pointer = format!("/user/{field}");
        let found = warnings.iter().find(|warning| warning["pointer"] == pointer.as_str());
        assert!(found.is_some_and(|w| w["detail"].is_string()), "{field} {value}: {warnings:?}");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(widget.start["contact"][field], good[field]);
    }
}

#[tokio::test]
async fn a_value_overwrites_null_clears_and_absent_fields_stay() {
    let server = TestServer::new().await;
    let first = json!({"user_id": "u", "name": "Uma", "email": "uma@example.com", "phone": "+49 30 1", "company": "C"});
    server.start_session(&first).await;
    let changed = server.start_session(&json!({"user_id": "u", "phone": "+49 30 2"})).await;
    let contact = &changed.start["contact"];
    assert_eq!((&contact["phone"], &contact["company"]), (&json!("+49 30 2"), &json!("C")));

    let nulls =
        json!({"user_id": "u", "name": null, "email": null, "phone": null, "company": null});
    let cleared = server.start_session(&nulls).await;
    let contact = &cleared.start["contact"];
    for field in ["email", "phone", "company"] {
        assert_eq!(contact[field], Value::Null, "{contact}");
    }
    assert_eq!(contact["nameGenerated"], true);
    assert!(contact["name"].as_str().unwrap().ends_with(" (anonym)"), "{contact}");
}

#[tokio::test]
async fn custom_attributes_are_merged_by_key() {
    let server = TestServer::new().await;
    let data = json!({"plan": "pro", "seats": 5, "trial": false, "since": "2026-01-02"});
    server.start_session(&json!({"user_id": "u", "custom_data": data})).await;
    let next = server
        .start_session(&json!({"user_id": "u", "custom_data": {"seats": 6, "trial": null}}))
        .await;
    let kept = json!({"plan": "pro", "seats": 6, "since": "2026-01-02"});
    assert_eq!(next.start["contact"]["customData"], kept);

    let long = "v".repeat(1025);
    let bad = json!({"plan": {"name": "pro"}, "seats": [1], "bad/key": 1, "long": long, "good": 1});
    let warned = server.start_session(&json!({"user_id": "u", "custom_data": bad})).await;
    let pointers: std::collections::BTreeSet<_> = warned.start["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["pointer"].as_str().unwrap().to_owned())
        .collect();
    let expected =
        ["plan", "seats", "bad~1key", "long"].map(|key| format!("/user/custom_data/{key}"));
    assert_eq!(pointers, expected.into_iter().collect());
    assert_eq!(warned.start["contact"]["customData"]["plan"], "pro");
    assert_eq!(warned.start["contact"]["customData"]["good"], 1);
}

#[tokio::test]
async fn a_contact_can_change_their_profile() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u", "name": "Uma"})).await;
    let change = json!({"phone": "+49 30 7", "email": "wrong", "user_id": "x", "custom_data": {"plan": "pro"}});
    let contact = uma.api.patch("/widget/v1/contact", &change).await.expect(200);
    assert_eq!((&contact["userId"], &contact["phone"]), (&json!("u"), &json!("+49 30 7")));
    assert_eq!(contact["customData"]["plan"], "pro");
    let warnings = contact["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["pointer"] == "/email"), "{contact}");
    assert_eq!(
        server.start_session(&json!({"user_id": "u"})).await.start["contact"]["phone"],
        "+49 30 7"
    );
}
