//! The server is killed repeatedly during merges of visitors into contacts. Afterwards all
//! acknowledged messages are in one thread, once and in order.

use std::time::Duration;

use onethread_tests::{
    Api, History, LONG_TIMEOUT, Random, SentMessage, StoredMessage, TestServer, Widget, wait_until,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::joining::{view, visitor};

const SEND_INTERVAL: Duration = Duration::from_millis(10);

fn kills() -> usize {
    let kills = std::env::var("ONETHREAD_KILLS").ok();
    kills.map_or(8, |text| text.parse().expect("ONETHREAD_KILLS is a number"))
}

/// Repeats a message until it is acknowledged or its session has ended.
async fn send(api: &Api, random: &Random, sender: &str, text: String) -> (SentMessage, bool) {
    let client_message_id = random.uuid();
    let body = json!({"clientMessageId": client_message_id, "text": text});
    let mut sent =
        SentMessage { sender: sender.to_owned(), client_message_id, text, acknowledged: None };
    loop {
        match api.try_post("/widget/v1/messages", &body).await {
            Ok(reply) if reply.status < 300 => {
                let stored = StoredMessage::from_json(&reply.body);
                sent.acknowledged = Some((stored.id, stored.seq));
                return (sent, true);
            }
            Ok(reply) if reply.status == 401 => return (sent, false),
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) => {}
        }
        sleep(SEND_INTERVAL).await;
    }
}

/// Sends messages until the session has ended.
async fn write_until_session_ended(api: Api, random: Random, sender: String) -> Vec<SentMessage> {
    let mut all = Vec::new();
    loop {
        let text = format!("{sender}: {}", all.len());
        let (sent, goes_on) = send(&api, &random, &sender, text).await;
        all.push(sent);
        if !goes_on {
            return all;
        }
    }
}

/// Repeats a login until it succeeds, and returns the session.
async fn log_in(api: Api, body: Value, after: Duration) -> Value {
    sleep(after).await;
    loop {
        match api.try_post("/widget/v1/init", &body).await {
            Ok(reply) if reply.status == 200 => return reply.body,
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) => {}
        }
        sleep(SEND_INTERVAL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_s_messages_are_merged_in_spite_of_kills_at_any_moment() {
    let mut server = TestServer::new().await;
    let random = server.random.clone();
    let user = json!({"user_id": "u"});
    let phone = server.start_session(&user).await;
    let mut history = History { merge_events: kills(), ..History::default() };
    history.sent.push(send(&phone.api, &random, "phone", "hello".to_owned()).await.0);

    for round in 0..kills() {
        let page = visitor(&server, &[]).await;
        let sender = format!("visitor {round}");
        history.sent.push(send(&page.api, &random, &sender, format!("first {round}")).await.0);
        history.moved.insert(history.sent.last().unwrap().client_message_id);
        // The server is killed while the visitor writes and the page logs in.
        let writes =
            tokio::spawn(write_until_session_ended(page.api.clone(), random.clone(), sender));
        let mut body = server.init_body(&user);
        body["deviceToken"] = json!(page.device().0);
        let after = Duration::from_millis(random.below(60));
        let login = tokio::spawn(log_in(server.api.clone(), body, after));
        sleep(after + Duration::from_millis(random.below(40))).await;
        server.process.kill().await;
        server.process.restart().await;
        let session = timeout(LONG_TIMEOUT, login).await.unwrap().unwrap();
        let known = Widget::new(&server, session);
        assert_eq!(known.contact_id(), phone.contact_id());
        let written = timeout(LONG_TIMEOUT, writes).await.unwrap().unwrap();
        history.moved.extend(written.iter().map(|one| one.client_message_id));
        history.sent.extend(written);
        history.sent.push(send(&known.api, &random, "page", format!("known {round}")).await.0);
    }

    let (merge_events, agent) = (kills(), server.log_in_owner().await);
    wait_until("every thread in the one", LONG_TIMEOUT, async || {
        let thread = phone.messages().await;
        let came = thread.iter().filter(|message| message["kind"] == "event").count();
        (came == merge_events).then_some(())
    })
    .await;
    history.views.push(view("phone", &phone).await);
    history.views.push(view("a new device", &server.start_session(&user).await).await);
    let thread = agent.messages(phone.contact_id()).await;
    let messages = thread.iter().map(StoredMessage::from_json).collect();
    history.views.push(onethread_tests::View { reader: "agent".to_owned(), after: 0, messages });
    eprintln!("{} messages, {merge_events} merges and kills", history.views[0].messages.len());
    history.check();
    assert_eq!(agent.contacts().await.len(), 1);
    assert_eq!(agent.api.all("/v1/conversations").await.len(), 1);
}
