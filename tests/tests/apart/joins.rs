//! Merges of visitors into contacts with two replicas of identity, also while conversation is down.

use futures::future::join_all;
use onethread_tests::{
    Api, ApiResponse, History, LONG_TIMEOUT, SHORT_TIMEOUT, SentMessage, StoredMessage, wait_until,
};
use serde_json::{Value, json};

use super::{
    cluster::{Cluster, Service, Storage},
    known, message, thread, with_session,
};

const VISITORS: usize = 3;
const MESSAGES_PATH: &str = "/widget/v1/messages";

async fn send(cluster: &Cluster, api: &Api, sender: &str, text: String) -> SentMessage {
    let body = message(&cluster.random, &text);
    let stored = StoredMessage::from_json(&api.post(MESSAGES_PATH, &body).await.expect(201));
    SentMessage {
        sender: sender.to_owned(),
        client_message_id: stored.client_message_id,
        text,
        acknowledged: Some((stored.id, stored.seq)),
    }
}

/// Creates a visitor who has sent messages. Returns the session and the messages.
async fn visitor(cluster: &Cluster, name: &str) -> (Value, Vec<SentMessage>) {
    let opened = cluster.init(&json!({})).await.expect(200);
    let form = json!({"fields": {"name": name, "email": "visitor@example.com"}});
    let api = with_session(cluster, &opened);
    let session = api.post("/widget/v1/pre-chat", &form).await.expect(200);
    let api = with_session(cluster, &session);
    let mut sent = Vec::new();
    for n in 0..3 {
        sent.push(send(cluster, &api, name, format!("{name}: {n}")).await);
    }
    (session, sent)
}

async fn log_in(cluster: &Cluster, page: &Value) -> ApiResponse {
    let mut body = cluster.init_body(&known());
    body["deviceToken"] = page["session"]["deviceToken"].clone();
    cluster.api.post("/widget/v1/init", &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_are_merged_once_in_spite_of_kills_of_conversation_and_identity() {
    let mut cluster = Cluster::start(Storage::Postgres).await;
    let phone = cluster.init(&known()).await.expect(200);
    let id = phone["contact"]["id"].as_str().unwrap().to_owned();
    let phone = with_session(&cluster, &phone);
    let mut history = History { merge_events: 2 * VISITORS, ..History::default() };
    history.sent.push(send(&cluster, &phone, "phone", "hello".to_owned()).await);

    for round in ["here", "away"] {
        let mut pages = Vec::new();
        for n in 0..VISITORS {
            let (page, sent) = visitor(&cluster, &format!("{round} {n}")).await;
            history.moved.extend(sent.iter().map(|one| one.client_message_id));
            history.sent.extend(sent);
            pages.push(page);
        }
        if round == "away" {
            for replica in 0..2 {
                cluster.kill(Service::Conversation, replica).await;
            }
        }
        // Each page logs in several times at once, so that both replicas of identity are called.
        let logins = pages.iter().flat_map(|page| (0..4).map(|_| log_in(&cluster, page)));
        for login in join_all(logins).await {
            if round == "here" {
                assert_eq!(login.expect(200)["contact"]["id"], id);
            } else {
                // The login succeeds, but the messages are unavailable.
                login.expect_problem(503, "");
            }
        }
        if round == "away" {
            // The killed replica may have claimed a delivery.
            cluster.kill(Service::Identity, 0).await;
            for replica in 0..2 {
                cluster.restart(Service::Conversation, replica).await;
            }
            wait_until("the pages again", SHORT_TIMEOUT * 3, async || {
                let logins = join_all(pages.iter().map(|page| log_in(&cluster, page))).await;
                logins.iter().all(|login| login.status == 200).then_some(())
            })
            .await;
            cluster.restart(Service::Identity, 0).await;
        }
        // The old session of the visitor has ended.
        for page in &pages {
            let body = message(&cluster.random, "late");
            let refused = with_session(&cluster, page).post(MESSAGES_PATH, &body).await;
            refused.expect_problem(401, "session-ended");
        }
    }

    let agent = cluster.log_in_owner().await;
    let whole = history.sent.len() + history.merge_events;
    wait_until("every thread in the one", LONG_TIMEOUT, async || {
        (thread(&phone, MESSAGES_PATH, "phone").await.messages.len() >= whole).then_some(())
    })
    .await;
    let path = format!("/v1/conversations/{id}/messages");
    history.views.push(thread(&phone, MESSAGES_PATH, "phone").await);
    history.views.push(thread(&agent, &path, "agent").await);
    history.check();
    assert_eq!(agent.all("/v1/contacts").await.len(), 1);
    assert_eq!(agent.all("/v1/conversations").await.len(), 1);
}
