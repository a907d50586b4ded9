//! Buses of two replicas over a NATS server of the test's own, which is killed under them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{sync::Arc, time::Duration};

use onethread_core::{OrganizationId, SystemEntropy};
use onethread_events::{Bus, Heard, Hint, Listener};
use onethread_testing::NatsServer;
use tokio::time::timeout;
use uuid::Uuid;

/// For what is there at once, or as soon as a connection is made again.
const SOON: Duration = Duration::from_secs(10);

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

async fn heard(listener: &mut Listener<Number>) -> Heard<Number> {
    timeout(SOON, listener.next()).await.expect("something is heard")
}

/// The next hint; that some may have been missed is passed over.
async fn number(listener: &mut Listener<Number>) -> Number {
    loop {
        match heard(listener).await {
            Heard::Hint(hint) => return hint,
            Heard::Missed(_) => {}
            Heard::Over => panic!("the bus is gone"),
        }
    }
}

/// A listener that the server knows to attend the organization.
async fn attending(bus: &Bus<Number>, organization: u128) -> Listener<Number> {
    let mut listener = bus.listen();
    listener.attend(OrganizationId(Uuid::from_u128(organization)));
    while !matches!(heard(&mut listener).await, Heard::Missed(Some(_))) {}
    listener
}

#[tokio::test]
async fn what_one_replica_tells_the_other_hears_and_nobody_twice() {
    let server = NatsServer::start();
    let (one, other) = (bus(&server), bus(&server));
    let mut here = attending(&one, 7).await;
    let mut there = attending(&other, 7).await;
    // Of 8 nobody there wants to hear.
    for sent in [hint(7, 1), hint(8, 2), hint(7, 3)] {
        one.tell(sent);
    }
    for expected in [hint(7, 1), hint(7, 3)] {
        assert_eq!(number(&mut there).await, expected);
    }
    other.tell(hint(7, 4));
    for expected in [hint(7, 1), hint(8, 2), hint(7, 3), hint(7, 4)] {
        assert_eq!(number(&mut here).await, expected);
    }
    assert_eq!(number(&mut there).await, hint(7, 4));
}

#[tokio::test]
async fn without_nats_this_process_goes_on_and_its_return_is_told() {
    let mut server = NatsServer::start();
    let (one, other) = (bus(&server), bus(&server));
    let mut here = attending(&one, 7).await;
    let mut there = attending(&other, 7).await;
    server.kill();
    // Far more than is kept for the server: nobody waits for it.
    for count in 0..20_000_u32 {
        one.tell(hint(7, 0));
        if count % 1000 == 0 {
            assert_eq!(number(&mut here).await, hint(7, 0));
        }
    }
    server.restart();
    for listener in [&mut here, &mut there] {
        while !matches!(heard(listener).await, Heard::Missed(None)) {}
    }
    // The one who tells may be back later than the one who listens.
    let mut last = 0;
    let back = async {
        loop {
            last += 1;
            one.tell(hint(7, last));
            if let Ok(Heard::Hint(hint)) = timeout(Duration::from_millis(200), there.next()).await
                && hint.number > 0
            {
                return hint.number;
            }
        }
    };
    let heard = timeout(SOON, back).await.expect("hints go on");
    assert!(heard <= last);
}

#[tokio::test]
async fn a_server_that_comes_late_is_found() {
    let mut server = NatsServer::start();
    server.kill();
    let (one, other) = (bus(&server), bus(&server));
    let mut there = other.listen();
    there.attend(OrganizationId(Uuid::from_u128(7)));
    server.restart();
    while !matches!(heard(&mut there).await, Heard::Missed(Some(7))) {}
    let _attending = attending(&one, 9).await;
    one.tell(hint(7, 1));
    assert_eq!(number(&mut there).await, hint(7, 1));
}
