//! Live streams: resume, sessions that end, services that go and come back.

use std::{sync::atomic::Ordering, time::Duration};

use onethread_proto::identity::Revocation;
use serde_json::json;
use tokio::time::Instant;

use super::support::{CONTACT, DEVICE, Gateway, ORGANIZATION, by_agent, id, problem, visitor};

fn write(gateway: &Gateway, count: usize) {
    for n in 0..count {
        gateway.world.write(CONTACT, by_agent(), &format!("message {n}"), &id(9));
    }
}

pub(crate) async fn revoke(gateway: &Gateway, subject: &str) {
    while gateway.world.revoked.receiver_count() == 0 {
        tokio::task::yield_now().await;
    }
    let revocation =
        Revocation { organization_id: ORGANIZATION.to_owned(), subject_id: subject.to_owned() };
    gateway.world.revoked.send(revocation).unwrap();
}

#[tokio::test]
async fn a_client_resumes_and_gets_nothing_twice() {
    let gateway = Gateway::start().await;
    write(&gateway, 950);
    let mut events = gateway.follow("/widget/v1/events?afterSeq=3", "contact").await;
    for seq in 4..=950 {
        let (name, id, message) = events.next().await.unwrap();
        assert_eq!((name.as_str(), id), ("message", Some(seq)));
        assert_eq!(message["prevSeq"], seq - 1);
        assert_eq!(message["author"]["name"], "Gus");
    }
    write(&gateway, 2);
    assert_eq!(events.next().await.unwrap().1, Some(951));

    // The header counts more than the query.
    let resumed = gateway.get("/widget/v1/events?afterSeq=1", "contact");
    let resumed = resumed.header("last-event-id", "952").send().await.unwrap();
    assert_eq!(resumed.status(), 200);
    assert_eq!(events.next().await.unwrap().1, Some(952));
}

#[tokio::test]
async fn without_a_number_the_stream_begins_now() {
    let gateway = Gateway::start().await;
    gateway.authorize("new", visitor(false));
    let mut new = gateway.follow("/widget/v1/events", "new").await;
    write(&gateway, 5);
    assert_eq!(new.next().await.unwrap().1, Some(1));
    let mut events = gateway.follow("/widget/v1/events", "contact").await;
    write(&gateway, 1);
    assert_eq!(events.next().await.unwrap().1, Some(6));
}

#[tokio::test]
async fn invalid_numbers_are_rejected_and_unknown_ones_reload() {
    let gateway = Gateway::start().await;
    write(&gateway, 2);
    for invalid in ["x", "-1", "1.5"] {
        let stream = gateway.get("/widget/v1/events", "contact").header("last-event-id", invalid);
        problem(stream, 400, "invalid-argument").await;
        let path = format!("/widget/v1/events?afterSeq={invalid}");
        problem(gateway.get(&path, "contact"), 400, "invalid-argument").await;
    }
    let mut events = gateway.follow("/widget/v1/events?afterSeq=9", "contact").await;
    assert_eq!(events.next().await.unwrap().0, "reload");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn the_end_of_a_session_ends_only_its_own_stream() {
    let gateway = Gateway::start().await;
    gateway.authorize("visitor", visitor(true));
    let mut cut = gateway.follow("/widget/v1/events", "contact").await;
    let mut stays = gateway.follow("/widget/v1/events", "visitor").await;
    gateway.world.callers.lock().unwrap().remove("contact");
    let started = Instant::now();
    revoke(&gateway, DEVICE).await;
    assert_eq!(cut.next().await.unwrap(), ("session-ended".to_owned(), None, json!({})));
    assert!(cut.next().await.is_none());
    assert!(started.elapsed() < Duration::from_secs(1));
    write(&gateway, 1);
    assert_eq!(stays.next().await.unwrap().0, "message");
}

#[tokio::test]
async fn a_session_that_ends_while_the_client_catches_up_ends_the_stream() {
    let gateway = Gateway::start().await;
    // Far more than the socket buffers hold.
    let long = "x".repeat(20_000);
    for _ in 0..2000 {
        gateway.world.write(CONTACT, by_agent(), &long, &id(9));
    }
    let mut events = gateway.follow("/widget/v1/events?afterSeq=0", "contact").await;
    assert_eq!(events.next().await.unwrap().1, Some(1));
    let mut other = gateway.follow("/widget/v1/events", "contact").await;
    gateway.world.callers.lock().unwrap().remove("contact");
    revoke(&gateway, DEVICE).await;
    // The revocation has arrived before anything more is read.
    assert_eq!(other.next().await.unwrap().0, "session-ended");
    let mut delivered = 1;
    loop {
        match events.next().await.unwrap().0.as_str() {
            "message" => delivered += 1,
            last => break assert_eq!(last, "session-ended"),
        }
    }
    assert!(events.next().await.is_none());
    assert!(delivered < 1000, "{delivered}");
}

#[tokio::test]
async fn a_stream_whose_session_is_still_valid_continues() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow("/widget/v1/events", "contact").await;
    revoke(&gateway, CONTACT).await;
    write(&gateway, 1);
    assert_eq!(events.next().await.unwrap().0, "message");
}

#[tokio::test]
async fn a_stream_whose_session_expires_ends() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow("/widget/v1/events", "contact").await;
    // The feed is heard, and has confirmed the session.
    revoke(&gateway, CONTACT).await;
    write(&gateway, 1);
    assert_eq!(events.next().await.unwrap().0, "message");
    let started = Instant::now();
    // No revocation announces it.
    gateway.world.callers.lock().unwrap().remove("contact");
    let last = events.next_within(Duration::from_secs(100)).await;
    assert_eq!(last.unwrap().0, "session-ended");
    assert!(events.next().await.is_none());
    let elapsed = started.elapsed().as_secs();
    assert!((50..95).contains(&elapsed), "{elapsed} s");
}

#[tokio::test]
async fn while_the_feed_is_silent_each_stream_is_confirmed() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow("/widget/v1/events", "contact").await;
    gateway.world.feed_silent.store(true, Ordering::SeqCst);
    gateway.world.callers.lock().unwrap().remove("contact");
    let started = Instant::now();
    assert_eq!(events.next().await.unwrap().0, "session-ended");
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stream_that_cannot_be_confirmed_is_closed_and_gets_nothing_more() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow("/widget/v1/events", "contact").await;
    gateway.world.feed_silent.store(true, Ordering::SeqCst);
    gateway.world.identity_unavailable.store(true, Ordering::SeqCst);
    let started = Instant::now();
    assert!(events.next().await.is_none(), "closed without an event");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    problem(gateway.get("/widget/v1/events", "contact"), 503, "unavailable").await;
}

#[tokio::test]
async fn an_agents_stream_begins_with_a_reload_and_has_every_conversation() {
    let gateway = Gateway::start().await;
    let mut events = gateway.follow("/v1/events", "agent").await;
    assert_eq!(events.next().await.unwrap(), ("reload".to_owned(), None, json!({})));
    write(&gateway, 1);
    let (name, seq, message) = events.next().await.unwrap();
    assert_eq!((name.as_str(), seq), ("message", Some(1)));
    assert_eq!(message["conversationId"], CONTACT);
}

#[tokio::test]
async fn an_agents_stream_has_the_progress_of_imports() {
    let gateway = Gateway::start().await;
    gateway.world.importing.store(true, Ordering::SeqCst);
    let mut events = gateway.follow("/v1/events", "agent").await;
    assert_eq!(events.next().await.unwrap().0, "reload");
    for processed in 1..=2 {
        let (name, _, import) = events.next().await.unwrap();
        assert_eq!((name.as_str(), &import["processed"]), ("import", &json!(processed)));
    }
    // Another stream shares the same poll.
    let mut other = gateway.follow("/v1/events", "agent").await;
    assert_eq!(other.next().await.unwrap().0, "reload");
    assert_eq!(other.next().await.unwrap().2, events.next().await.unwrap().2);
}

#[tokio::test]
async fn streams_resume_when_the_stream_of_conversations_breaks() {
    let gateway = Gateway::start().await;
    let mut agent = gateway.follow("/v1/events", "agent").await;
    assert_eq!(agent.next().await.unwrap().0, "reload");
    let mut reader = gateway.follow("/widget/v1/events", "contact").await;
    write(&gateway, 1);
    assert_eq!(reader.next().await.unwrap().1, Some(1));
    assert_eq!(agent.next().await.unwrap().0, "message");
    gateway.world.broken.send(()).unwrap();
    write(&gateway, 3);
    for seq in 2..=4 {
        assert_eq!(reader.next().await.unwrap().1, Some(seq));
    }
    // It isn't known what was missed, so agents reload; events from before the break may still arrive.
    while agent.next().await.unwrap().0 != "reload" {}
}

#[tokio::test]
async fn all_streams_share_one_stream_of_conversations() {
    let gateway = Gateway::start().await;
    let mut readers = Vec::new();
    for _ in 0..40 {
        readers.push(gateway.follow("/widget/v1/events", "contact").await);
        let mut agent = gateway.follow("/v1/events", "agent").await;
        assert_eq!(agent.next().await.unwrap().0, "reload");
        readers.push(agent);
    }
    // A gateway subscribes to the world once.
    assert_eq!(gateway.world.live.receiver_count(), 1);
    write(&gateway, 1);
    for reader in &mut readers {
        assert_eq!(reader.next().await.unwrap().1, Some(1));
    }
    drop(readers.split_off(10));
    write(&gateway, 1);
    for reader in &mut readers {
        assert_eq!(reader.next().await.unwrap().1, Some(2));
    }
    assert_eq!(gateway.world.live.receiver_count(), 1);
}

#[tokio::test]
async fn streams_do_not_delay_the_shutdown() {
    let gateway = Gateway::start().await;
    let mut reader = gateway.follow("/widget/v1/events", "contact").await;
    let mut agent = gateway.follow("/v1/events", "agent").await;
    let started = Instant::now();
    gateway.life.stop();
    gateway.life.wait_for_shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(reader.next().await.is_none());
    while agent.next().await.is_some() {}
}
