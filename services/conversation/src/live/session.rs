//! One stream of a gateway: takes its commands, follows the hints, and reads from the database
//! what its subscriptions have to hear. It goes on only as fast as the gateway reads.

use std::{future::ready, sync::Arc};

use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use onethread_core::{OrganizationId, PageSize};
use onethread_errors::{Error, Result};
use onethread_events::{Heard, Listener, may_concern};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span};

use super::{
    Change, Command, Event, Hint, Live, Open, What,
    inbox::{Found, Inbox, News, Stretch},
    registry::{Key, Portion, Registry},
};
use crate::{
    domain::{Message, Side, Summary},
    store::{Head, NEWEST, Store},
};

/// The subscriptions of one stream and what they wait for.
pub(crate) struct Session {
    store: Store,
    stop: CancellationToken,
    /// Absent once the gateway has said its last.
    commands: Option<BoxStream<'static, Result<Command>>>,
    hints: Listener<Hint>,
    check: Interval,
    /// What is left of the look at the database under way.
    unchecked: Vec<Portion>,
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
                heard = self.hints.next() => match heard {
                    Heard::Hint(hint) => {
                        let span = delivery(&hint.trace);
                        self.follow(hint).instrument(span).await?
                    }
                    Heard::Missed(part) => {
                        let missed = |organization| may_concern(part, organization);
                        let portions = self.registry.portions(missed);
                        self.unchecked.retain(|portion| !missed(portion.organization()));
                        self.unchecked.extend(portions);
                        Vec::new()
                    }
                    Heard::Over => return Ok(None),
                },
                _ = self.check.tick() => {
                    if self.unchecked.is_empty() {
                        self.unchecked = self.registry.portions(|_| true);
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
        self.hints.attend(organization);
        let Some(conversation) = conversation else {
            let inbox = match self.registry.inbox(organization) {
                Some(_) => Inbox::default(),
                None => Inbox::new(&self.store.recent(organization).await?),
            };
            self.registry.add_all(subscription, organization, inbox);
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
        let (mut events, news) = match hint.change {
            Change::Stored { seq } => {
                self.registry.stored(key, seq, &hint.trace);
                let inbox = self.registry.inbox(key.0);
                (Vec::new(), inbox.and_then(|inbox| inbox.stored(key.1, seq)))
            }
            Change::Read { side, seq } => {
                let events = self.registry.read(key, side, seq);
                let inbox = self.registry.inbox(key.0);
                (events, inbox.and_then(|inbox| inbox.read(key.1, side, seq)))
            }
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
        if let Some(news) = news {
            events.extend(self.tell_all(key, news).await?);
        }
        Ok(events)
    }

    /// Tells those who read all conversations what is new in one.
    async fn tell_all(&mut self, key: Key, news: News) -> Result<Vec<Event>> {
        let summary = self.store.summary(key.0, key.1, Side::Agent).await?;
        // One that ended meanwhile is told as that.
        let Some(summary) = summary.filter(|summary| summary.conversation.id == key.1) else {
            return Ok(Vec::new());
        };
        let (messages, more) = match news.messages {
            Some(stretch) => stretch_of(&self.store, key, stretch, &summary).await?,
            None => (Vec::new(), false),
        };
        let Some(inbox) = self.registry.inbox(key.0) else { return Ok(Vec::new()) };
        if let Some((stretch, last)) = news.messages.zip(messages.last()) {
            inbox.tell(key.1, stretch, last.seq);
        }
        if more {
            self.unchecked.push(Portion::All(key.0));
        }
        let messages = messages.into_iter().map(|one| What::Message(Box::new(one), Side::Agent));
        let marks = news.marks.into_iter();
        let marks = marks.map(|(side, seq)| What::Read { conversation: key.1, side, seq });
        let news: Vec<_> =
            messages.chain(marks).chain([What::Conversation(Box::new(summary))]).collect();
        let mut events = Vec::new();
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
        let (organization, conversations) = match self.unchecked.pop() {
            None => return Ok(Vec::new()),
            Some(Portion::All(organization)) => return self.compare_all(organization).await,
            Some(Portion::Some(organization, conversations)) => (organization, conversations),
        };
        let heads = self.store.heads(organization, &conversations).await?;
        let events = heads.iter().flat_map(|head| self.registry.compare(organization, head));
        Ok(events.collect())
    }

    /// The same for those who read all conversations.
    async fn compare_all(&mut self, organization: OrganizationId) -> Result<Vec<Event>> {
        let recent = self.store.recent(organization).await?;
        let Some(inbox) = self.registry.inbox(organization) else { return Ok(Vec::new()) };
        let left = inbox.left(&recent);
        let left = if left.is_empty() {
            Vec::new()
        } else {
            self.store.heads(organization, &left).await?
        };
        let full = recent.len() as i64 == NEWEST;
        let Some(inbox) = self.registry.inbox(organization) else { return Ok(Vec::new()) };
        let news = match inbox.look(&recent, full, &left) {
            Found::TooMuch => return Ok(self.registry.reload_organization(organization)),
            Found::News(news) => news,
        };
        let mut events = Vec::new();
        for (conversation, news) in news {
            events.extend(self.tell_all((organization, conversation), news).await?);
        }
        Ok(events)
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

/// Messages of a stretch, as many as one page holds, and whether more follow. Mostly it is the last
/// one alone.
async fn stretch_of(
    store: &Store,
    key: Key,
    stretch: Stretch,
    summary: &Summary,
) -> Result<(Vec<Message>, bool)> {
    let (after, size) = match stretch {
        Stretch::After(seq) => (seq, longest()),
        Stretch::Only(seq) => (seq - 1, PageSize::new(1).expect("one is a size")),
    };
    if let Some(last) = summary.last_message.as_ref().filter(|last| last.seq == after + 1) {
        return Ok((vec![last.clone()], false));
    }
    let (mut messages, more) = store.messages_after(key.0, key.1, after, size).await?;
    // What was stored since the conversation was looked at is told together with how it stands
    // then.
    messages.retain(|message| message.seq <= summary.conversation.last_seq);
    Ok((messages, more && stretch == Stretch::After(after)))
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
