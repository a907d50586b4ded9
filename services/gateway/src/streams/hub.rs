//! One multiplexed `Subscribe` stream to the conversation service, however many readers there
//! are. When it breaks, a task opens it again and each subscription goes on where it was; memory
//! for a reader is bounded, and one that can't keep up is cut off.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use onethread_errors::{Error, Result};
use onethread_grpc::Unhurried;
use onethread_lifecycle::Lifecycle;
use onethread_proto::conversation::{
    CloseSubscription, Conversation, Message, OpenSubscription, ReadMark, Side, SubscribeRequest,
    SubscribeResponse, Typing, subscribe_request::Action, subscribe_response::Event as WireEvent,
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};
use tracing::{info, warn};

use super::{
    backoff::Backoff,
    queue::{self, Weigh, queue},
};
use crate::app::App;

/// Readers of one gateway.
const READERS: usize = 50_000;

/// How long a reader waits for its subscription to stand, and the hub for its stream.
const OPEN_WAIT: Duration = Duration::from_secs(5);

/// What happened, for one reader.
#[derive(Debug)]
pub(super) enum Event {
    // In boxes, so that a reader whom nothing waits for costs little.
    Message(Box<Message>),
    Read(ReadMark),
    Conversation(Box<Conversation>),
    Typing(Typing),
    /// Something may have been missed: fetch anew.
    Reload,
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        let text = match self {
            Self::Message(message) => message.text.len(),
            Self::Conversation(conversation) => {
                conversation.last_message.as_ref().map_or(0, |message| message.text.len())
            }
            Self::Read(_) | Self::Typing(_) | Self::Reload => 0,
        };
        text + 512
    }
}

/// What a reader wants to hear of.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// One conversation as its contact sees it, everything after the number.
    Thread { organization: String, conversation: String, after_seq: i64 },
    /// All of an organization as agents see it, from now. Each beginning is told by a reload.
    All { organization: String },
}

/// Where subscriptions are made.
#[derive(Debug, Default)]
pub(crate) struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to send.
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    readers: HashMap<u64, Reader>,
    /// To be sent; at most one opening and one closing for each reader there was.
    outgoing: VecDeque<SubscribeRequest>,
    connected: bool,
}

#[derive(Debug)]
struct Reader {
    wanted: Wanted,
    events: queue::Sender<Event>,
    /// Told once, when the subscription first stands.
    opened: Option<oneshot::Sender<()>>,
}

/// A reader's end. Dropping it ends the subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    events: queue::Receiver<Event>,
    id: u64,
    shared: Arc<Shared>,
}

impl Subscription {
    /// The next event. `None` when the reader is cut off or the subscription is over.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }

    /// Those that wait, at least one, at most so many. None when there will be no more.
    pub(super) async fn next_many(&mut self, most: usize) -> Vec<Event> {
        self.events.next_many(most).await
    }
}

impl Hub {
    /// Subscribes; when it answers, nothing that is stored from now on is missed.
    pub(super) async fn subscribe(&self, wanted: Wanted, life: &Lifecycle) -> Result<Subscription> {
        let (events, receiver) = queue();
        let (opened, stands) = oneshot::channel();
        let id = self.0.add(Reader { wanted, events, opened: Some(opened) })?;
        let subscription = Subscription { events: receiver, id, shared: self.0.clone() };
        let stands = tokio::select! {
            // Another process takes the reader.
            () = life.stopping() => return Err(Error::unavailable("the process stops")),
            stands = timeout(OPEN_WAIT, stands) => stands,
        };
        match stands {
            Ok(Ok(())) => Ok(subscription),
            Ok(Err(_)) => Err(Error::unavailable("the subscription ended before it stood")),
            Err(_) => Err(Error::unavailable("the subscription did not stand in time")),
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

    fn add(&self, reader: Reader) -> Result<u64> {
        let mut state = self.state();
        if state.readers.len() >= READERS {
            return Err(Error::unavailable("as many readers as a gateway takes"));
        }
        state.last_id += 1;
        let id = state.last_id;
        if state.connected {
            state.outgoing.push_back(open(id, &reader.wanted));
        }
        state.readers.insert(id, reader);
        drop(state);
        self.work.notify_one();
        Ok(id)
    }

    fn remove(&self, id: u64) {
        self.state().remove(id);
        self.work.notify_one();
    }

    /// A new stream: every reader is subscribed anew.
    fn connected(&self) {
        let mut state = self.state();
        state.connected = true;
        state.outgoing =
            state.readers.iter().map(|(id, reader)| open(*id, &reader.wanted)).collect();
    }

    fn disconnected(&self) {
        let mut state = self.state();
        state.connected = false;
        state.outgoing.clear();
    }

    fn dispatch(&self, answer: SubscribeResponse) {
        let id = answer.subscription_id;
        let mut state = self.state();
        // One that has gone may still have had something under way.
        let Some(reader) = state.readers.get_mut(&id) else { return };
        let Some(event) = answer.event else { return };
        let over = matches!(event, WireEvent::Reload(_));
        let kept_up = reader.take(event);
        if over {
            state.readers.remove(&id);
        } else if !kept_up {
            state.remove(id);
        }
    }
}

impl State {
    fn remove(&mut self, id: u64) {
        if self.readers.remove(&id).is_some() && self.connected {
            let close = Action::Close(CloseSubscription {});
            self.outgoing.push_back(SubscribeRequest { subscription_id: id, action: Some(close) });
        }
    }
}

impl Reader {
    /// Hands an event on. False: there is no room for it.
    fn take(&mut self, event: WireEvent) -> bool {
        let event = match event {
            WireEvent::Opened(_) => {
                if let Some(opened) = self.opened.take() {
                    // Nobody waits any more: the subscription will be dropped.
                    let _ = opened.send(());
                }
                match self.wanted {
                    Wanted::All { .. } => Event::Reload,
                    Wanted::Thread { .. } => return true,
                }
            }
            WireEvent::Message(message) => {
                if let Wanted::Thread { after_seq, .. } = &mut self.wanted {
                    if message.seq <= *after_seq {
                        return true;
                    }
                    *after_seq = message.seq;
                }
                Event::Message(Box::new(message))
            }
            WireEvent::Read(mark) => Event::Read(mark),
            WireEvent::Conversation(conversation) => Event::Conversation(Box::new(conversation)),
            WireEvent::Reload(_) => Event::Reload,
            WireEvent::Typing(typing) => Event::Typing(typing),
        };
        self.events.send(event)
    }
}

fn open(id: u64, wanted: &Wanted) -> SubscribeRequest {
    let open = match wanted.clone() {
        Wanted::Thread { organization, conversation, after_seq } => OpenSubscription {
            organization_id: organization,
            conversation_id: conversation,
            side: Side::Contact.into(),
            after_seq: Some(after_seq),
        },
        Wanted::All { organization } => OpenSubscription {
            organization_id: organization,
            conversation_id: String::new(),
            side: Side::Agent.into(),
            after_seq: None,
        },
    };
    SubscribeRequest { subscription_id: id, action: Some(Action::Open(open)) }
}

/// Keeps the stream open until the process stops.
pub(crate) async fn follow(app: Arc<App>) {
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    let mut backoff = Backoff::default();
    let mut told = false;
    loop {
        let ended = tokio::select! {
            () = &mut stopping => return,
            ended = stream(&app, &mut backoff, &mut told) => ended,
        };
        app.hub.0.disconnected();
        // The other services end as well, and there is nothing to go on with.
        if app.life.is_stopping() {
            return;
        }
        if !told {
            warn!(code = ?ended.code(), "the stream of conversations broke, opening it again");
            told = true;
        }
        tokio::select! {
            () = &mut stopping => return,
            () = backoff.wait(app.entropy.as_ref()) => {}
        }
    }
}

/// One stream, until it ends.
async fn stream(app: &App, backoff: &mut Backoff, told: &mut bool) -> Status {
    let (sender, receiver) = mpsc::channel(64);
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.extensions_mut().insert(Unhurried);
    let mut client = app.streams();
    let answers = match timeout(OPEN_WAIT, client.subscribe(request)).await {
        Ok(Ok(answers)) => answers.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return Status::deadline_exceeded("the stream did not open in time"),
    };
    backoff.reset();
    if std::mem::take(told) {
        info!("the stream of conversations is open again");
    }
    app.hub.0.connected();
    pump(&app.hub.0, &sender, answers).await
}

/// Sends and receives side by side: neither waits for the other, so both ends can't wait for
/// each other.
async fn pump(
    shared: &Shared,
    sender: &mpsc::Sender<SubscribeRequest>,
    mut answers: Streaming<SubscribeResponse>,
) -> Status {
    let mut sending = true;
    loop {
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(answer)) => shared.dispatch(answer),
                Ok(None) => return Status::unavailable("the stream ended"),
                Err(status) => return status,
            },
            permit = sender.reserve(), if sending => {
                let Ok(permit) = permit else {
                    return Status::unavailable("the stream takes no more");
                };
                match shared.state().outgoing.pop_front() {
                    Some(request) => permit.send(request),
                    None => sending = false,
                }
            }
            () = shared.work.notified(), if !sending => sending = true,
        }
        // Whatever was removed for being slow has to be said, too.
        sending = sending || !shared.state().outgoing.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use onethread_proto::conversation::SubscriptionOpened;

    use super::*;

    fn message(id: u64, seq: i64) -> SubscribeResponse {
        let message = Message { seq, ..Message::default() };
        SubscribeResponse { subscription_id: id, event: Some(WireEvent::Message(message)) }
    }

    fn long(id: u64, seq: i64) -> SubscribeResponse {
        let text = "x".repeat(80_000);
        let message = Message { seq, text, ..Message::default() };
        SubscribeResponse { subscription_id: id, event: Some(WireEvent::Message(message)) }
    }

    fn reader(shared: &Arc<Shared>) -> (Subscription, oneshot::Receiver<()>) {
        let (events, receiver) = queue();
        let (opened, stands) = oneshot::channel();
        let wanted = Wanted::Thread {
            organization: "o".to_owned(),
            conversation: "c".to_owned(),
            after_seq: 3,
        };
        let id = shared.add(Reader { wanted, events, opened: Some(opened) }).unwrap();
        (Subscription { events: receiver, id, shared: shared.clone() }, stands)
    }

    #[test]
    fn a_reader_goes_on_after_the_last_number_it_was_given() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut subscription, mut stands) = reader(&shared);
        let opened = Some(WireEvent::Opened(SubscriptionOpened {}));
        shared.dispatch(SubscribeResponse { subscription_id: subscription.id, event: opened });
        stands.try_recv().unwrap();
        for seq in [3, 4, 4, 5] {
            shared.dispatch(message(subscription.id, seq));
        }
        let mut got = Vec::new();
        while let Some(Event::Message(message)) = subscription.events.try_next() {
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
    fn a_slow_reader_is_cut_off_and_told_upstream() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut subscription, _stands) = reader(&shared);
        let last = 4 + i64::try_from(queue::EVENTS).unwrap();
        for seq in 4..=last {
            shared.dispatch(message(subscription.id, seq));
        }
        assert!(shared.state().readers.is_empty());
        let closing = shared.state().outgoing.back().unwrap().action.clone();
        assert!(matches!(closing, Some(Action::Close(_))));
        let mut got = 0;
        while subscription.next().now_or_never().flatten().is_some() {
            got += 1;
        }
        assert_eq!(got, queue::EVENTS);
        assert!(subscription.next().now_or_never().is_some(), "it is over");
    }

    #[tokio::test]
    async fn what_waits_for_a_reader_is_bounded_by_bytes_too() {
        let shared = Arc::<Shared>::default();
        shared.connected();
        let (mut quick, _stands) = reader(&shared);
        let (slow, _stands) = reader(&shared);
        for seq in 4..200 {
            shared.dispatch(long(quick.id, seq));
            shared.dispatch(long(slow.id, seq));
            assert!(matches!(quick.next().await, Some(Event::Message(one)) if one.seq == seq));
        }
        assert!(shared.state().readers.keys().eq([&quick.id]));
        let (mut slow, mut bytes) = (slow, 0);
        while let Some(event) = slow.next().await {
            bytes += event.weight();
        }
        assert!((queue::BYTES..queue::BYTES + 100_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_reader_that_goes_leaves_nothing() {
        let shared = Arc::<Shared>::default();
        let (subscription, _stands) = reader(&shared);
        drop(subscription);
        let state = shared.state();
        assert!(state.readers.is_empty() && state.outgoing.is_empty());
    }
}
