//! One stream of a gateway: takes commands, follows hints, and reads from the database what its
//! subscriptions have to deliver. It continues only as fast as the gateway reads.

use std::{future::ready, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use onethread_core::{ConversationId, OrganizationId, PageSize};
use onethread_db::{Database, Result as DbResult};
use onethread_errors::{Error, Result};
use onethread_events::{BusEvent, Listener, is_affected};
use onethread_telemetry::spans;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{
    Command, EndReason, Event, EventKind, Hint, Live, OpenCommand,
    inbox::{CheckResult, Inbox, MessageRange, PendingDelivery},
    registry::{Check, Registry},
};
use crate::{
    domain::{ConversationKey, HintKind, Message, Side, Summary},
    store::{
        Head, MessagePage, PagePosition, RecentConversation, conversations,
        heads::{self, RECENT_LIMIT},
        messages,
    },
};

/// Time without an event after which a heartbeat is sent. The contract names it.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// The subscriptions of one stream and what they wait for.
pub(crate) struct Session {
    db: Database,
    stop: CancellationToken,
    /// Absent after the gateway's last command.
    commands: Option<BoxStream<'static, Result<Command>>>,
    hints: Listener<Hint>,
    check_timer: Interval,
    heartbeat_timer: Interval,
    /// The rest of the check that is under way.
    checks: Vec<Check>,
    registry: Registry,
}

impl Session {
    /// A session without a subscription. It hears the hints from here on.
    pub(crate) fn new(
        db: Database,
        live: &Live,
        commands: BoxStream<'static, Result<Command>>,
    ) -> Self {
        let mut check_timer = interval(live.check_interval());
        check_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heartbeat_timer =
            interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
        heartbeat_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            db,
            stop: live.stop(),
            commands: Some(commands),
            hints: live.listen(),
            check_timer,
            heartbeat_timer,
            checks: Vec::new(),
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

    /// The next events. `None` when the process stops.
    async fn next(&mut self) -> Result<Option<Vec<Event>>> {
        loop {
            let events = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                command = next_command(&mut self.commands) => match command {
                    Some(command) => self.execute(command?).await?,
                    None => {
                        self.commands = None;
                        Vec::new()
                    }
                },
                heard = self.hints.next() => match heard {
                    BusEvent::Hint(hint) => self.follow(hint).await?,
                    BusEvent::Missed(part) => {
                        let is_concerned = |organization| is_affected(part, organization);
                        let checks = self.registry.checks(is_concerned);
                        self.checks.retain(|check| !is_concerned(check.organization()));
                        self.checks.extend(checks);
                        Vec::new()
                    }
                    BusEvent::Closed => return Ok(None),
                },
                _ = self.check_timer.tick() => {
                    if self.checks.is_empty() {
                        self.checks = self.registry.checks(|_| true);
                    }
                    Vec::new()
                }
                _ = self.heartbeat_timer.tick() => {
                    vec![Event::untraced(0, EventKind::Heartbeat)]
                }
                () = ready(()), if self.registry.is_pending() => self.read_pending().await?,
                () = ready(()), if !self.checks.is_empty() => self.check().await?,
            };
            if !events.is_empty() {
                self.heartbeat_timer.reset();
                return Ok(Some(events));
            }
        }
    }

    async fn execute(&mut self, command: Command) -> Result<Vec<Event>> {
        match command {
            Command::Open(open) => self.open(open).await,
            Command::Close(subscription) => {
                let is_open = self.registry.remove(subscription);
                let kind = EventKind::Ended(EndReason::Closed);
                Ok(is_open.then_some(Event::untraced(subscription, kind)).into_iter().collect())
            }
            Command::Invalid(subscription, message) => Ok(self.reject(subscription, message)),
        }
    }

    /// Ends a subscription because of an invalid command. An open one ends too: its reader can't tell
    /// the two apart.
    fn reject(&mut self, subscription: u64, message: String) -> Vec<Event> {
        self.registry.remove(subscription);
        let kind = EventKind::Ended(EndReason::Invalid(message));
        vec![Event::untraced(subscription, kind)]
    }

    async fn open(&mut self, open: OpenCommand) -> Result<Vec<Event>> {
        let OpenCommand { subscription, organization, conversation, side, after } = open;
        if self.registry.contains(subscription) {
            let message = "subscription_id is in use on this stream.".to_owned();
            return Ok(self.reject(subscription, message));
        }
        let answer = |kind| Ok(vec![Event::untraced(subscription, kind)]);
        if self.registry.is_full() {
            return answer(EventKind::Ended(EndReason::TooMany));
        }
        self.hints.subscribe_to(organization);
        let Some(conversation) = conversation else {
            let inbox = match self.registry.inbox(organization) {
                Some(_) => Inbox::default(),
                None => Inbox::new(&self.recent(organization).await?),
            };
            self.registry.add_all(subscription, organization, inbox);
            return answer(EventKind::Opened);
        };
        let heads = self.heads(organization, &[conversation]).await?;
        // A reader may subscribe before the first message.
        let head = heads.first().copied().unwrap_or(Head::empty(conversation));
        let delivered_seq = after.unwrap_or(head.last_seq);
        if head.is_removed {
            return answer(EventKind::Ended(EndReason::ConversationEnded));
        }
        if delivered_seq > head.last_seq {
            return answer(EventKind::Ended(EndReason::UnknownPosition));
        }
        let key = (organization, conversation);
        self.registry.add_one(subscription, key, side, delivered_seq, head);
        answer(EventKind::Opened)
    }

    /// Follows a hint. Subscriptions to its conversation read later, those to all conversations
    /// get it now.
    async fn follow(&mut self, hint: Hint) -> Result<Vec<Event>> {
        let key = (hint.organization, hint.conversation);
        let (mut events, undelivered) = match hint.kind {
            HintKind::MessageStored { seq } => {
                self.registry.message_stored(key, seq, &hint.trace);
                let inbox = self.registry.inbox(key.0);
                (Vec::new(), inbox.and_then(|inbox| inbox.message_stored(key.1, seq)))
            }
            HintKind::ReadMarkMoved { side, seq } => {
                let events = self.registry.read_mark_moved(key, side, seq);
                let inbox = self.registry.inbox(key.0);
                (events, inbox.and_then(|inbox| inbox.read_mark_moved(key.1, side, seq)))
            }
            HintKind::Typing { side, is_typing } => {
                return Ok(self.registry.typing(key, side, is_typing));
            }
            HintKind::ConversationRemoved { was_listed } => {
                let mut events = self.registry.conversation_removed(key);
                if was_listed {
                    // It is gone from the agents' list, which they have to fetch again.
                    let reason = EndReason::ConversationEnded;
                    events.extend(self.registry.end_organization(key.0, &reason));
                }
                return Ok(events);
            }
        };
        if let Some(undelivered) = undelivered {
            let span = delivery_span(key.0, &hint.trace);
            events.extend(self.deliver_to_all(key, undelivered).instrument(span).await?);
        }
        Ok(events)
    }

    /// Delivers what is new in a conversation to the readers of all conversations.
    async fn deliver_to_all(
        &mut self,
        key: ConversationKey,
        undelivered: PendingDelivery,
    ) -> Result<Vec<Event>> {
        let Some(summary) = self.summary(key).await? else {
            // It was removed meanwhile, and there is a hint for that.
            return Ok(Vec::new());
        };
        let page = match undelivered.messages {
            Some(range) => self.range(key, range, &summary).await?,
            None => MessagePage { messages: Vec::new(), has_more: false },
        };
        let Some(inbox) = self.registry.inbox(key.0) else { return Ok(Vec::new()) };
        if let Some((range, last)) = undelivered.messages.zip(page.messages.last()) {
            inbox.set_delivered(key.1, range, last.seq);
        }
        if page.has_more {
            self.checks.push(Check::Recent(key.0));
        }
        let message = |one: Message| EventKind::Message(Box::new(one), Side::Agent);
        let mark = |(side, seq)| EventKind::ReadMarkMoved { conversation: key.1, side, seq };
        let mut kinds: Vec<_> = page.messages.into_iter().map(message).collect();
        kinds.extend(undelivered.read_marks.into_iter().map(mark));
        kinds.push(EventKind::Conversation(Box::new(summary)));
        let trace = current_trace();
        let mut events = Vec::new();
        for subscription in self.registry.of_organization(key.0) {
            let event = |kind: &EventKind| Event::new(*subscription, kind.clone(), &trace);
            events.extend(kinds.iter().map(event));
        }
        Ok(events)
    }

    /// One page for the first subscriptions in the queue.
    async fn read_pending(&mut self) -> Result<Vec<Event>> {
        let Some(read) = self.registry.next_pending() else { return Ok(Vec::new()) };
        let span = delivery_span(read.key.0, &read.trace);
        for other in &read.other_traces {
            onethread_telemetry::link_traceparent(&span, other);
        }
        let trace = span.in_scope(current_trace);
        let page = self.messages_after(read.key, read.delivered_seq, longest_page());
        let MessagePage { messages, has_more } = page.instrument(span).await?;
        Ok(self.registry.deliver(&read, &messages, has_more, &trace))
    }

    /// One part of the check of the database, which finds what hints missed.
    async fn check(&mut self) -> Result<Vec<Event>> {
        let (organization, conversations) = match self.checks.pop() {
            None => return Ok(Vec::new()),
            Some(Check::Recent(organization)) => return self.check_recent(organization).await,
            Some(Check::Some(organization, conversations)) => (organization, conversations),
        };
        let heads = self.heads(organization, &conversations).await?;
        let events = heads.iter().flat_map(|head| self.registry.compare(organization, head));
        Ok(events.collect())
    }

    /// The same for the readers of all conversations.
    async fn check_recent(&mut self, organization: OrganizationId) -> Result<Vec<Event>> {
        let recent = self.recent(organization).await?;
        let Some(inbox) = self.registry.inbox(organization) else { return Ok(Vec::new()) };
        let others = inbox.no_longer_recent(&recent);
        let others =
            if others.is_empty() { Vec::new() } else { self.heads(organization, &others).await? };
        let is_full = recent.len() == RECENT_LIMIT;
        let Some(inbox) = self.registry.inbox(organization) else { return Ok(Vec::new()) };
        let undelivered = match inbox.check(&recent, is_full, &others) {
            CheckResult::Ended(reason) => {
                return Ok(self.registry.end_organization(organization, &reason));
            }
            CheckResult::Pending(undelivered) => undelivered,
        };
        let mut events = Vec::new();
        for (conversation, undelivered) in undelivered {
            events.extend(self.deliver_to_all((organization, conversation), undelivered).await?);
        }
        Ok(events)
    }

    /// The messages of a range, as many as one page has. Mostly it is only the last message.
    async fn range(
        &mut self,
        key: ConversationKey,
        range: MessageRange,
        summary: &Summary,
    ) -> DbResult<MessagePage> {
        let (after, size) = match range {
            MessageRange::After(seq) => (seq, longest_page()),
            MessageRange::Only(seq) => (seq - 1, PageSize::new(1).expect("1 is a page size")),
        };
        if let Some(last) = summary.last_message.as_ref().filter(|last| last.seq == after + 1) {
            return Ok(MessagePage { messages: vec![last.clone()], has_more: false });
        }
        let mut page = self.messages_after(key, after, size).await?;
        // Messages that were stored since the summary was read are delivered with a later one.
        page.messages.retain(|message| message.seq <= summary.conversation.last_seq);
        page.has_more &= range == MessageRange::After(after);
        Ok(page)
    }

    async fn messages_after(
        &mut self,
        (organization, conversation): ConversationKey,
        seq: i64,
        size: PageSize,
    ) -> DbResult<MessagePage> {
        let mut conn = self.db.reader("conversation.messages_after").await?;
        let position = PagePosition::After(seq);
        messages::page(&mut conn, organization, conversation, Side::Agent, position, size).await
    }

    /// A conversation as agents see it. `None` when it was removed.
    async fn summary(&mut self, (organization, id): ConversationKey) -> DbResult<Option<Summary>> {
        let mut conn = self.db.reader("conversation.get").await?;
        let Some(found) = conversations::by_id(&mut conn, organization, id).await? else {
            return Ok(None);
        };
        messages::with_last(&mut conn, organization, found, Side::Agent).await.map(Some)
    }

    async fn heads(
        &mut self,
        organization: OrganizationId,
        ids: &[ConversationId],
    ) -> DbResult<Vec<Head>> {
        let mut conn = self.db.reader("conversation.heads").await?;
        heads::by_ids(&mut conn, organization, ids).await
    }

    async fn recent(&mut self, organization: OrganizationId) -> DbResult<Vec<RecentConversation>> {
        let mut conn = self.db.reader("conversation.recent").await?;
        heads::recent(&mut conn, organization).await
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

/// The span of a delivery, in the trace of its cause. None for a delivery without one: the check of the
/// database found it.
fn delivery_span(organization: OrganizationId, trace: &str) -> Span {
    if trace.is_empty() {
        return Span::none();
    }
    let span = spans::consumer("bus", "deliver", "live event");
    onethread_telemetry::set_parent_from_traceparent(&span, trace);
    spans::show_trace_id(&span);
    spans::set_organization(&span, organization);
    span
}

/// The trace for events that are delivered in the current span.
fn current_trace() -> Arc<str> {
    onethread_telemetry::current_traceparent().into()
}

fn longest_page() -> PageSize {
    PageSize::new(i32::from(PageSize::MAX)).expect("the maximum is a page size")
}
