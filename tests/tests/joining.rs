//! Merges: of a visitor into the contact who logs in, and of two contacts by an agent.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::time::Duration;

use onethread_tests::{
    Agent, Api, SHORT_TIMEOUT, StoredMessage, TestServer, View, Widget, wait_until,
};
use serde_json::{Value, json};

const REVOCATION_TIMEOUT: Duration = Duration::from_secs(1);

/// Creates a visitor who has submitted the form and sent these texts.
pub(crate) async fn visitor(server: &TestServer, texts: &[&str]) -> Widget {
    let opened = server.start_session(&json!({})).await;
    let form = json!({"name": "Vera", "email": "vera@example.com"});
    let visitor = Widget::new(server, opened.submit_form(&form).await.expect(200));
    for text in texts {
        visitor.send(text).await;
    }
    visitor
}

/// Returns the texts of the messages, with `*` for each merge event.
fn texts(messages: &[Value]) -> Vec<&str> {
    let text = |message: &Value| message["kind"] == "text";
    let texts = messages.iter().map(|m| if text(m) { m["text"].as_str().unwrap() } else { "*" });
    texts.collect()
}

fn in_order(messages: &[Value]) -> bool {
    let mut before = 0;
    messages.iter().all(|message| {
        let follows = message["prevSeq"] == before && message["seq"].as_i64() > Some(before);
        before = message["seq"].as_i64().unwrap();
        follows
    })
}

fn first(widget: &Widget) -> &[Value] {
    widget.start["conversation"]["messages"].as_array().unwrap()
}

#[tokio::test]
async fn a_visitor_s_messages_follow_those_of_the_contact() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let user = json!({"user_id": "u", "name": "Uma"});
    let phone = server.start_session(&user).await;
    phone.send("from the phone").await;
    let visitor = visitor(&server, &["who are you?"]).await;
    let reply = agent.reply(visitor.contact_id(), "guess").await;
    let body = json!({"clientMessageId": server.random.uuid(), "text": "no idea"});
    let last = visitor.api.post("/widget/v1/messages", &body).await.expect(201);
    let before = visitor.messages().await;
    wait_until("the visitor in Contacts", SHORT_TIMEOUT, async || {
        agent.contact(visitor.contact_id()).await
    })
    .await;
    let (mut on_phone, mut on_page) = (phone.events().await, visitor.events().await);
    let mut at_desk = agent.events().await;
    at_desk.expect("reload").await;

    let known = server.start_session_on(&visitor.device(), &json!({"user_id": "u"})).await;
    assert_eq!(known.contact_id(), phone.contact_id());
    assert_eq!(known.start["conversation"]["id"], phone.contact_id());
    let whole = ["from the phone", "*", "who are you?", "guess", "no idea"];
    assert_eq!(texts(first(&known)), whole, "{}", known.start);
    let mark = &first(&known)[1];
    assert_eq!((&mark["kind"], &mark["author"]["kind"]), (&json!("event"), &json!("system")));
    assert_eq!(
        (&mark["author"]["id"], &mark["clientMessageId"]),
        (&visitor.start["contact"]["id"], &Value::Null)
    );
    // Only the number and the author of the moved messages have changed.
    for (was, is) in before.iter().zip(&first(&known)[2..]) {
        for same in ["id", "text", "createdAt", "clientMessageId", "kind"] {
            assert_eq!(was[same], is[same], "{same}");
        }
    }
    assert_eq!(first(&known)[2]["author"]["id"], phone.contact_id());
    assert_eq!(first(&known)[3]["author"], reply["author"]);
    // All readers see the same order.
    for thread in [phone.messages().await, known.messages().await] {
        assert_eq!(texts(&thread), whole);
        assert!(in_order(&thread), "{thread:#?}");
    }
    assert_eq!(known.start["conversation"]["lastSeq"], 5);
    for text in &whole[1..] {
        let message = on_phone.expect_without("message", "session-ended").await;
        assert_eq!(texts(&[message]), [*text]);
    }
    // The contact's own fields stay, and missing ones come from the visitor.
    let contact = &known.start["contact"];
    assert_eq!((&contact["name"], &contact["email"]), (&json!("Uma"), &json!("vera@example.com")));

    // The visitor's stream, token and contact don't exist any more.
    let events = on_page.until_end(SHORT_TIMEOUT).await;
    let last_event = events.last().map(|event| event.name.as_str());
    assert!(matches!(last_event, Some("reload" | "session-ended")), "{last_event:?}");
    visitor.try_send("late").await.expect_problem(401, "session-ended");
    visitor.api.get("/widget/v1/messages").await.expect_problem(401, "session-ended");
    gone(&agent, visitor.contact_id()).await;
    assert_eq!(agent.contacts().await.len(), 1);
    // Agents see one conversation, and find it by the old id too.
    at_desk.expect("reload").await;
    let list = agent.api.all("/v1/conversations").await;
    assert_eq!(list.len(), 1, "{list:#?}");
    assert_eq!(
        (&list[0]["id"], &list[0]["contact"]["name"]),
        (&json!(phone.contact_id()), &json!("Uma"))
    );
    let by_old_id = agent.api.get(&format!("/v1/conversations/{}", visitor.contact_id())).await;
    assert_eq!(by_old_id.expect(200)["id"], phone.contact_id());
    // A message that is sent again after the login is recognized.
    let again = known.api.post("/widget/v1/messages", &body).await.expect(200);
    assert_eq!((&again["id"], &again["seq"]), (&last["id"], &json!(5)));
    known.send("now I know").await;
    assert_eq!(phone.message_texts().await.last().unwrap(), "now I know");
}

/// Checks that no call finds this id or reveals that it existed.
async fn gone(agent: &Agent, id: &str) {
    let unknown = "00000000-0000-7000-8000-000000000000";
    let other = "00000000-0000-7000-8000-000000000001";
    let mut answers = Vec::new();
    for id in [id, unknown] {
        let path = format!("/v1/contacts/{id}");
        let body = json!({"clientMessageId": unknown, "text": "x"});
        for reply in [
            agent.api.get(&path).await,
            agent.api.patch(&path, &json!({"name": "x"})).await,
            agent.api.post(&format!("{path}/merge"), &json!({"intoId": other})).await,
            agent.api.post(&format!("{path}/messages"), &body).await,
        ] {
            let mut problem = reply.expect_problem(404, "not-found");
            problem["traceId"] = Value::Null;
            answers.push(problem);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn a_visitor_is_merged_when_the_page_identifies_the_contact_again() {
    let server = TestServer::new().await;
    let app = server.start_session(&json!({"user_id": "u"})).await;
    app.send("in the app").await;
    let landing = server.start_session_on(&app.device(), &json!({})).await;
    landing.submit_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    landing.send("on the landing page").await;
    assert_eq!(app.message_texts().await, ["in the app"]);
    let mut stream = app.events().await;

    let again = server.start_session_on(&landing.device(), &json!({"user_id": "u"})).await;
    assert_eq!(texts(first(&again)), ["in the app", "*", "on the landing page"]);
    // The earlier session continues.
    stream.expect_without("message", "session-ended").await;
    app.send("still here").await;
    landing.try_send("late").await.expect_problem(401, "session-ended");
    // The next visitor on the device starts empty, and the next login merges nothing more.
    let next = server.start_session_on(&again.device(), &json!({})).await;
    assert_eq!(next.initial_texts(), Vec::<&str>::new());
    let whole = ["in the app", "*", "on the landing page", "still here"];
    for device in [landing.device(), again.device(), next.device()] {
        let same = server.start_session_on(&device, &json!({"user_id": "u"})).await;
        assert_eq!(texts(first(&same)), whole);
    }
}

#[tokio::test]
async fn a_thread_is_never_merged_into_another_person_s() {
    let server = TestServer::new().await;
    let user = |id: &str| json!({"user_id": id});
    for known in ["u", "v"] {
        server.start_session(&user(known)).await.send(known).await;
    }
    // Another contact on the device sees nothing of the first one or of the visitor.
    let uma = server.start_session(&user("u")).await;
    let second_visitor = server.start_session_on(&uma.device(), &json!({})).await;
    second_visitor.submit_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    second_visitor.send("beside Uma").await;
    let mut stream = uma.events().await;
    let vic = server.start_session_on(&second_visitor.device(), &user("v")).await;
    assert_eq!(vic.initial_texts(), ["v"]);
    stream.expect("session-ended").await;
    stream.until_end(REVOCATION_TIMEOUT).await;
    for stale in [uma.device(), second_visitor.device(), vic.device()] {
        assert_eq!(server.start_session_on(&stale, &user("v")).await.message_texts().await, ["v"]);
    }
    // Messages from before a logout aren't merged either.
    let left = visitor(&server, &["before the logout"]).await;
    let left = server.start_session_on(&left.device(), &user("x")).await;
    let fresh = left.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    let fresh = Widget::new(&server, fresh);
    for device in [left.device(), fresh.device()] {
        assert_eq!(server.start_session_on(&device, &user("u")).await.message_texts().await, ["u"]);
    }
    // Neither do an equal email, name or phone number merge anything.
    let fields = json!({"email": "same@example.com", "name": "Same", "phone": "+49 30 1"});
    let mut named = fields.clone();
    named["user_id"] = json!("w");
    let will = server.start_session(&named).await;
    will.send("w").await;
    let other = server.start_session(&fields).await;
    other.submit_form(&fields).await.expect(200);
    other.send("somebody of that name").await;
    assert_eq!(server.start_session(&named).await.message_texts().await, ["w"]);
    assert_eq!(other.message_texts().await, ["somebody of that name"]);
}

#[tokio::test]
async fn a_rejected_proof_merges_nothing_and_a_valid_one_does() {
    let server = TestServer::new().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    server.start_session(&claimed).await.send("mine").await;
    let left = visitor(&server, &["who am I?"]).await;
    for wrong in [json!({"user_id": "u"}), json!({"user_id": "u", "security_hash": "x"})] {
        let refused =
            server.init_on(&left.device(), &wrong).await.expect_problem(403, "identity-refused");
        // Messages of the clean session are never merged by a later login.
        let clean = Widget::new(&server, refused["cleanSession"].clone());
        clean.submit_form(&json!({"name": "C", "email": "c@example.com"})).await.expect(200);
        clean.send("in the clean chat").await;
        let known = server.start_session_on(&clean.device(), &claimed).await;
        assert_eq!(known.initial_texts(), ["mine"]);
        assert_eq!(clean.message_texts().await, ["in the clean chat"]);
    }
    left.send("still me").await;
    let known = server.start_session_on(&left.device(), &claimed).await;
    assert_eq!(texts(first(&known)), ["mine", "*", "who am I?", "still me"]);
}

#[tokio::test]
async fn concurrent_logins_of_one_device_merge_once() {
    let server = TestServer::new().await;
    let user = json!({"user_id": "u"});
    server.start_session(&user).await.send("known").await;
    let left = visitor(&server, &["one", "two"]).await;
    let device = left.device();
    let logins = futures::future::join_all((0..64).map(|_| server.init_on(&device, &user))).await;
    for login in logins {
        login.expect(200);
    }
    let whole = ["known", "*", "one", "two"];
    let now = server.start_session(&user).await;
    wait_until("the messages", SHORT_TIMEOUT, async || {
        (texts(&now.messages().await) == whole).then_some(())
    })
    .await;
    assert_eq!(server.log_in_owner().await.contacts().await.len(), 1);
}

#[tokio::test]
async fn an_agent_merges_two_contacts() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let by_api_key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    let uma = server.start_session(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.send("as Uma").await;
    let left = visitor(&server, &["as nobody"]).await;
    let merge = async |api: &Api, id: &str, body: Value| {
        api.post(&format!("/v1/contacts/{id}/merge"), &body).await
    };
    let into = |id: &str| json!({"intoId": id});

    let trial = json!({"intoId": uma.contact_id(), "dryRun": true});
    let would = merge(&agent.api, left.contact_id(), trial).await.expect(200);
    assert_eq!(
        (&would["id"], &would["email"]),
        (&json!(uma.contact_id()), &json!("vera@example.com"))
    );
    assert_eq!(uma.message_texts().await, ["as Uma"]);
    left.send("still nobody").await;
    let mut page = left.events().await;
    let one = merge(&by_api_key, left.contact_id(), into(uma.contact_id())).await.expect(200);
    for same in ["id", "userId", "name", "email", "source", "tags"] {
        assert_eq!(one[same], would[same], "{same}");
    }
    assert_eq!(texts(&uma.messages().await), ["as Uma", "*", "as nobody", "still nobody"]);
    page.until_end(SHORT_TIMEOUT).await;
    left.try_send("late").await.expect_problem(401, "session-ended");
    gone(&agent, left.contact_id()).await;
    let new = server.start_session_on(&left.device(), &json!({})).await;
    assert_eq!(new.initial_texts(), Vec::<&str>::new());
    assert_ne!(new.contact_id(), left.contact_id());

    let audit = agent.api.all("/v1/audit").await;
    let entry = audit.iter().find(|entry| entry["action"] == "contact.joined").unwrap();
    assert_eq!(entry["subject"], uma.contact_id());
    assert!(entry["detail"].as_str().unwrap().contains(left.contact_id()), "{entry}");
}

#[tokio::test]
async fn merges_that_are_rejected() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let (u, v) = (
        server.start_session(&json!({"user_id": "u"})).await,
        server.start_session(&json!({"user_id": "v"})).await,
    );
    let path = format!("/v1/contacts/{}/merge", u.contact_id());
    for trial in [true, false] {
        let body = json!({"intoId": v.contact_id(), "dryRun": trial});
        agent.api.post(&path, &body).await.expect_problem(409, "two-user-ids");
    }
    for (pointer, body) in [
        ("/intoId", json!({})),
        ("/intoId", json!({"intoId": 7})),
        ("/intoId", json!({"intoId": "nobody"})),
        ("/intoId", json!({"intoId": u.contact_id()})),
        ("/dryRun", json!({"intoId": v.contact_id(), "dryRun": "yes"})),
    ] {
        agent.api.post(&path, &body).await.expect_invalid(pointer);
    }
    let unknown = "00000000-0000-7000-8000-000000000000";
    let mut answers = Vec::new();
    for (id, into) in [(u.contact_id(), unknown), (unknown, u.contact_id()), ("nobody", unknown)] {
        let path = format!("/v1/contacts/{id}/merge");
        let mut problem =
            agent.api.post(&path, &json!({"intoId": into})).await.expect_problem(404, "not-found");
        problem["traceId"] = Value::Null;
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    u.api.post(&path, &json!({"intoId": v.contact_id()})).await.expect_problem(403, "forbidden");
    server
        .api
        .post(&path, &json!({"intoId": v.contact_id()}))
        .await
        .expect_problem(401, "session-ended");
    assert_eq!(agent.contacts().await.len(), 2);
}

#[tokio::test]
async fn the_contact_with_the_user_id_stays_whatever_was_asked() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    let uma = server.start_session(&claimed).await;
    uma.send("as Uma").await;
    let made = json!({"email": "uma@example.com", "name": "Uma", "phone": "+49 30 1"});
    let made = agent.api.post("/v1/contacts", &made).await.expect(201);
    let path = format!("/v1/contacts/{}/merge", uma.contact_id());
    let one = agent.api.post(&path, &json!({"intoId": made["id"]})).await.expect(200);
    assert_eq!((&one["id"], &one["userId"]), (&json!(uma.contact_id()), &json!("u")));
    assert_eq!(one["phone"], "+49 30 1");
    gone(&agent, made["id"].as_str().unwrap()).await;
    uma.send("still here").await;
    server.init(&json!({"user_id": "u"})).await.expect_problem(403, "identity-refused");
    let again = server.start_session_on(&uma.device(), &claimed).await;
    assert_eq!(texts(first(&again)), ["as Uma", "still here"]);
}

#[tokio::test]
async fn a_merge_into_a_visitor_shows_the_visitor_nothing_of_a_known_contact() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    for round in 0..8 {
        let email = format!("victim{round}@example.com");
        let victim =
            json!({"user_id": format!("victim{round}"), "security_hash": "h", "email": email});
        let victim = server.start_session(&victim).await;
        for n in 0..5 {
            victim.send(&format!("victim's secret {n}")).await;
        }
        // Somebody gives the victim's email in the form, reads the stream and polls.
        let attacker = server.start_session(&json!({})).await;
        attacker.submit_form(&json!({"name": "V.", "email": email})).await.expect(200);
        attacker.send("hello, it is me").await;
        let mut stream = attacker.events().await;
        let path = format!("/v1/contacts/{}/merge", victim.contact_id());
        let into = json!({"intoId": attacker.contact_id()});
        let merge = agent.api.post(&path, &into);
        let poll = async {
            let mut seen = String::new();
            loop {
                let reply = attacker.api.get("/widget/v1/messages?limit=200").await;
                seen.push_str(&reply.text);
                if reply.status != 200 {
                    return seen;
                }
            }
        };
        let (merged, polled) = futures::future::join(merge, poll).await;
        assert_eq!(merged.expect(200)["id"], victim.contact_id());
        assert!(!polled.contains("victim's secret"), "{polled}");
        let events = stream.until_end(SHORT_TIMEOUT).await;
        assert!(!format!("{events:?}").contains("victim's secret"), "{events:?}");
        let page = server.start_session_on(&attacker.device(), &json!({})).await;
        assert_ne!(page.contact_id(), victim.contact_id());
        assert_eq!(page.initial_texts(), Vec::<&str>::new());
        receives(&victim, "hello, it is me").await;
    }
}

#[tokio::test]
async fn a_login_that_ends_sessions_merges_when_they_have_ended() {
    let server = TestServer::new().await;
    for round in 0..6 {
        // A page reads the stream of a user id that isn't proven yet.
        let user = format!("victim{round}");
        let attacker = server.start_session(&json!({"user_id": user})).await;
        let mut stream = attacker.events().await;
        // The person writes as a visitor and logs in with the first proof.
        let victim = visitor(&server, &["the visitor's secret"]).await;
        let proved = json!({"user_id": user, "security_hash": "h"});
        let victim = server.start_session_on(&victim.device(), &proved).await;
        let events = stream.until_end(SHORT_TIMEOUT).await;
        assert!(!format!("{events:?}").contains("secret"), "{events:?}");
        receives(&victim, "the visitor's secret").await;
    }
}

/// Waits until the thread has this text. A merge waits until revoked sessions have ended.
async fn receives(widget: &Widget, text: &str) {
    wait_until("the merged messages", SHORT_TIMEOUT, async || {
        widget.message_texts().await.iter().any(|one| one == text).then_some(())
    })
    .await;
}

/// Returns all messages as a reader sees them.
pub(crate) async fn view(reader: &str, widget: &Widget) -> View {
    let messages = widget.messages().await.iter().map(StoredMessage::from_json).collect();
    View { reader: reader.to_owned(), after: 0, messages }
}
