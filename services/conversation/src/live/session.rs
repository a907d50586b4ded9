//! One stream of a gateway: takes its commands, follows the hints, and reads from the database
//! what its subscriptions have to hear. It goes on only as fast as the gateway reads.

use std::{future::ready, sync::Arc};

use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use onethread_core::{ConversationId, OrganizationId, PageSize};
use onethread_errors::{Error, Result};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span};

use super::{
    Change, Command, Event, Hint, Live, Open, What,
    registry::{Key, Registry},
};
use crate::{
    domain::{Message, Side, Summary},
    store::{Head, Store},
};

/// The subscriptions of one stream and what they wait for.
pub(crate) struct Session {
    store: Store,
    stop: CancellationToken,
    /// Absent once the gateway has said its last.
    commands: Option<BoxStream<'static, Result<Command>>>,
    hints: Receiver<Hint>,
    check: Interval,
    /// What is left of the look at the database under way.
    unchecked: Vec<(OrganizationId, Vec<ConversationId>)>,
    registry: Registry,
}

impl Session {
    /// Without a subscription. Whatever is told from here on is heard.
    pub(crate) fn new(
        store: Store,
        live: &Live,
        commands: BoxStream<'static, Result<Command>>,
    ) -> Self {
        let mut check = interval(live.check_every());
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            store,
            stop: live.stop(),
            commands: Some(commands),
            hints: live.listen(),
            check,
            unchecked: Vec::new(),
            registry: Registry::default(),
        }
    }

    /// The events, until the process stops or something fails. Nothing is read ahead.
    pub(crate) fn events(self) -> impl Stream<Item = Result<Event>> + Send + use<> {
        let batches = stream::try_unfold(self, |mut session| async move {
            let events = session.next().await?;
            Ok::<_, Error>(events.map(|events| (events, session)))
        });
        batches.map_ok(|events| stream::iter(events.into_iter().map(Ok))).try_flatten()
    }

    /// What happens next. `None` when the process stops.
    async fn next(&mut self) -> Result<Option<Vec<Event>>> {
        loop {
            let events = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                command = next_command(&mut self.commands) => match command {
                    Some(command) => self.obey(command?).await?,
                    None => {
                        self.commands = None;
                        Vec::new()
                    }
                },
                hint = self.hints.recv() => match hint {
                    Ok(hint) => {
                        let span = delivery(&hint.trace);
                        self.follow(hint).instrument(span).await?
                    }
                    Err(RecvError::Lagged(_)) => {
                        self.unchecked = self.registry.conversations();
                        self.registry.reload_all()
                    }
                    Err(RecvError::Closed) => return Ok(None),
                },
                _ = self.check.tick() => {
                    if self.unchecked.is_empty() {
                        self.unchecked = self.registry.conversations();
                    }
                    Vec::new()
                }
                () = ready(()), if self.registry.is_due() => self.read_on().await?,
                () = ready(()), if !self.unchecked.is_empty() => self.compare().await?,
            };
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<Vec<Event>> {
        match command {
            Command::Open(open) => self.open(open).await,
            Command::Close(subscription) => {
                self.registry.remove(subscription);
                Ok(Vec::new())
            }
        }
    }

    async fn open(&mut self, open: Open) -> Result<Vec<Event>> {
        let Open { subscription, organization, conversation, side, after } = open;
        if self.registry.has(subscription) {
            return Err(Error::invalid("/subscriptionId", "was used before on this stream"));
        }
        let heard = |what| Ok(vec![Event { subscription, what }]);
        if self.registry.is_full() {
            return heard(What::Reload);
        }
        let Some(conversation) = conversation else {
            self.registry.add_all(subscription, organization);
            return heard(What::Opened);
        };
        let heads = self.store.heads(organization, &[conversation]).await?;
        // A thread may be listened to before its first message.
        let head = heads.first().copied().unwrap_or(Head::before_all(conversation));
        let sent = after.unwrap_or(head.last_seq);
        if head.ended || sent > head.last_seq {
            // The reader knows a number that was never given out here.
            return heard(What::Reload);
        }
        self.registry.add_one(subscription, (organization, conversation), side, sent, head);
        heard(What::Opened)
    }

    /// Follows a hint: those of one conversation read on later, those of all hear it now.
    async fn follow(&mut self, hint: Hint) -> Result<Vec<Event>> {
        let key = (hint.organization, hint.conversation);
        let mut events = match hint.change {
            Change::Stored { seq } => {
                self.registry.stored(key, seq, &hint.trace);
                Vec::new()
            }
            Change::Read { side, seq } => self.registry.read(key, side, seq),
            Change::Typing { side, typing } => return Ok(self.registry.typing(key, side, typing)),
            Change::Ended { listed } => {
                let mut events = self.registry.ended(key);
                if listed {
                    // A conversation left the agents' list: they fetch it anew.
                    events.extend(self.registry.reload_organization(key.0));
                }
                return Ok(events);
            }
        };
        if self.registry.of_organization(key.0).is_empty() {
            return Ok(events);
        }
        let Some(summary) = self.store.summary(key.0, key.1, Side::Agent).await? else {
            return Ok(events);
        };
        let news = match hint.change {
            Change::Stored { seq } => {
                let message = message(&self.store, key, seq, &summary).await?;
                message.map(|message| What::Message(Box::new(message), Side::Agent))
            }
            Change::Read { side, seq } => Some(What::Read { conversation: key.1, side, seq }),
            Change::Typing { .. } => None,
            Change::Ended { .. } => None,
        };
        let news: Vec<_> =
            news.into_iter().chain([What::Conversation(Box::new(summary))]).collect();
        for subscription in self.registry.of_organization(key.0) {
            let subscription = *subscription;
            events.extend(news.iter().map(|what| Event { subscription, what: what.clone() }));
        }
        Ok(events)
    }

    /// One page for those at the front of the queue.
    async fn read_on(&mut self) -> Result<Vec<Event>> {
        let Some(due) = self.registry.next_due() else { return Ok(Vec::new()) };
        let (organization, conversation) = due.key;
        let page = self
            .store
            .messages_after(organization, conversation, due.sent, longest())
            .instrument(delivery(&due.trace));
        let (messages, more) = page.await?;
        Ok(self.registry.deliver(&due, &messages, more))
    }

    /// One portion of the look at the database, which finds what hints did not tell.
    async fn compare(&mut self) -> Result<Vec<Event>> {
        let Some((organization, conversations)) = self.unchecked.pop() else {
            return Ok(Vec::new());
        };
        let heads = self.store.heads(organization, &conversations).await?;
        let events = heads.iter().flat_map(|head| self.registry.compare(organization, head));
        Ok(events.collect())
    }
}

async fn next_command(
    commands: &mut Option<BoxStream<'static, Result<Command>>>,
) -> Option<Result<Command>> {
    match commands {
        Some(commands) => commands.next().await,
        // The gateway goes on listening.
        None => std::future::pending().await,
    }
}

/// The message with this number, which mostly is the last one.
async fn message(store: &Store, key: Key, seq: i64, summary: &Summary) -> Result<Option<Message>> {
    if let Some(last) = summary.last_message.as_ref().filter(|last| last.seq == seq) {
        return Ok(Some(last.clone()));
    }
    let one = PageSize::new(1).expect("one is a size");
    let (messages, _) = store.messages_after(key.0, key.1, seq - 1, one).await?;
    Ok(messages.into_iter().next())
}

/// The delivery as a part of the trace that made it.
fn delivery(trace: &Arc<str>) -> Span {
    let span =
        info_span!(parent: None, "live", otel.name = "live delivery", otel.kind = "consumer");
    onethread_telemetry::adopt_text(&span, trace);
    span
}

fn longest() -> PageSize {
    PageSize::new(i32::from(PageSize::MAX)).expect("the longest is a size")
}
