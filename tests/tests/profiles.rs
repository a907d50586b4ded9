//! Profiles of contacts: attributes and their bounds, browser and system, named events.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use onethread_tests::{ApiResponse, Random, TestServer, Widget, row_counts};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::databases::on_each_database;

fn attributes(keys: std::ops::Range<usize>) -> Value {
    Value::Object(keys.map(|n| (format!("k{n:03}"), json!(n))).collect::<Map<_, _>>())
}

fn pointers(warnings: &Value) -> Vec<&str> {
    let warnings = warnings.as_array().unwrap().iter();
    warnings.map(|warning| warning["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn attributes_over_their_bounds_are_warnings_for_an_init_and_errors_for_an_agent() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let full =
            server.start_session(&json!({"user_id": "u", "custom_data": attributes(0..100)})).await;
        assert_eq!(full.start["warnings"], json!([]));
        let path = format!("/v1/contacts/{}", full.contact_id());
        let more =
            server.start_session(&json!({"user_id": "u", "custom_data": {"one_more": 1}})).await;
        assert_eq!(pointers(&more.start["warnings"]), ["/user/custom_data/one_more"]);
        let refused = agent.api.patch(&path, &json!({"customData": {"one_more": 1}})).await;
        refused.expect_invalid("/customData/one_more");
        // After one is removed, another one can be added.
        let swap = json!({"customData": {"a": 1, "k050": null, "k051": 0}});
        let held = agent.api.patch(&path, &swap).await.expect(200)["customData"].clone();
        let held = held.as_object().unwrap();
        assert_eq!((held.len(), &held["a"], &held["k051"]), (100, &json!(1), &json!(0)));
        assert!(!held.contains_key("k050"));

        for (key, value) in [
            ("a".repeat(65), json!(1)),
            (String::new(), json!(1)),
            ("ä".repeat(65), json!(1)),
            ("a\tb".to_owned(), json!(1)),
            ("a\u{202e}b".to_owned(), json!(1)),
            ("a/b~".to_owned(), json!(1)),
            ("ok".to_owned(), json!("x".repeat(1025))),
            ("ok".to_owned(), json!("é".repeat(513))),
            ("ok".to_owned(), json!("a\u{0}")),
            ("ok".to_owned(), json!([1])),
            ("ok".to_owned(), json!({"a": 1})),
        ] {
            let escaped = key.replace('~', "~0").replace('/', "~1");
            let mut data = Map::from_iter([(key, value)]);
            let user = json!({"user_id": "w", "custom_data": data});
            let warned = server.start_session(&user).await;
            let pointer = format!("/user/custom_data/{escaped}");
            assert_eq!(pointers(&warned.start["warnings"]), [pointer]);
            assert_eq!(warned.start["contact"]["customData"], json!({}));
            data.insert("good".to_owned(), json!(1));
            let refused = agent.api.patch(&path, &json!({"customData": data})).await;
            refused.expect_invalid(&format!("/customData/{escaped}"));
            let made = agent.api.post("/v1/contacts", &json!({"customData": data})).await;
            made.expect_invalid(&format!("/customData/{escaped}"));
        }
        let kept = agent.api.get(&path).await.expect(200);
        assert_eq!(kept["customData"].as_object().unwrap().len(), 100, "nothing was half written");

        let good = json!({
            "a".repeat(64): "x".repeat(1024), "A-Z.a_z-09": "é".repeat(512), "day": "2026-01-02",
            "moment": "2026-01-02T03:04:05.678+09:00", "whole": 5, "part": -2.5, "big": 9_007_199_254_740_992_i64,
            "Subscription Status": "active", "Кількість оплат": 3, "お客様 番号": "x",
            "yes": true, "no": false, "empty": "", "zeros": "007",
        });
        let person = server.start_session(&json!({"user_id": "g", "custom_data": good})).await;
        assert_eq!(person.start["warnings"], json!([]));
        assert_eq!(person.start["contact"]["customData"], good);
        let held = agent.contact(person.contact_id()).await.unwrap();
        assert_eq!(held["customData"], good);
    })
    .await;
}

async fn init_from(server: &TestServer, agent: &str, user: &str, platform: Option<&str>) -> Widget {
    let mut body = server.init_body(&json!({"user_id": user}));
    body["platform"] = json!(platform);
    body["locale"] = json!("de-DE");
    body["timeZone"] = json!("Europe/Berlin");
    body["page"] = json!({"url": "https://example.com/a?b=c", "title": "Ä", "referrer": ""});
    let request = server.api.request(Method::POST, "/widget/v1/init").header("user-agent", agent);
    Widget::new(server, ApiResponse::send(request.json(&body)).await.expect(200))
}

#[tokio::test]
async fn agents_see_browser_and_system_of_a_contact() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    for (n, (user_agent, platform, browser, system)) in [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/120.0.0.0 Safari/537.36",
            None,
            "Chrome",
            "Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
            Some("ios"),
            "Safari",
            "iPhone",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
            Some("web"),
            "Firefox",
            "Linux",
        ),
        ("nonsense", Some("android"), "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let widget = init_from(&server, user_agent, &format!("u-{n}"), platform).await;
        let path = format!("/v1/contacts/{}", widget.contact_id());
        let seen = agent.api.get(&path).await.expect(200);
        for (name, part) in [("browser", browser), ("system", system)] {
            let text = seen[name].as_str().unwrap_or_default();
            assert!(text.starts_with(part) && text.is_empty() == part.is_empty(), "{seen}");
        }
        assert_eq!(seen["platform"], platform.unwrap_or("web"), "{seen}");
        assert_eq!(
            (&seen["locale"], &seen["timeZone"]),
            (&json!("de-DE"), &json!("Europe/Berlin"))
        );
        assert_eq!(seen["page"]["url"], "https://example.com/a?b=c");
        assert_eq!(seen["page"]["title"], "Ä");
        assert_eq!((&seen["sessions"], &seen["firstSeenAt"]), (&json!(1), &seen["lastSeenAt"]));
        assert_eq!(seen["devices"].as_array().unwrap().len(), 1);
    }
    let odd = json!({"platform": "toaster"});
    let mut body = server.init_body(&json!({}));
    body["platform"] = odd["platform"].clone();
    server.api.post("/widget/v1/init", &body).await.expect_invalid("/platform");
}

#[tokio::test]
async fn events_are_stored_only_for_contacts_with_a_row() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let known = server.start_session(&json!({"user_id": "u"})).await;
        let track =
            async |widget: &Widget, body: Value| widget.api.post("/widget/v1/track", &body).await;
        for n in 0..22 {
            let data = json!({"n": n, "deep": {"list": [1, "ä", null]}});
            let tracked = track(&known, json!({"name": format!("event {n}"), "data": data})).await;
            assert_eq!(tracked.status, 204, "{}", tracked.text);
        }
        assert_eq!(track(&known, json!({"name": "bare"})).await.status, 204);
        let path = format!("/v1/contacts/{}", known.contact_id());
        let events = agent.api.get(&path).await.expect(200)["events"].clone();
        let events = events.as_array().unwrap();
        assert_eq!(events.len(), 20, "the last ones");
        assert_eq!((&events[0]["name"], &events[0]["data"]), (&json!("bare"), &json!({})));
        assert_eq!(events[1]["name"], "event 21");
        assert_eq!(events[1]["data"], json!({"n": 21, "deep": {"list": [1, "ä", null]}}));
        for (body, pointer) in [
            (json!({}), "/name"),
            (json!({"name": 5}), "/name"),
            (json!({"name": ""}), "/name"),
            (json!({"name": "x".repeat(65)}), "/name"),
            (json!({"name": "a\nb"}), "/name"),
            (json!({"name": "a", "data": [1]}), "/data"),
            (json!({"name": "a", "data": {"a": "x".repeat(4096)}}), "/data"),
            (json!({"name": "a", "data": {"a": "\u{0}"}}), "/data"),
        ] {
            track(&known, body).await.expect_invalid(pointer);
        }
    })
    .await;
    let server = TestServer::new().await;
    let before = row_counts(&server.process.data_dir()).await;
    let visitor = server.start_session(&json!({"name": "Vera"})).await;
    let tracked = visitor.api.post("/widget/v1/track", &json!({"name": "seen", "data": {}})).await;
    assert_eq!(tracked.status, 204);
    let change = json!({"company": "Vera, Inc.", "custom_data": {"a": 1}});
    visitor.api.patch("/widget/v1/contact", &change).await.expect(200);
    assert_eq!(row_counts(&server.process.data_dir()).await, before);
}

#[tokio::test]
async fn agents_see_the_page_on_which_a_person_did_something() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let at = |path: &str| json!({"url": format!("https://shop.example{path}"), "title": path});
        let person = server.start_session(&json!({"user_id": "walker"})).await;
        let url = async || {
            let contact = agent.contact(person.contact_id()).await.unwrap();
            contact["page"]["title"].as_str().map(str::to_owned)
        };
        let message = |path: &str| json!({"clientMessageId": Random::new().uuid(), "text": path, "page": at(path)});
        person.api.post("/widget/v1/messages", &message("/cart")).await.expect(201);
        assert_eq!(url().await.as_deref(), Some("/cart"));
        let event = json!({"name": "moved", "page": at("/pay")});
        person.api.post("/widget/v1/track", &event).await.expect(204);
        assert_eq!(url().await.as_deref(), Some("/pay"));
        let change = json!({"name": "Walker", "page": at("/me")});
        let changed = person.api.patch("/widget/v1/contact", &change).await.expect(200);
        assert_eq!((&changed["name"], &changed["warnings"]), (&json!("Walker"), &json!([])));
        assert_eq!(url().await.as_deref(), Some("/me"));
        // A page that can't be read harms nothing, and none leaves the last one.
        let event = json!({"name": "moved", "page": 5});
        person.api.post("/widget/v1/track", &event).await.expect(204);
        person.api.post("/widget/v1/track", &json!({"name": "moved"})).await.expect(204);
        assert_eq!(url().await.as_deref(), Some("/me"));

        // A visitor with a row, who has logged in nowhere.
        let visitor = server.start_session(&json!({})).await;
        let form = json!({"fields": {"name": "Vi", "email": "vi@example.com"}, "page": at("/form")});
        let session = visitor.api.post("/widget/v1/pre-chat", &form).await.expect(200);
        let api = server.api.with_token(session["session"]["token"].as_str().unwrap());
        api.post("/widget/v1/messages", &message("/faq")).await.expect(201);
        let path = format!("/v1/contacts/{}", visitor.contact_id());
        assert_eq!(agent.api.get(&path).await.expect(200)["page"]["title"], "/faq");
        // Nothing is stored of a visitor without a row.
        let nobody = server.start_session(&json!({})).await;
        let event = json!({"name": "moved", "page": at("/x")});
        nobody.api.post("/widget/v1/track", &event).await.expect(204);
        let path = format!("/v1/contacts/{}", nobody.contact_id());
        agent.api.get(&path).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn lists_of_large_contacts_are_served_in_shorter_pages() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let text = "v".repeat(1000);
        let large: Map<_, _> = (0..100).map(|n| (format!("k{n:02}"), json!(text))).collect();
        for n in 0..45 {
            let user = json!({"user_id": format!("large{n}"), "custom_data": large});
            server.start_session(&user).await.send("here").await;
        }
        // 64 KiB of each are stored: in total far more than a page.
        assert_eq!(agent.contacts().await.len(), 45);
        let first = agent.api.get("/v1/contacts?limit=200").await.expect(200);
        let count = first["items"].as_array().unwrap().len();
        assert!((1..=16).contains(&count) && first["nextCursor"].is_string(), "{count}");
        let search = json!({"q": "large", "limit": 200});
        agent.api.post("/v1/contacts/search", &search).await.expect(200);
        let open = agent.api.get("/v1/conversations?status=open&limit=100").await.expect(200);
        assert_eq!(open["items"].as_array().unwrap().len(), 45);
        let export = agent.api.get("/v1/contacts/export.csv").await;
        assert_eq!((export.status, export.text.lines().count()), (200, 46));

        // A visitor may have far less until the page names them.
        let visitor = server.start_session(&json!({})).await;
        let form = json!({"fields": {"name": "V", "email": "v@example.com"}, "user": {"custom_data": large}});
        let session = visitor.api.post("/widget/v1/pre-chat", &form).await.expect(200);
        assert_eq!(session["contact"]["customData"].as_object().unwrap().len(), 4);
        assert_eq!(pointers(&session["warnings"]).len(), 96);
    })
    .await;
}

#[tokio::test]
async fn numbers_beyond_2_to_the_53_keep_their_digits_as_a_text() {
    on_each_database(async |server| {
        let agent = server.log_in_owner().await;
        let digits = ["9007199254740993", "-9007199254740993", "123456789012345678901234567890"];
        let [one, other, long] = digits;
        let data = format!(r#"{{"one": {one}, "other": {other}, "long": {long}, "small": 5}}"#);
        let kept = json!({"one": one, "other": other, "long": long, "small": 5});
        let send = async |method: Method, api: &onethread_tests::Api, path: &str, body: String| {
            let request = api.request(method, path).header("content-type", "application/json");
            ApiResponse::send(request.body(body)).await
        };
        let names = ["long", "one", "other"];
        let at = |parent: &str| names.map(|name| format!("{parent}/{name}"));

        let body = server.init_body(&json!({"user_id": "u", "custom_data": "DATA"})).to_string();
        let body = body.replace("\"DATA\"", &data);
        let session = send(Method::POST, &server.api, "/widget/v1/init", body).await.expect(200);
        assert_eq!(session["contact"]["customData"], kept);
        assert_eq!(pointers(&session["warnings"]), at("/user/custom_data"));
        let person = Widget::new(server, session);
        let body = format!(r#"{{"custom_data": {data}}}"#);
        let changed = send(Method::PATCH, &person.api, "/widget/v1/contact", body).await;
        assert_eq!(pointers(&changed.expect(200)["warnings"]), at("/custom_data"));
        let body = format!(r#"{{"name": "bought", "data": {data}}}"#);
        send(Method::POST, &person.api, "/widget/v1/track", body).await.expect(204);
        let path = format!("/v1/contacts/{}", person.contact_id());
        assert_eq!(agent.api.get(&path).await.expect(200)["events"][0]["data"], kept);
        let body = format!(r#"{{"customData": {data}}}"#);
        let changed = send(Method::PATCH, &agent.api, &path, body.clone()).await.expect(200);
        assert_eq!(
            (&changed["customData"], pointers(&changed["warnings"])),
            (&kept, at("/customData").to_vec().iter().map(String::as_str).collect())
        );
        let made = send(Method::POST, &agent.api, "/v1/contacts", body).await.expect(201);
        assert_eq!((&made["customData"], pointers(&made["warnings"]).len()), (&kept, 3));
        let search = format!(
            r#"{{"filter": [{{"field": "custom.long", "operator": "=", "value": {long}}}]}}"#
        );
        let found = send(Method::POST, &agent.api, "/v1/contacts/search", search).await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 2);
        // Elsewhere it is a number.
        for member in ["user_id", "security_hash"] {
            let user = json!({"user_id": "w", member: "ID"});
            let body = server.init_body(&user).to_string().replace("\"ID\"", long);
            let reply = send(Method::POST, &server.api, "/widget/v1/init", body).await;
            reply.expect_invalid(&format!("/user/{member}"));
        }
        // A text that looks like one is a text.
        let text = json!({"user_id": "w", "custom_data": {"a": "\u{0}#123"}});
        assert_eq!(
            pointers(&server.start_session(&text).await.start["warnings"]),
            ["/user/custom_data/a"]
        );
    })
    .await;
}
