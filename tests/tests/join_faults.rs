//! The server dies again and again while visitors turn out to be known people. Whatever was
//! acknowledged to either stands in the one thread afterwards, once and in order.

use std::time::Duration;

use onethread_tests::{Api, Chance, History, LONG, Sent, Stage, Stored, Widget, until};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::joining::{view, visitor};

const PAUSE: Duration = Duration::from_millis(10);

fn kills() -> usize {
    let said = std::env::var("ONETHREAD_KILLS").ok();
    said.map_or(8, |text| text.parse().expect("ONETHREAD_KILLS is a number"))
}

/// Sends one text until it is acknowledged, or its session is over.
async fn send(api: &Api, chance: &Chance, sender: &str, text: String) -> (Sent, bool) {
    let client_message_id = chance.uuid();
    let body = json!({"clientMessageId": client_message_id, "text": text});
    let mut sent = Sent { sender: sender.to_owned(), client_message_id, text, acknowledged: None };
    loop {
        match api.try_post("/widget/v1/messages", &body).await {
            Ok(reply) if reply.status < 300 => {
                let stored = Stored::from_json(&reply.body);
                sent.acknowledged = Some((stored.id, stored.seq));
                return (sent, true);
            }
            Ok(reply) if reply.status == 401 => return (sent, false),
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// Writes until the session is over.
async fn write_on(api: Api, chance: Chance, sender: String) -> Vec<Sent> {
    let mut all = Vec::new();
    loop {
        let text = format!("{sender}: {}", all.len());
        let (sent, goes_on) = send(&api, &chance, &sender, text).await;
        all.push(sent);
        if !goes_on {
            return all;
        }
    }
}

/// Logs in, however often the server dies. Gives the *session*.
async fn log_in(api: Api, body: Value, after: Duration) -> Value {
    sleep(after).await;
    loop {
        match api.try_post("/widget/v1/init", &body).await {
            Ok(reply) if reply.status == 200 => return reply.body,
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_visitor_wrote_is_the_person_s_wherever_the_server_died() {
    let mut stage = Stage::new().await;
    let chance = stage.chance.clone();
    let user = json!({"user_id": "u"});
    let phone = stage.open(&user).await;
    let mut history = History { marks: kills(), ..History::default() };
    history.sent.push(send(&phone.api, &chance, "phone", "hello".to_owned()).await.0);

    for round in 0..kills() {
        let page = visitor(&stage, &[]).await;
        let sender = format!("visitor {round}");
        history.sent.push(send(&page.api, &chance, &sender, format!("first {round}")).await.0);
        history.moved.insert(history.sent.last().unwrap().client_message_id);
        // The visitor writes on, the page logs in, and the server dies somewhere in it.
        let writes = tokio::spawn(write_on(page.api.clone(), chance.clone(), sender));
        let mut body = stage.init_body(&user);
        body["deviceToken"] = json!(page.device().0);
        let after = Duration::from_millis(chance.below(60));
        let login = tokio::spawn(log_in(stage.api.clone(), body, after));
        sleep(after + Duration::from_millis(chance.below(40))).await;
        stage.server.kill().await;
        stage.server.restart().await;
        let session = timeout(LONG, login).await.unwrap().unwrap();
        let known = Widget::new(&stage, session);
        assert_eq!(known.contact_id(), phone.contact_id());
        let written = timeout(LONG, writes).await.unwrap().unwrap();
        history.moved.extend(written.iter().map(|one| one.client_message_id));
        history.sent.extend(written);
        history.sent.push(send(&known.api, &chance, "page", format!("known {round}")).await.0);
    }

    let (marks, agent) = (kills(), stage.agent().await);
    until("every thread in the one", LONG, async || {
        let thread = phone.thread().await;
        let came = thread.iter().filter(|message| message["kind"] == "event").count();
        (came == marks).then_some(())
    })
    .await;
    history.views.push(view("phone", &phone).await);
    history.views.push(view("a new device", &stage.open(&user).await).await);
    let thread = agent.thread(phone.contact_id()).await;
    let messages = thread.iter().map(Stored::from_json).collect();
    history.views.push(onethread_tests::View { reader: "agent".to_owned(), after: 0, messages });
    eprintln!("{} messages, {marks} joins and kills", history.views[0].messages.len());
    history.check();
    assert_eq!(agent.contacts().await.len(), 1);
    assert_eq!(agent.api.all("/v1/conversations").await.len(), 1);
}
