//! How deliveries are attempted.

use super::*;
use crate::webhook::{
    app::backlog::give_up_backlogs,
    domain::{
        delivery::{BACKOFF, MAX_BLOCKING_ATTEMPTS},
        url::is_public,
    },
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_delivery_is_attempted_until_it_succeeds,
    a_dead_receiver_does_not_delay_the_others,
    private_addresses_are_not_connected_to,
    a_live_event_overtakes_those_of_an_import_and_none_is_lost,
    the_events_of_a_contact_are_delivered_in_order,
    the_oldest_deliveries_of_a_backlog_are_given_up,
}

async fn a_delivery_is_attempted_until_it_succeeds(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let away = "302 Found\r\nlocation: http://127.0.0.1:1/";
    let mut receiver = Receiver::start(&["500 Oops", "hang up", away]).await;
    let created = identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    let id = created.webhook.unwrap().id;
    identity.log_in("u1", "Ann").await;
    let first = receiver.next().await;
    let failed =
        identity.delivery(&id, |one| one.attempt_count == 1 && one.tried_at.is_some()).await;
    assert_eq!(
        (failed.state(), failed.status, failed.failure()),
        (wire::WebhookDeliveryState::Pending, Some(500), wire::WebhookDeliveryFailure::Status)
    );
    for attempts in 1..4 {
        // Only the clock makes it due.
        let now = Some(onethread_grpc::timestamp(identity.clock.now()));
        identity.delivery(&id, |one| one.attempt_count == attempts && one.tried_at == now).await;
        assert!(receiver.received.try_recv().is_err(), "attempted too early");
        identity.clock.advance(BACKOFF.max);
        let again = receiver.next().await;
        assert_eq!(again.body, first.body, "another body at another attempt");
    }
    let done = identity.delivery(&id, |one| one.next_at.is_none()).await;
    assert_eq!(
        (done.state(), done.status, done.attempt_count),
        (wire::WebhookDeliveryState::Delivered, Some(200), 4)
    );
    assert_eq!(done.id, first.json()["id"].as_str().unwrap());
}

async fn a_dead_receiver_does_not_delay_the_others(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    // It accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let dead = identity.create(&url, &["contact.created"]).await.unwrap().webhook.unwrap().id;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    for n in 0..12 {
        identity.log_in(&format!("u{n}"), "Ann").await;
    }
    let mut delivered = std::collections::BTreeSet::new();
    while delivered.len() < 12 {
        delivered.insert(receiver.next().await.json()["data"]["userId"].to_string());
    }
    // Most deliveries to the dead one have not been attempted yet.
    let waiting = identity.deliveries(&dead).await.into_iter().filter(|one| one.attempt_count == 0);
    assert!(waiting.count() >= 4, "they were delayed by the dead one");
    drop(silent);
}

async fn private_addresses_are_not_connected_to(scratch: ScratchDatabase) {
    let identity = fixture(scratch, false).await;
    let mut receiver = Receiver::start(&[]).await;
    for url in [receiver.url(), format!("http://localhost:{}/", receiver.address.port())] {
        let rejected = identity.create(&url, &["contact.created"]).await.unwrap_err();
        assert_eq!(rejected.code(), Code::InvalidArgument);
    }
    // A name that resolves to this machine looks like a public one. The address that would be
    // connected to counts.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let url = format!("http://{}:{}/", name.trim(), receiver.address.port());
    let resolved: Vec<_> = tokio::net::lookup_host((name.trim(), 80)).await.unwrap().collect();
    assert!(resolved.iter().all(|at| !is_public(at.ip())), "{resolved:?}");
    let created = identity.create(&url, &["contact.created"]).await.unwrap();
    identity.log_in("u1", "Ann").await;
    let id = created.webhook.unwrap().id;
    let attempted = identity.delivery(&id, |one| one.tried_at.is_some()).await;
    let failed = (attempted.status, attempted.failure());
    assert_eq!(failed, (None, wire::WebhookDeliveryFailure::Address));
    assert!(receiver.received.try_recv().is_err(), "it was connected to");
}

async fn a_live_event_overtakes_those_of_an_import_and_none_is_lost(scratch: ScratchDatabase) {
    const PEOPLE: usize = 3000;
    let identity = fixture(scratch, true).await;
    let contact = identity.log_in("live", "Ann").await;
    let mut receiver = Receiver::start(&[]).await;
    let events = ["contact.created", "message.created"];
    let webhook = identity.create(&receiver.url(), &events).await.unwrap().webhook.unwrap().id;
    let names: Vec<_> = (0..PEOPLE).map(|n| (format!("u{n}"), "Bea")).collect();
    for (number, part) in (1..).zip(names.chunks(PEOPLE / 2)) {
        let part: Vec<_> = part.iter().map(|(user_id, name)| (&user_id[..], *name)).collect();
        identity.import(number, &part).await;
    }
    receiver.next().await;
    identity.record(1, &contact, message(None, "hello")).await;
    let mut delivered = std::collections::BTreeSet::new();
    let mut before = None;
    while delivered.len() < PEOPLE {
        let body = receiver.next().await.json();
        if body["event"] == "message.created" {
            before = Some(delivered.len());
        }
        delivered.insert(body["id"].to_string());
        // The receiver is healthy, so nothing is given up.
        if delivered.len() == PEOPLE / 2 {
            let later = identity.clock.now().plus(Duration::from_secs(3600));
            let given_up = give_up_backlogs(&identity.db, 100, later).await.unwrap();
            assert!(given_up.is_empty(), "{given_up:?}");
        }
    }
    let before = before.expect("the message was not delivered");
    assert!(before < PEOPLE / 10, "{before} events of the import were delivered first");
    let listed = identity.deliveries(&webhook).await;
    assert!(listed.iter().all(|one| one.failure() != wire::WebhookDeliveryFailure::Backlog));
}

async fn the_events_of_a_contact_are_delivered_in_order(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let failures = usize::try_from(MAX_BLOCKING_ATTEMPTS).unwrap();
    let mut receiver = Receiver::start(&vec!["500 Oops"; failures]).await;
    let events = ["contact.created", "contact.updated", "message.created"];
    let webhook = identity.create(&receiver.url(), &events).await.unwrap().webhook.unwrap().id;
    identity.import(1, &[("u1", "Ann")]).await;
    let first = receiver.next().await.json();
    assert_eq!(first["event"], "contact.created");
    let contact = first["data"]["id"].as_str().unwrap().to_owned();
    identity.record(1, &contact, message(None, "hello")).await;
    let is_failed = |attempts: usize, one: &wire::WebhookDelivery| {
        one.event() == wire::WebhookEvent::ContactCreated
            && one.failure() == wire::WebhookDeliveryFailure::Status
            && one.attempt_count == i64::try_from(attempts).unwrap()
    };
    for attempts in 1..failures {
        // The first event fails, and the later ones wait for it.
        while !identity.deliveries(&webhook).await.iter().any(|one| is_failed(attempts, one)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        identity.clock.advance(BACKOFF.max);
        assert_eq!(receiver.next().await.json()["id"], first["id"]);
    }
    // After so many failures they wait no longer.
    assert_eq!(receiver.next().await.json()["event"], "message.created");
    identity.clock.advance(BACKOFF.max);
    assert_eq!(receiver.next().await.json()["id"], first["id"]);
}

async fn the_oldest_deliveries_of_a_backlog_are_given_up(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    // No process listens there.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let few = identity.create(&url, &["contact.created"]).await.unwrap().webhook.unwrap().id;
    identity.log_in("u0", "Ann").await;
    identity.delivery(&few, |_| true).await;
    let many = identity.create(&url, &["contact.updated"]).await.unwrap().webhook.unwrap().id;
    for n in 0..5 {
        identity.log_in("u0", &format!("Ann {n}")).await;
        // Each change becomes a delivery.
        let stored = async || identity.deliveries(&many).await.len() == n + 1;
        timeout(TIMEOUT, async {
            while !stored().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("it was not stored");
    }
    let before = identity.deliveries(&many).await;
    // Attempts to both have failed, but not for long.
    identity.delivery(&few, |one| one.tried_at.is_some()).await;
    while identity.deliveries(&many).await.iter().all(|one| one.tried_at.is_none()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = identity.clock.now();
    assert!(give_up_backlogs(&identity.db, 3, now).await.unwrap().is_empty());
    let now = now.plus(Duration::from_secs(120));
    let given_up = give_up_backlogs(&identity.db, 3, now).await.unwrap();
    let webhooks: Vec<_> = given_up.iter().map(|(id, count)| (id.to_string(), *count)).collect();
    assert_eq!(webhooks, [(many.clone(), 2)]);
    let after = identity.deliveries(&many).await;
    assert_eq!(after.len(), 5, "they are still listed");
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(before.id, after.id);
        // Newest first: the last two are the oldest.
        let state = if n < 3 {
            wire::WebhookDeliveryState::Pending
        } else {
            wire::WebhookDeliveryState::Failed
        };
        assert_eq!(after.state(), state, "{after:?}");
        let is_backlog = after.failure() == wire::WebhookDeliveryFailure::Backlog;
        assert_eq!(is_backlog, n >= 3, "{after:?}");
    }
    assert_eq!(identity.deliveries(&few).await[0].state(), wire::WebhookDeliveryState::Pending);
    assert!(give_up_backlogs(&identity.db, 3, now).await.unwrap().is_empty());
}
