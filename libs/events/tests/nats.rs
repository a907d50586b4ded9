//! Buses of two replicas over a NATS server that is killed and restarted.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{sync::Arc, time::Duration};

use onethread_core::{OrganizationId, SystemEntropy};
use onethread_events::{Bus, BusEvent, Hint, Listener};
use onethread_testing::NatsServer;
use tokio::time::timeout;
use uuid::Uuid;

/// How long to wait for a hint, including a reconnect.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    organization: OrganizationId,
    number: u8,
    trace: String,
}

impl Hint for Number {
    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn trace(&self) -> &str {
        &self.trace
    }

    fn encode(&self) -> Vec<u8> {
        [self.organization.0.as_bytes().as_slice(), &[self.number]].concat()
    }

    fn decode(bytes: &[u8], trace: &str) -> Option<Self> {
        let (number, organization) = bytes.split_last()?;
        let organization = OrganizationId(Uuid::from_slice(organization).ok()?);
        Some(Self { organization, number: *number, trace: trace.to_owned() })
    }
}

fn bus(server: &NatsServer) -> Bus<Number> {
    Bus::connect(&server.url().parse().unwrap(), None, "numbers", Arc::new(SystemEntropy))
}

fn hint(organization: u128, number: u8) -> Number {
    let organization = OrganizationId(Uuid::from_u128(organization));
    Number { organization, number, trace: format!("trace {number}") }
}

async fn next(listener: &mut Listener<Number>) -> BusEvent<Number> {
    timeout(RECEIVE_TIMEOUT, listener.next()).await.expect("something is received")
}

/// Returns the next hint, ignoring gaps.
async fn next_hint(listener: &mut Listener<Number>) -> Number {
    loop {
        match next(listener).await {
            BusEvent::Hint(hint) => return hint,
            BusEvent::Missed(_) => {}
            BusEvent::Closed => panic!("the bus was dropped"),
        }
    }
}

/// Creates a listener whose subscription the server has confirmed.
async fn subscribed(bus: &Bus<Number>, organization: u128) -> Listener<Number> {
    let mut listener = bus.subscribe();
    listener.subscribe_to(OrganizationId(Uuid::from_u128(organization)));
    while !matches!(next(&mut listener).await, BusEvent::Missed(Some(_))) {}
    listener
}

#[tokio::test]
async fn other_replicas_receive_the_hints_of_their_subscriptions_once() {
    let server = NatsServer::start();
    let (one, two) = (bus(&server), bus(&server));
    let mut local = subscribed(&one, 7).await;
    let mut remote = subscribed(&two, 7).await;
    // The second replica has no subscription for organization 8.
    for published in [hint(7, 1), hint(8, 2), hint(7, 3)] {
        one.publish(published);
    }
    for expected in [hint(7, 1), hint(7, 3)] {
        assert_eq!(next_hint(&mut remote).await, expected);
    }
    two.publish(hint(7, 4));
    for expected in [hint(7, 1), hint(8, 2), hint(7, 3), hint(7, 4)] {
        assert_eq!(next_hint(&mut local).await, expected);
    }
    assert_eq!(next_hint(&mut remote).await, hint(7, 4));
}

#[tokio::test]
async fn without_nats_the_process_continues_and_reports_a_gap_after_the_reconnect() {
    let mut server = NatsServer::start();
    let (one, two) = (bus(&server), bus(&server));
    let mut local = subscribed(&one, 7).await;
    let mut remote = subscribed(&two, 7).await;
    server.kill();
    // Many more than are queued for the server: publishing doesn't wait for it.
    for count in 0..20_000_u32 {
        one.publish(hint(7, 0));
        if count % 1000 == 0 {
            assert_eq!(next_hint(&mut local).await, hint(7, 0));
        }
    }
    server.restart();
    for listener in [&mut local, &mut remote] {
        while !matches!(next(listener).await, BusEvent::Missed(None)) {}
    }
    // The publisher may reconnect later than the listener.
    let mut last = 0;
    let received = async {
        loop {
            last += 1;
            one.publish(hint(7, last));
            if let Ok(BusEvent::Hint(hint)) =
                timeout(Duration::from_millis(200), remote.next()).await
                && hint.number > 0
            {
                return hint.number;
            }
        }
    };
    let received = timeout(RECEIVE_TIMEOUT, received).await.expect("hints arrive again");
    assert!(received <= last);
}

#[tokio::test]
async fn a_server_that_starts_late_is_found() {
    let mut server = NatsServer::start();
    server.kill();
    let (one, two) = (bus(&server), bus(&server));
    let mut remote = two.subscribe();
    remote.subscribe_to(OrganizationId(Uuid::from_u128(7)));
    server.restart();
    while !matches!(next(&mut remote).await, BusEvent::Missed(Some(7))) {}
    let _subscribed = subscribed(&one, 9).await;
    one.publish(hint(7, 1));
    assert_eq!(next_hint(&mut remote).await, hint(7, 1));
}
