//! Subscriptions to conversations: one multiplexed `Subscribe` stream to the conversation service,
//! however many subscribers there are. When the stream breaks, it is opened again and each
//! subscription continues after its last event. A subscriber's queue is bounded, and a subscriber
//! that can't keep up is cut off.

mod connection;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use onethread_proto::conversation::{
    CloseSubscription, OpenSubscription, Side, SubscribeRequest, SubscribeResponse,
    SubscriptionEndReason as EndReason, subscribe_request::Action,
    subscribe_response::Event as WireEvent,
};
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};
use tracing::warn;

pub(crate) use connection::follow;

use super::{
    event::{Event, QueuedEvent},
    queue::{self, queue},
};

/// Subscribers of one gateway.
const MAX_SUBSCRIBERS: usize = 50_000;

/// Time in which a subscription, or the stream of all of them, has to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a subscriber follows.
#[derive(Debug, Clone)]
pub(super) enum Topic {
    /// One conversation as its contact sees it, everything after the sequence number.
    Conversation { organization: OrganizationId, conversation: ConversationId, after_seq: i64 },
    /// All conversations of an organization as agents see them, from now. Each time the
    /// subscription opens, a reload is the first event.
    Organization { organization: OrganizationId },
}

/// Where subscriptions are made.
#[derive(Debug, Default)]
pub(crate) struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when there is a request to send.
    outgoing_added: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    subscribers: HashMap<u64, Subscriber>,
    /// Requests to send: at most one opening and one closing for each subscriber.
    outgoing: VecDeque<SubscribeRequest>,
    is_connected: bool,
}

#[derive(Debug)]
struct Subscriber {
    topic: Topic,
    events: queue::Sender<QueuedEvent>,
    /// Notified once, when the subscription first opens.
    opened: Option<oneshot::Sender<()>>,
}

/// A subscriber's end. Dropping it closes the subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    events: queue::Receiver<QueuedEvent>,
    id: u64,
    shared: Arc<Shared>,
}

impl Subscription {
    /// The next event. `None` when the subscriber is cut off or the subscription is over.
    pub(super) async fn next(&mut self) -> Option<QueuedEvent> {
        self.events.next().await
    }

    /// The queued events, at least one and at most `max`. None when there will be no more.
    pub(super) async fn next_many(&mut self, max: usize) -> Vec<QueuedEvent> {
        self.events.next_many(max).await
    }
}

impl Hub {
    /// Subscribes. Nothing that is stored after the answer is missed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the subscription doesn't open in time, or the gateway has no room for it.
    pub(super) async fn subscribe(&self, topic: Topic, life: &Lifecycle) -> Result<Subscription> {
        let (events, receiver) = queue();
        let (opened, is_open) = oneshot::channel();
        let id = self.0.add(Subscriber { topic, events, opened: Some(opened) })?;
        let subscription = Subscription { events: receiver, id, shared: self.0.clone() };
        let is_open = tokio::select! {
            // The client reconnects to another process.
            () = life.stopping() => return Err(Error::unavailable("the process stops")),
            is_open = timeout(OPEN_TIMEOUT, is_open) => is_open,
        };
        match is_open {
            Ok(Ok(())) => Ok(subscription),
            Ok(Err(_)) => Err(Error::unavailable("the subscription ended before it was open")),
            Err(_) => Err(Error::unavailable("the subscription did not open in time")),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.remove(self.id);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn add(&self, subscriber: Subscriber) -> Result<u64> {
        let mut state = self.state();
        if state.subscribers.len() >= MAX_SUBSCRIBERS {
            return Err(Error::unavailable("the gateway has no room for more subscribers"));
        }
        state.last_id += 1;
        let id = state.last_id;
        if state.is_connected {
            state.outgoing.push_back(open(id, &subscriber.topic));
        }
        state.subscribers.insert(id, subscriber);
        drop(state);
        self.outgoing_added.notify_one();
        Ok(id)
    }

    fn remove(&self, id: u64) {
        self.state().remove(id);
        self.outgoing_added.notify_one();
    }

    /// On a new stream every subscription is opened again.
    fn connected(&self) {
        let mut state = self.state();
        state.is_connected = true;
        state.outgoing = state.subscribers.iter().map(|(id, one)| open(*id, &one.topic)).collect();
    }

    fn disconnected(&self) {
        let mut state = self.state();
        state.is_connected = false;
        state.outgoing.clear();
    }

    fn dispatch(&self, answer: SubscribeResponse) {
        let id = answer.subscription_id;
        let mut state = self.state();
        // Events of a subscription that was just closed may still arrive.
        let Some(subscriber) = state.subscribers.get_mut(&id) else { return };
        let Some(event) = answer.event else { return };
        let is_last = matches!(event, WireEvent::Ended(_));
        let keeps_up = subscriber.deliver(event, answer.traceparent);
        if is_last {
            state.subscribers.remove(&id);
        } else if !keeps_up {
            state.remove(id);
        }
    }
}

impl State {
    fn remove(&mut self, id: u64) {
        if self.subscribers.remove(&id).is_some() && self.is_connected {
            let close = Action::Close(CloseSubscription {});
            self.outgoing.push_back(SubscribeRequest { subscription_id: id, action: Some(close) });
        }
    }
}

impl Subscriber {
    /// Queues an event. False if the queue is full.
    fn deliver(&mut self, event: WireEvent, traceparent: String) -> bool {
        let event = match event {
            WireEvent::Opened(_) => {
                if let Some(opened) = self.opened.take() {
                    // An error means that the subscription is about to be dropped.
                    let _ = opened.send(());
                }
                match self.topic {
                    Topic::Organization { .. } => Event::Reload,
                    Topic::Conversation { .. } => return true,
                }
            }
            WireEvent::Message(message) => {
                if let Topic::Conversation { after_seq, .. } = &mut self.topic {
                    if message.seq <= *after_seq {
                        return true;
                    }
                    *after_seq = message.seq;
                }
                Event::Message(Box::new(message))
            }
            WireEvent::Read(mark) => Event::Read(mark),
            WireEvent::Conversation(conversation) => Event::Conversation(Box::new(conversation)),
            WireEvent::Ended(ended) => match ended.reason() {
                // The client has to read the conversations again.
                EndReason::UnknownPosition
                | EndReason::FellBehind
                | EndReason::ConversationEnded => Event::Reload,
                // It has missed nothing: it reconnects and continues.
                EndReason::TooMany => return true,
                EndReason::Closed | EndReason::Invalid | EndReason::Unspecified => {
                    warn!(reason = ?ended.reason(), detail = ended.message, "subscription ended");
                    return true;
                }
            },
            WireEvent::Typing(typing) => Event::Typing(typing),
            WireEvent::Heartbeat(_) => return true,
        };
        self.events.send(QueuedEvent { event, traceparent: traceparent.into() })
    }
}

fn open(id: u64, topic: &Topic) -> SubscribeRequest {
    let open = match topic {
        Topic::Conversation { organization, conversation, after_seq } => OpenSubscription {
            organization_id: organization.to_string(),
            conversation_id: conversation.to_string(),
            side: Side::Contact.into(),
            after_seq: Some(*after_seq),
        },
        Topic::Organization { organization } => OpenSubscription {
            organization_id: organization.to_string(),
            conversation_id: String::new(),
            side: Side::Agent.into(),
            after_seq: None,
        },
    };
    SubscribeRequest { subscription_id: id, action: Some(Action::Open(open)) }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use onethread_proto::conversation::{Message, SubscriptionEnded, SubscriptionOpened, message};
    use uuid::Uuid;

    use super::*;
    use crate::streams::queue::Weigh;

    fn message(id: u64, seq: i64) -> SubscribeResponse {
        let message = Message { seq, ..Message::default() };
        SubscribeResponse {
            subscription_id: id,
            event: Some(WireEvent::Message(message)),
            ..SubscribeResponse::default()
        }
    }

    fn long(id: u64, seq: i64) -> SubscribeResponse {
        let text = "x".repeat(80_000);
        let body = Some(message::Body::Text(text));
        let message = Message { seq, body, ..Message::default() };
        SubscribeResponse {
            subscription_id: id,
            event: Some(WireEvent::Message(message)),
            ..SubscribeResponse::default()
        }
    }

    fn subscribe(shared: &Arc<Shared>) -> (Subscription, oneshot::Receiver<()>) {
        let (events, receiver) = queue();
        let (opened, is_open) = oneshot::channel();
        let topic = Topic::Conversation {
            organization: OrganizationId(Uuid::from_u128(1)),
            conversation: ConversationId(Uuid::from_u128(2)),
            after_seq: 3,
        };
        let id = shared.add(Subscriber { topic, events, opened: Some(opened) }).unwrap();
        (Subscription { events: receiver, id, shared: shared.clone() }, is_open)
    }

    #[test]
    fn a_subscription_continues_after_the_last_delivered_message() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut subscription, mut is_open) = subscribe(&shared);
        let opened = Some(WireEvent::Opened(SubscriptionOpened {}));
        shared.dispatch(SubscribeResponse {
            subscription_id: subscription.id,
            event: opened,
            ..SubscribeResponse::default()
        });
        is_open.try_recv().unwrap();
        for seq in [3, 4, 4, 5] {
            shared.dispatch(message(subscription.id, seq));
        }
        let mut got = Vec::new();
        while let Some(queued) = subscription.events.try_next() {
            let Event::Message(message) = queued.event else { break };
            got.push(message.seq);
        }
        assert_eq!(got, [4, 5]);

        shared.disconnected();
        shared.connected();
        let Some(Action::Open(open)) = shared.state().outgoing[0].action.clone() else {
            panic!("an opening");
        };
        assert_eq!(open.after_seq, Some(5));
    }

    #[test]
    fn a_client_reloads_only_what_it_may_have_missed() {
        for (reason, reloads) in [
            (EndReason::UnknownPosition, true),
            (EndReason::FellBehind, true),
            (EndReason::ConversationEnded, true),
            (EndReason::TooMany, false),
            (EndReason::Invalid, false),
        ] {
            let shared = Arc::<Shared>::default();
            shared.connected();
            let (mut one, _is_open) = subscribe(&shared);
            let (mut other, _is_open) = subscribe(&shared);
            let ended = SubscriptionEnded { reason: reason.into(), message: String::new() };
            let event = Some(WireEvent::Ended(ended));
            shared.dispatch(SubscribeResponse {
                subscription_id: one.id,
                event,
                ..SubscribeResponse::default()
            });
            let next = one.next().now_or_never().flatten().map(|queued| queued.event);
            assert_eq!(matches!(next, Some(Event::Reload)), reloads, "{reason:?}");
            assert!(matches!(one.next().now_or_never(), Some(None)), "{reason:?}");
            assert!(other.next().now_or_never().is_none(), "{reason:?} ended another one");
        }
    }

    #[test]
    fn a_slow_subscriber_is_cut_off_and_its_subscription_closed() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut subscription, _is_open) = subscribe(&shared);
        let last = 4 + i64::try_from(queue::QUEUE_CAPACITY).unwrap();
        for seq in 4..=last {
            shared.dispatch(message(subscription.id, seq));
        }
        assert!(shared.state().subscribers.is_empty());
        let closing = shared.state().outgoing.back().unwrap().action.clone();
        assert!(matches!(closing, Some(Action::Close(_))));
        let mut got = 0;
        while subscription.next().now_or_never().flatten().is_some() {
            got += 1;
        }
        assert_eq!(got, queue::QUEUE_CAPACITY);
        assert!(subscription.next().now_or_never().is_some(), "the queue ended");
    }

    #[tokio::test]
    async fn a_queue_is_bounded_by_bytes_too() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut quick, _is_open) = subscribe(&shared);
        let (slow, _is_open) = subscribe(&shared);
        for seq in 4..200 {
            shared.dispatch(long(quick.id, seq));
            shared.dispatch(long(slow.id, seq));
            let next = quick.next().await.map(|queued| queued.event);
            assert!(matches!(next, Some(Event::Message(one)) if one.seq == seq));
        }
        assert!(shared.state().subscribers.keys().eq([&quick.id]));
        let (mut slow, mut bytes) = (slow, 0);
        while let Some(event) = slow.next().await {
            bytes += event.weight();
        }
        assert!(
            (queue::QUEUE_MAX_BYTES..queue::QUEUE_MAX_BYTES + 100_000).contains(&bytes),
            "{bytes}"
        );
    }

    #[test]
    fn a_dropped_subscription_leaves_nothing() {
        let shared = Arc::<Shared>::default();
        let (subscription, _is_open) = subscribe(&shared);
        drop(subscription);
        let state = shared.state();
        assert!(state.subscribers.is_empty() && state.outgoing.is_empty());
    }
}
