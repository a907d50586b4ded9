//! Pages of contacts: every order returns each contact once, even if others change meanwhile.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;

use onethread_tests::{Agent, ApiResponse, Options, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{databases::on_each_database, imports::import};

const SORTS: [&str; 6] = ["name", "-name", "createdAt", "-createdAt", "lastSeenAt", "-lastSeenAt"];

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap().to_owned()
}

/// Reads all pages of a list, and calls `between` after each.
async fn read(agent: &Agent, sort: &str, limit: usize, between: impl AsyncFn(usize)) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    for page in 0.. {
        let path = format!("/v1/contacts?sort={sort}&limit={limit}{cursor}");
        let answer = agent.api.get(&path).await.expect(200);
        let new = answer["items"].as_array().unwrap();
        items.extend(new.iter().cloned());
        let Some(next) = answer["nextCursor"].as_str() else { break };
        assert_eq!(new.len(), limit, "only the last page is short");
        cursor = format!("&cursor={next}");
        between(page).await;
    }
    items
}

/// The same with a search that matches all contacts.
async fn search(agent: &Agent, sort: &str, limit: usize) -> Vec<String> {
    let mut body = json!({"sort": sort, "limit": limit,
        "filter": [{"field": "createdAt", "operator": ">", "value": "2020-01-01"}]});
    let mut ids = Vec::new();
    loop {
        let page = agent.api.post("/v1/contacts/search", &body).await.expect(200);
        ids.extend(page["items"].as_array().unwrap().iter().map(id));
        if page["nextCursor"].is_null() {
            return ids;
        }
        body["cursor"] = page["nextCursor"].clone();
    }
}

/// Returns the sort key of a contact: without case, in the order of Unicode.
fn key(sort: &str, item: &Value) -> (String, String) {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let field = sort.trim_start_matches('-');
    let value = if field == "name" { text(field).to_lowercase() } else { text(field) };
    (value, text("id"))
}

async fn create_contacts(server: &TestServer, agent: &Agent) {
    let names = [
        "Ann",
        "ann",
        "ANN",
        "anna",
        "Émile",
        "emile",
        "Zoë",
        "Ωmega",
        "ωmega",
        "Яна",
        "яна",
        "李小龙",
        "مريم",
        "🦆",
        "straße",
        "STRASSE",
        "e\u{301}mile",
        "Same",
        "Same",
        "Same",
        "İpek",
        "_",
        "%",
        "'",
        "ǅ",
        "ａｎｎ",
    ];
    for name in names {
        agent.api.post("/v1/contacts", &json!({"name": name})).await.expect(201);
    }
    // The rows of a file are created at the same time, and none of them was ever seen.
    let rows: String = (0..10).map(|n| format!("i-{n}\n")).collect();
    import(agent, &format!("user_id\n{rows}")).await;
    for n in 0..4 {
        server.start_session(&json!({"user_id": format!("seen-{n}")})).await;
    }
}

#[tokio::test]
async fn orders_are_the_same_on_both_databases() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        create_contacts(server, &agent).await;
        for sort in SORTS {
            let items = read(&agent, sort, 7, async |_| ()).await;
            assert_eq!(items.len(), 40);
            let mut keys: Vec<_> = items.iter().map(|item| key(sort, item)).collect();
            if sort.starts_with('-') {
                keys.reverse();
            }
            assert!(keys.is_sorted(), "{sort}: {keys:#?}");
            let ids: Vec<_> = items.iter().map(id).collect();
            assert_eq!(
                ids.iter().collect::<BTreeSet<_>>().len(),
                40,
                "{sort}: no contact is repeated"
            );
            for limit in [1, 13, 200] {
                assert_eq!(search(&agent, sort, limit).await, ids, "{sort} by {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn unchanged_contacts_are_read_once_while_others_change() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        create_contacts(server, &agent).await;
        let everybody = agent.contacts().await;
        let (moving, staying): (Vec<_>, Vec<_>) =
            everybody.iter().enumerate().partition(|(n, _)| n % 4 == 0);
        let staying: BTreeSet<_> = staying.into_iter().map(|(_, item)| id(item)).collect();
        for sort in SORTS {
            let items = read(&agent, sort, 7, async |page| {
                // Contacts that are created meanwhile may be on later pages.
                if page > 3 {
                    return;
                }
                let (_, moved) = moving[page % moving.len()];
                let name = if page.is_multiple_of(2) { "000" } else { "\u{10ffff}" };
                let path = format!("/v1/contacts/{}", id(moved));
                agent
                    .api
                    .patch(&path, &json!({"name": format!("{name} {page}")}))
                    .await
                    .expect(200);
                agent.api.post("/v1/contacts", &json!({"name": "New"})).await.expect(201);
                server.start_session(&json!({"user_id": format!("new-{sort}-{page}")})).await;
            });
            let ids: Vec<_> =
                items.await.iter().map(id).filter(|id| staying.contains(id)).collect();
            assert_eq!(ids.len(), staying.len(), "{sort}");
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), staying, "{sort}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_valid_for_its_list_only() {
    let server =
        TestServer::with(Options::default().env("ONETHREAD_OPERATOR_TOKEN", "operator")).await;
    let agent = server.log_in_owner().await;
    for n in 0..3 {
        agent.api.post("/v1/contacts", &json!({"name": format!("N {n}")})).await.expect(201);
    }
    let first = agent.api.get("/v1/contacts?sort=name&limit=1").await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let go_on = async |sort: &str, cursor: &str| {
        agent.api.get(&format!("/v1/contacts?sort={sort}&cursor={cursor}")).await
    };
    go_on("name", cursor).await.expect(200);
    for sort in ["-name", "createdAt", "-createdAt", "lastSeenAt", "-lastSeenAt", ""] {
        go_on(sort, cursor).await.expect_invalid("/cursor");
    }
    let shorter = &cursor[..cursor.len() - 2];
    for odd in ["x", "e30", "W10", "bnVsbA", shorter, "%00", "eyJrZXkiOjF9"] {
        go_on("name", odd).await.expect_invalid("/cursor");
    }

    // A search is another list, and so is a search with other filters.
    let all = json!({"field": "name", "operator": "~", "value": "n"});
    let body = json!({"sort": "name", "limit": 1, "filter": [all]});
    let page = agent.api.post("/v1/contacts/search", &body).await.expect(200);
    let mut next = body.clone();
    next["cursor"] = page["nextCursor"].clone();
    agent.api.post("/v1/contacts/search", &next).await.expect(200);
    for (name, value) in [
        ("q", json!("n")),
        ("filter", json!([])),
        ("filter", json!([{"field": "name", "operator": "~", "value": "N"}])),
        ("includeVisitors", json!(true)),
        ("sort", json!("-name")),
    ] {
        let mut other = next.clone();
        other[name] = value;
        agent.api.post("/v1/contacts/search", &other).await.expect_invalid("/cursor");
    }
    go_on("name", page["nextCursor"].as_str().unwrap()).await.expect_invalid("/cursor");
    // The page size may differ.
    next["limit"] = json!(200);
    let rest = agent.api.post("/v1/contacts/search", &next).await.expect(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);

    let other = json!({"organization": "other.example", "agentEmail": "o@other.example",
        "agentPassword": "a long enough password"});
    let operator = server.api.with_token("operator");
    let other = operator.post("/v1/organizations", &other).await.expect(201);
    let other = server.api.with_token(other["apiKey"].as_str().unwrap());
    let path = format!("/v1/contacts?sort=name&cursor={cursor}");
    ApiResponse::send(other.request(Method::GET, &path)).await.expect_invalid("/cursor");

    for limit in ["0", "-1", "x", "1.5"] {
        agent.api.get(&format!("/v1/contacts?limit={limit}")).await.expect_invalid("/limit");
    }
    let cut = agent.api.get("/v1/contacts?limit=100000").await.expect(200);
    assert_eq!(cut["items"].as_array().unwrap().len(), 3);
}
