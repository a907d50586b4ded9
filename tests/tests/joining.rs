//! A visitor's thread becomes part of the thread of whoever they turn out to be; two contacts are
//! joined by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::time::Duration;

use onethread_tests::{Agent, Api, SHORT, Stage, Stored, View, Widget, until};
use serde_json::{Value, json};

const AT_ONCE: Duration = Duration::from_secs(1);

/// A visitor who sent the form and these texts.
pub(crate) async fn visitor(stage: &Stage, texts: &[&str]) -> Widget {
    let opened = stage.open(&json!({})).await;
    let form = json!({"name": "Vera", "email": "vera@example.com"});
    let visitor = Widget::new(stage, opened.fill_form(&form).await.expect(200));
    for text in texts {
        visitor.say(text).await;
    }
    visitor
}

/// The texts that people wrote; what tells of a joining stands between them as `*`.
fn told(messages: &[Value]) -> Vec<&str> {
    let text = |message: &Value| message["kind"] == "text";
    let told = messages.iter().map(|m| if text(m) { m["text"].as_str().unwrap() } else { "*" });
    told.collect()
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
async fn a_visitor_s_messages_follow_those_of_the_person_they_are() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let user = json!({"user_id": "u", "name": "Uma"});
    let phone = stage.open(&user).await;
    phone.say("from the phone").await;
    let visitor = visitor(&stage, &["who are you?"]).await;
    let reply = agent.answer(visitor.contact_id(), "guess").await;
    let body = json!({"clientMessageId": stage.chance.uuid(), "text": "no idea"});
    let last = visitor.api.post("/widget/v1/messages", &body).await.expect(201);
    let before = visitor.thread().await;
    until("the visitor in Contacts", SHORT, async || agent.contact(visitor.contact_id()).await)
        .await;
    let (mut on_phone, mut on_page) = (phone.events().await, visitor.events().await);
    let mut at_desk = agent.events().await;
    at_desk.expect("reload").await;

    let known = stage.open_on(&visitor.device(), &json!({"user_id": "u"})).await;
    assert_eq!(known.contact_id(), phone.contact_id());
    assert_eq!(known.start["conversation"]["id"], phone.contact_id());
    let whole = ["from the phone", "*", "who are you?", "guess", "no idea"];
    assert_eq!(told(first(&known)), whole, "{}", known.start);
    let mark = &first(&known)[1];
    assert_eq!((&mark["kind"], &mark["author"]["kind"]), (&json!("event"), &json!("system")));
    assert_eq!(
        (&mark["author"]["id"], &mark["clientMessageId"]),
        (&visitor.start["contact"]["id"], &Value::Null)
    );
    // Nothing of a message but its number is another one now, and the writer is the person.
    for (was, is) in before.iter().zip(&first(&known)[2..]) {
        for same in ["id", "text", "createdAt", "clientMessageId", "kind"] {
            assert_eq!(was[same], is[same], "{same}");
        }
    }
    assert_eq!(first(&known)[2]["author"]["id"], phone.contact_id());
    assert_eq!(first(&known)[3]["author"], reply["author"]);
    // Every reader has the same, in order.
    for thread in [phone.thread().await, known.thread().await] {
        assert_eq!(told(&thread), whole);
        assert!(in_order(&thread), "{thread:#?}");
    }
    assert_eq!(known.start["conversation"]["lastSeq"], 5);
    for text in &whole[1..] {
        let message = on_phone.expect_without("message", "session-ended").await;
        assert_eq!(told(&[message]), [*text]);
    }
    // What the person had stays, what they had not is the visitor's.
    let contact = &known.start["contact"];
    assert_eq!((&contact["name"], &contact["email"]), (&json!("Uma"), &json!("vera@example.com")));

    // The visitor is over: the page's stream, the token, the contact.
    let said = on_page.until_end(SHORT).await;
    let said = said.last().map(|event| event.name.as_str());
    assert!(matches!(said, Some("reload" | "session-ended")), "{said:?}");
    visitor.try_say("late").await.problem(401, "session-ended");
    visitor.api.get("/widget/v1/messages").await.problem(401, "session-ended");
    gone(&agent, visitor.contact_id()).await;
    assert_eq!(agent.contacts().await.len(), 1);
    // Agents have one conversation, and find it under the old id, too.
    at_desk.expect("reload").await;
    let list = agent.api.all("/v1/conversations").await;
    assert_eq!(list.len(), 1, "{list:#?}");
    assert_eq!(
        (&list[0]["id"], &list[0]["contact"]["name"]),
        (&json!(phone.contact_id()), &json!("Uma"))
    );
    let by_hand = agent.api.get(&format!("/v1/conversations/{}", visitor.contact_id())).await;
    assert_eq!(by_hand.expect(200)["id"], phone.contact_id());
    // A send that is repeated after the login is known again.
    let again = known.api.post("/widget/v1/messages", &body).await.expect(200);
    assert_eq!((&again["id"], &again["seq"]), (&last["id"], &json!(5)));
    known.say("now I know").await;
    assert_eq!(phone.thread_texts().await.last().unwrap(), "now I know");
}

/// No call finds anybody under this id, and none tells that there was somebody.
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
            let mut problem = reply.problem(404, "not-found");
            problem["traceId"] = Value::Null;
            answers.push(problem);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[tokio::test]
async fn a_visitor_beside_the_person_joins_when_the_page_names_them_again() {
    let stage = Stage::new().await;
    let app = stage.open(&json!({"user_id": "u"})).await;
    app.say("in the app").await;
    let landing = stage.open_on(&app.device(), &json!({})).await;
    landing.fill_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    landing.say("on the landing page").await;
    assert_eq!(app.thread_texts().await, ["in the app"]);
    let mut stream = app.events().await;

    let again = stage.open_on(&landing.device(), &json!({"user_id": "u"})).await;
    assert_eq!(told(first(&again)), ["in the app", "*", "on the landing page"]);
    // The session that there was goes on.
    stream.expect_without("message", "session-ended").await;
    app.say("still here").await;
    landing.try_say("late").await.problem(401, "session-ended");
    // The next visitor on the device begins with nothing, and the same login joins nothing more.
    let next = stage.open_on(&again.device(), &json!({})).await;
    assert_eq!(next.first_texts(), Vec::<&str>::new());
    let whole = ["in the app", "*", "on the landing page", "still here"];
    for device in [landing.device(), again.device(), next.device()] {
        let same = stage.open_on(&device, &json!({"user_id": "u"})).await;
        assert_eq!(told(first(&same)), whole);
    }
}

#[tokio::test]
async fn whose_thread_it_was_is_never_another_person_s() {
    let stage = Stage::new().await;
    let user = |id: &str| json!({"user_id": id});
    for known in ["u", "v"] {
        stage.open(&user(known)).await.say(known).await;
    }
    // Another person on the device sees nothing of the first one, nor of the visitor beside.
    let uma = stage.open(&user("u")).await;
    let beside = stage.open_on(&uma.device(), &json!({})).await;
    beside.fill_form(&json!({"name": "V", "email": "v@example.com"})).await.expect(200);
    beside.say("beside Uma").await;
    let mut stream = uma.events().await;
    let vic = stage.open_on(&beside.device(), &user("v")).await;
    assert_eq!(vic.first_texts(), ["v"]);
    stream.expect("session-ended").await;
    stream.until_end(AT_ONCE).await;
    for stale in [uma.device(), beside.device(), vic.device()] {
        assert_eq!(stage.open_on(&stale, &user("v")).await.thread_texts().await, ["v"]);
    }
    // Neither is what somebody said who logged out before.
    let left = visitor(&stage, &["before the logout"]).await;
    let fresh = left.api.post("/widget/v1/logout", &json!({})).await.expect(200);
    let fresh = Widget::new(&stage, fresh);
    for device in [left.device(), fresh.device()] {
        assert_eq!(stage.open_on(&device, &user("u")).await.thread_texts().await, ["u"]);
    }
    // Nor by an e-mail, a name or a phone.
    let said = json!({"email": "same@example.com", "name": "Same", "phone": "+49 30 1"});
    let mut named = said.clone();
    named["user_id"] = json!("w");
    let will = stage.open(&named).await;
    will.say("w").await;
    let other = stage.open(&said).await;
    other.fill_form(&said).await.expect(200);
    other.say("somebody of that name").await;
    assert_eq!(stage.open(&named).await.thread_texts().await, ["w"]);
    assert_eq!(other.thread_texts().await, ["somebody of that name"]);
}

#[tokio::test]
async fn a_refused_proof_joins_nothing_and_a_right_one_does() {
    let stage = Stage::new().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    stage.open(&claimed).await.say("mine").await;
    let left = visitor(&stage, &["who am I?"]).await;
    for wrong in [json!({"user_id": "u"}), json!({"user_id": "u", "security_hash": "x"})] {
        let refused = stage.init_on(&left.device(), &wrong).await.problem(403, "identity-refused");
        // What is said in the clean chat is nobody's, whoever logs in from there.
        let clean = Widget::new(&stage, refused["cleanSession"].clone());
        clean.fill_form(&json!({"name": "C", "email": "c@example.com"})).await.expect(200);
        clean.say("in the clean chat").await;
        let known = stage.open_on(&clean.device(), &claimed).await;
        assert_eq!(known.first_texts(), ["mine"]);
        assert_eq!(clean.thread_texts().await, ["in the clean chat"]);
    }
    left.say("still me").await;
    let known = stage.open_on(&left.device(), &claimed).await;
    assert_eq!(told(first(&known)), ["mine", "*", "who am I?", "still me"]);
}

#[tokio::test]
async fn many_logins_of_one_device_at_once_join_once() {
    let stage = Stage::new().await;
    let user = json!({"user_id": "u"});
    stage.open(&user).await.say("known").await;
    let left = visitor(&stage, &["one", "two"]).await;
    let device = left.device();
    let logins = futures::future::join_all((0..64).map(|_| stage.init_on(&device, &user))).await;
    for login in logins {
        login.expect(200);
    }
    let whole = ["known", "*", "one", "two"];
    let now = stage.open(&user).await;
    until("the messages", SHORT, async || (told(&now.thread().await) == whole).then_some(())).await;
    assert_eq!(stage.agent().await.contacts().await.len(), 1);
}

#[tokio::test]
async fn two_contacts_are_joined_by_hand() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let server = stage.api.with_token(stage.bootstrap["apiKey"].as_str().unwrap());
    let uma = stage.open(&json!({"user_id": "u", "name": "Uma"})).await;
    uma.say("as Uma").await;
    let left = visitor(&stage, &["as nobody"]).await;
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
    assert_eq!(uma.thread_texts().await, ["as Uma"]);
    left.say("still nobody").await;
    let mut page = left.events().await;
    let one = merge(&server, left.contact_id(), into(uma.contact_id())).await.expect(200);
    for same in ["id", "userId", "name", "email", "source", "tags"] {
        assert_eq!(one[same], would[same], "{same}");
    }
    assert_eq!(told(&uma.thread().await), ["as Uma", "*", "as nobody", "still nobody"]);
    page.until_end(SHORT).await;
    left.try_say("late").await.problem(401, "session-ended");
    gone(&agent, left.contact_id()).await;
    let anew = stage.open_on(&left.device(), &json!({})).await;
    assert_eq!(anew.first_texts(), Vec::<&str>::new());
    assert_ne!(anew.contact_id(), left.contact_id());

    let audit = agent.api.all("/v1/audit").await;
    let entry = audit.iter().find(|entry| entry["action"] == "contact.joined").unwrap();
    assert_eq!(entry["subject"], uma.contact_id());
    assert!(entry["detail"].as_str().unwrap().contains(left.contact_id()), "{entry}");
}

#[tokio::test]
async fn what_is_not_joined_by_hand() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let (u, v) =
        (stage.open(&json!({"user_id": "u"})).await, stage.open(&json!({"user_id": "v"})).await);
    let path = format!("/v1/contacts/{}/merge", u.contact_id());
    for trial in [true, false] {
        let body = json!({"intoId": v.contact_id(), "dryRun": trial});
        agent.api.post(&path, &body).await.problem(409, "two-user-ids");
    }
    for (pointer, body) in [
        ("/intoId", json!({})),
        ("/intoId", json!({"intoId": 7})),
        ("/intoId", json!({"intoId": "nobody"})),
        ("/intoId", json!({"intoId": u.contact_id()})),
        ("/dryRun", json!({"intoId": v.contact_id(), "dryRun": "yes"})),
    ] {
        agent.api.post(&path, &body).await.refuses(pointer);
    }
    let unknown = "00000000-0000-7000-8000-000000000000";
    let mut answers = Vec::new();
    for (id, into) in [(u.contact_id(), unknown), (unknown, u.contact_id()), ("nobody", unknown)] {
        let path = format!("/v1/contacts/{id}/merge");
        let mut problem =
            agent.api.post(&path, &json!({"intoId": into})).await.problem(404, "not-found");
        problem["traceId"] = Value::Null;
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    u.api.post(&path, &json!({"intoId": v.contact_id()})).await.problem(403, "forbidden");
    stage.api.post(&path, &json!({"intoId": v.contact_id()})).await.problem(401, "session-ended");
    assert_eq!(agent.contacts().await.len(), 2);
}

#[tokio::test]
async fn a_user_id_goes_along_with_a_contact_who_has_none() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let claimed = json!({"user_id": "u", "security_hash": "h"});
    let uma = stage.open(&claimed).await;
    uma.say("as Uma").await;
    let made = json!({"email": "uma@example.com", "name": "Uma"});
    let made = agent.api.post("/v1/contacts", &made).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/contacts/{}/merge", uma.contact_id());
    let one = agent.api.post(&path, &json!({"intoId": id})).await.expect(200);
    assert_eq!((&one["id"], &one["userId"]), (&json!(id), &json!("u")));
    uma.try_say("late").await.problem(401, "session-ended");
    stage.init(&json!({"user_id": "u"})).await.problem(403, "identity-refused");
    let again = stage.open_on(&uma.device(), &claimed).await;
    assert_eq!((again.contact_id(), told(first(&again))), (id, vec!["*", "as Uma"]));
}

/// The whole thread as a reader sees it.
pub(crate) async fn view(reader: &str, widget: &Widget) -> View {
    let messages = widget.thread().await.iter().map(Stored::from_json).collect();
    View { reader: reader.to_owned(), after: 0, messages }
}
