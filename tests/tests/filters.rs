//! Filters of a search: every field with every operator and kind of value.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;

use onethread_tests::{Agent, TestServer};
use serde_json::{Value, json};

use crate::{databases::on_each_database, imports::import};

/// Creates contacts with a letter each: `a` by an owner, `b` by a server without a user id, `c`
/// likewise with unusual values, `d` by an import, `e` by a login.
async fn people(server: &TestServer, agent: &Agent) -> Vec<(char, String)> {
    let by_api_key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    let id = |made: Value| made["id"].as_str().unwrap().to_owned();
    let a = json!({
        "userId": "u-1", "name": "Ann Lee", "email": "Ann@Example.com", "phone": "+49 30 111",
        "company": "Acme, Inc.", "tags": ["vip", "new"],
        "customData": {"plan": "pro", "seats": 12, "paid": true, "since": "2024-02-01",
            "Кількість оплат": 3},
    });
    let b = json!({
        "name": "bob_%", "email": "bob@example.com", "tags": ["Vip"],
        "customData": {"plan": "Pro", "seats": "12", "paid": "true", "a.b-c_d": "x", "Café plan": "gold",
            "since": "2024-02-01T12:00:00+02:00"},
    });
    let c = json!({
        "userId": "u-3", "name": "Émile Zola", "phone": "112", "tags": ["100%"],
        "customData": {"seats": 5.5, "note": "' OR 1=1 --\"\\", "since": "soon"},
    });
    let a = id(agent.api.post("/v1/contacts", &a).await.expect(201));
    let b = id(by_api_key.post("/v1/contacts", &b).await.expect(201));
    let c = id(by_api_key.post("/v1/contacts", &c).await.expect(201));
    let d = "user_id,name,email,tags,custom.plan,custom.seats,custom.paid,custom.code,custom.Groesse a\u{308}\n\
             u-4,李小龙,li@example.org,\"new,old\",free,7,false,007,12\n";
    assert_eq!(import(agent, d).await["created"], 1);
    let e = server.start_session(&json!({"user_id": "u-5", "email": "e@other.org"})).await;
    let d = agent.api.post("/v1/contacts/search", &only("userId", "=", &json!("u-4"))).await;
    let d = d.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    vec![('a', a), ('b', b), ('c', c), ('d', d), ('e', e.contact_id().to_owned())]
}

fn only(field: &str, operator: &str, value: &Value) -> Value {
    json!({"filter": [{"field": field, "operator": operator, "value": value}]})
}

#[tokio::test]
async fn every_filter_finds_the_matching_contacts() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let people = people(server, &agent).await;
        let letters = |body: &Value| -> String {
            let items = body["items"].as_array().unwrap();
            let found: BTreeSet<_> =
                items.iter().map(|item| item["id"].as_str().unwrap()).collect();
            assert_eq!(found.len(), items.len(), "no contact is repeated");
            people.iter().filter(|(_, id)| found.contains(id.as_str())).map(|one| one.0).collect()
        };
        for (field, operator, value, found) in [
            ("userId", "=", json!("u-1"), "a"),
            ("userId", "=", json!("U-1"), ""),
            ("userId", "!=", json!("u-1"), "bcde"),
            ("userId", "=", json!(null), "b"),
            ("userId", "!=", json!(null), "acde"),
            ("userId", "~", json!("U-"), "acde"),
            ("userId", "<", json!("u-3"), "a"),
            ("userId", ">", json!("u-3"), "de"),
            ("email", "=", json!("ann@example.COM"), "a"),
            ("email", "!=", json!("ann@example.com"), "bcde"),
            ("email", "~", json!("EXAMPLE.com"), "ab"),
            ("email", "=", json!(null), "c"),
            ("email", "<", json!("bob@example.com"), "a"),
            ("email", ">", json!("BOB@example.com"), "de"),
            ("name", "=", json!("Ann Lee"), "a"),
            ("name", "=", json!("ann lee"), ""),
            ("name", "!=", json!("Ann Lee"), "bcde"),
            ("name", "~", json!("lee"), "a"),
            ("name", "~", json!("ÉMILE"), "c"),
            ("name", "~", json!("小"), "d"),
            ("name", "~", json!("(anonym)"), "e"),
            ("name", "=", json!(null), "e"),
            ("name", ">", json!("z"), "cd"),
            // Characters with a meaning in SQL have none here.
            ("name", "~", json!("_%"), "b"),
            ("name", "~", json!("%"), "b"),
            ("name", "~", json!("%ob%"), ""),
            ("name", "=", json!("' OR 1=1 --"), ""),
            ("phone", "=", json!("+49 30 111"), "a"),
            ("phone", "~", json!("30"), "a"),
            ("phone", "!=", json!(null), "ac"),
            ("phone", ">", json!("1"), "c"),
            ("phone", "<", json!("1"), "a"),
            ("company", "=", json!("Acme, Inc."), "a"),
            ("company", "=", json!("Acme Inc"), ""),
            ("company", "~", json!("acme,"), "a"),
            ("company", "=", json!(null), "bcde"),
            ("company", ">", json!("A"), "a"),
            ("source", "=", json!("agent"), "a"),
            ("source", "=", json!("api"), "bc"),
            ("source", "=", json!("import"), "d"),
            ("source", "!=", json!("identified"), "abcd"),
            ("tags", "=", json!("vip"), "a"),
            ("tags", "!=", json!("vip"), "bcde"),
            ("tags", "~", json!("VIP"), "ab"),
            ("tags", "=", json!("new"), "ad"),
            ("tags", "=", json!("100%"), "c"),
            ("tags", "~", json!("%"), "c"),
            ("tags", "=", json!(null), "e"),
            ("tags", "!=", json!(null), "abcd"),
            ("lastSeenAt", "=", json!(null), "abcd"),
            ("lastSeenAt", "!=", json!(null), "e"),
            ("lastSeenAt", ">", json!("2020-01-01"), "e"),
            ("lastSeenAt", "<", json!("2020-01-01"), ""),
            ("createdAt", ">", json!("2020-01-01"), "abcde"),
            ("createdAt", "<", json!("2020-01-01T00:00:00Z"), ""),
            ("createdAt", "<", json!("9000-01-01"), "abcde"),
            ("createdAt", "=", json!("2020-01-01"), ""),
            ("createdAt", "!=", json!("2020-01-01"), "abcde"),
            ("custom.plan", "=", json!("pro"), "a"),
            ("custom.plan", "~", json!("PRO"), "ab"),
            ("custom.plan", "!=", json!("pro"), "bcde"),
            ("custom.plan", "=", json!(null), "ce"),
            ("custom.plan", "!=", json!(null), "abd"),
            ("custom.plan", "<", json!("f"), "b"),
            ("custom.plan", ">", json!("f"), "ad"),
            // An imported cell is stored as the type that it looks like, and found by its text.
            ("custom.seats", "=", json!(12), "ab"),
            ("custom.seats", "=", json!("12"), "ab"),
            ("custom.seats", "=", json!(7), "d"),
            ("custom.seats", "=", json!("7"), "d"),
            ("custom.seats", "=", json!(5.5), "c"),
            ("custom.seats", "!=", json!(12), "cde"),
            ("custom.seats", ">", json!(5.5), "abd"),
            ("custom.seats", "<", json!(12), "cd"),
            ("custom.seats", ">", json!(-1e300), "abcd"),
            ("custom.seats", "~", json!("5"), "c"),
            // On both sides, a text that looks like a number is compared as a number.
            ("custom.seats", ">", json!(7), "ab"),
            ("custom.seats", ">", json!("7"), "ab"),
            ("custom.seats", "<", json!("2"), ""),
            ("custom.seats", "<", json!("12"), "cd"),
            ("custom.paid", "=", json!(true), "ab"),
            ("custom.paid", "=", json!(false), "d"),
            ("custom.paid", "!=", json!(true), "cde"),
            ("custom.paid", "=", json!("true"), "ab"),
            ("custom.paid", "=", json!(1), ""),
            ("custom.code", "=", json!("007"), "d"),
            ("custom.code", "=", json!(7), ""),
            // Dates are compared as points in time.
            ("custom.since", ">", json!("2024-01-31"), "ab"),
            ("custom.since", "<", json!("2024-02-02"), "ab"),
            ("custom.since", ">", json!("2024-02-01"), ""),
            ("custom.since", "<", json!("2024-02-01T10:00:00.000001Z"), "b"),
            ("custom.since", "=", json!("2024-02-01"), "a"),
            ("custom.since", "<", json!("t"), "abc"),
            ("custom.note", "=", json!("' OR 1=1 --\"\\"), "c"),
            ("custom.note", "~", json!("' or 1=1"), "c"),
            ("custom.a.b-c_d", "=", json!("x"), "b"),
            ("custom.Кількість оплат", "=", json!(3), "a"),
            ("custom.Кількість оплат", ">", json!(3), ""),
            // Another spelling of the same name.
            ("custom. Cafe\u{301}\u{a0}plan ", "=", json!("gold"), "b"),
            ("custom.Groesse \u{e4}", "=", json!("12"), "d"),
            ("custom.nothing", "=", json!("x"), ""),
            ("custom.nothing", "!=", json!("x"), "abcde"),
            ("custom.nothing", "=", json!(null), "abcde"),
        ] {
            let body = only(field, operator, &value);
            let page = agent.api.post("/v1/contacts/search", &body).await.expect(200);
            assert_eq!(letters(&page), found, "{field} {operator} {value}");
            assert_eq!(page["nextCursor"], Value::Null);
        }
        for (q, found) in [
            ("ann", "a"),
            ("ANN lee", "a"),
            ("lee ann", "a"),
            ("nn", ""),
            ("example.com", "ab"),
            ("bob@example.com", "b"),
            ("4930111", "a"),
            ("+49 30", "a"),
            ("u-5", "e"),
            ("émi", "c"),
            ("李", "d"),
            ("acme inc", "a"),
            ("vip", ""),
            ("%", ""),
            ("'", ""),
            ("\" OR words:*", ""),
            ("", "abcde"),
            ("  ", "abcde"),
        ] {
            let page = agent.api.post("/v1/contacts/search", &json!({"q": q})).await.expect(200);
            assert_eq!(letters(&page), found, "{q}");
        }
        // All filters and all words have to match.
        let several = json!({"q": "example", "filter": [
            {"field": "tags", "operator": "~", "value": "vip"},
            {"field": "custom.seats", "operator": "=", "value": "12"},
            {"field": "userId", "operator": "!=", "value": null},
        ]});
        let page = agent.api.post("/v1/contacts/search", &several).await.expect(200);
        assert_eq!(letters(&page), "a");
    })
    .await;
}

#[tokio::test]
async fn errors_name_the_invalid_part_of_a_filter() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    server.start_session(&json!({"user_id": "u", "custom_data": {"a": 1}})).await;
    let long = "x".repeat(1025);
    for (field, operator, value, part) in [
        ("secret", "=", json!("x"), "field"),
        ("", "=", json!("x"), "field"),
        ("custom.", "=", json!("x"), "field"),
        ("custom.a\tb", "=", json!("x"), "field"),
        ("custom.\"') OR 1=1", "=", json!("x"), "field"),
        ("claim_hash", "=", json!("x"), "field"),
        ("name", "==", json!("x"), "operator"),
        ("name", "LIKE", json!("x"), "operator"),
        ("source", "~", json!("api"), "operator"),
        ("source", "<", json!("api"), "operator"),
        ("tags", "<", json!("x"), "operator"),
        ("tags", ">", json!("x"), "operator"),
        ("lastSeenAt", "~", json!("2026"), "operator"),
        ("createdAt", "~", json!("2026"), "operator"),
        ("createdAt", ">", json!("yesterday"), "value"),
        ("createdAt", ">", json!(5), "value"),
        ("createdAt", "=", json!("2026-02-30"), "value"),
        ("lastSeenAt", ">", json!(null), "value"),
        ("source", "=", json!("nowhere"), "value"),
        ("source", "=", json!(1), "value"),
        ("userId", "=", json!(5), "value"),
        ("email", "=", json!(true), "value"),
        ("email", "~", json!(null), "value"),
        ("name", "=", json!(["Ann"]), "value"),
        ("name", "=", json!({"a": 1}), "value"),
        ("name", "=", json!(long), "value"),
        ("name", "=", json!("a\u{0}b"), "value"),
        ("tags", "=", json!(1), "value"),
        ("custom.a", "=", json!([1]), "value"),
        ("custom.a", "<", json!(true), "value"),
        ("custom.a", "~", json!(1), "value"),
        ("custom.a", "~", json!(null), "value"),
        ("custom.a", "=", json!(long), "value"),
    ] {
        let reply = agent.api.post("/v1/contacts/search", &only(field, operator, &value)).await;
        reply.expect_invalid(&format!("/filter/0/{part}"));
    }
    let good = json!({"field": "name", "operator": "~", "value": "a"});
    for (body, pointer) in [
        (json!({"filter": {}}), "/filter"),
        (json!({"filter": "name"}), "/filter"),
        (json!({"filter": vec![good.clone(); 21]}), "/filter"),
        (json!({"filter": [good, 5]}), "/filter/1"),
        (json!({"filter": [{"operator": "=", "value": 1}]}), "/filter/0/field"),
        (json!({"filter": [{"field": "name", "value": "x"}]}), "/filter/0/operator"),
        (json!({"filter": [{"field": "name", "operator": "="}]}), "/filter/0/value"),
        (json!({"filter": [{"field": 5, "operator": "=", "value": 1}]}), "/filter/0/field"),
        (json!({"q": 5}), "/q"),
        (json!({"q": "x".repeat(257)}), "/q"),
        (json!({"sort": "email"}), "/sort"),
        (json!({"sort": 5}), "/sort"),
        (json!({"limit": 0}), "/limit"),
        (json!({"limit": "x"}), "/limit"),
        (json!({"cursor": "x"}), "/cursor"),
        (json!({"includeVisitors": "yes"}), "/includeVisitors"),
    ] {
        agent.api.post("/v1/contacts/search", &body).await.expect_invalid(pointer);
    }
}
