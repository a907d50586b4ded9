//! The subscriptions of one session: how far each one is, and which have messages to read. Nothing
//! here awaits.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use onethread_core::{ConversationId, OrganizationId};

use super::{EndReason, Event, EventKind, inbox::Inbox};
use crate::{
    domain::{ConversationKey, Message, Side},
    store::Head,
};

/// Subscriptions of a session.
const MAX_SUBSCRIPTIONS: usize = 65_536;
/// Subscriptions that share one page of messages.
const MAX_SUBSCRIPTIONS_PER_PAGE: usize = 16;
/// Conversations that one statement checks.
const CHECK_BATCH_SIZE: usize = 500;

/// A subscription to one conversation.
#[derive(Debug)]
struct Subscription {
    key: ConversationKey,
    side: Side,
    /// Everything up to this number was delivered, or is not visible to this side.
    delivered_seq: i64,
    contact_read_seq: i64,
    agent_read_seq: i64,
    /// The trace of the cause, while it has messages to read.
    pending: Option<Arc<str>>,
    /// True while it is in the queue, pending or not, so that it is there once.
    is_queued: bool,
}

/// Subscriptions that read the same page.
#[derive(Debug)]
pub(super) struct PendingRead {
    pub(super) key: ConversationKey,
    /// The number that the page follows.
    pub(super) delivered_seq: i64,
    /// The trace of the cause.
    pub(super) trace: Arc<str>,
    /// Other causes of the same read.
    pub(super) other_traces: Vec<Arc<str>>,
    subscriptions: Vec<u64>,
}

impl PendingRead {
    /// The read belongs to the trace of its first cause, and links to the others.
    fn add_cause(&mut self, trace: Arc<str>) {
        if self.trace.is_empty() {
            self.trace = trace;
        } else if self.trace != trace && !self.other_traces.contains(&trace) && !trace.is_empty() {
            self.other_traces.push(trace);
        }
    }
}

/// A part of a check of the database.
#[derive(Debug)]
pub(super) enum Check {
    /// These conversations.
    Some(OrganizationId, Vec<ConversationId>),
    /// The recent ones, for readers of all conversations.
    Recent(OrganizationId),
}

impl Check {
    pub(super) fn organization(&self) -> OrganizationId {
        match self {
            Self::Some(organization, _) | Self::Recent(organization) => *organization,
        }
    }
}

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(super) struct Registry {
    one: HashMap<u64, Subscription>,
    all: HashMap<u64, OrganizationId>,
    by_conversation: HashMap<ConversationKey, Vec<u64>>,
    inboxes: HashMap<OrganizationId, Inbox>,
    queue: VecDeque<u64>,
}

impl Registry {
    /// True when an id is taken.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.one.contains_key(&id) || self.all.contains_key(&id)
    }

    /// True when no more subscriptions can be added.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= MAX_SUBSCRIPTIONS
    }

    fn len(&self) -> usize {
        self.one.len() + self.all.len()
    }

    /// Adds a subscription to one conversation, which continues after `delivered_seq`.
    pub(super) fn add_one(
        &mut self,
        id: u64,
        key: ConversationKey,
        side: Side,
        delivered_seq: i64,
        head: Head,
    ) {
        let subscription = Subscription {
            key,
            side,
            delivered_seq,
            contact_read_seq: head.contact_read_seq,
            agent_read_seq: head.agent_read_seq,
            pending: None,
            is_queued: false,
        };
        self.one.insert(id, subscription);
        self.by_conversation.entry(key).or_default().push(id);
        if head.last_seq > delivered_seq {
            self.enqueue(id, &Arc::from(""));
        }
    }

    /// Adds a subscription to all conversations of an organization. Those that exist share their
    /// inbox with it.
    pub(super) fn add_all(&mut self, id: u64, organization: OrganizationId, inbox: Inbox) {
        self.all.insert(id, organization);
        self.inboxes.entry(organization).or_insert(inbox).subscriptions.push(id);
    }

    /// The inbox of the readers of all conversations of an organization, if there are any.
    pub(super) fn inbox(&mut self, organization: OrganizationId) -> Option<&mut Inbox> {
        self.inboxes.get_mut(&organization)
    }

    /// Removes a subscription. False if it doesn't exist.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.len();
        if let Some(subscription) = self.one.remove(&id) {
            remove_from(&mut self.by_conversation, subscription.key, id);
        }
        if let Some(organization) = self.all.remove(&id)
            && let Some(inbox) = self.inboxes.get_mut(&organization)
        {
            inbox.subscriptions.retain(|other| *other != id);
            if inbox.subscriptions.is_empty() {
                self.inboxes.remove(&organization);
            }
        }
        self.len() < before
    }

    /// The subscriptions to all conversations of an organization.
    pub(super) fn of_organization(&self, organization: OrganizationId) -> &[u64] {
        self.inboxes.get(&organization).map_or(&[], |inbox| inbox.subscriptions.as_slice())
    }

    /// A message was stored: subscriptions that don't have it read it later.
    pub(super) fn message_stored(&mut self, key: ConversationKey, seq: i64, trace: &Arc<str>) {
        for id in self.by_conversation.get(&key).cloned().unwrap_or_default() {
            if self.one[&id].delivered_seq < seq {
                self.enqueue(id, trace);
            }
        }
    }

    /// A read mark moved: events for those who don't know.
    pub(super) fn read_mark_moved(
        &mut self,
        key: ConversationKey,
        side: Side,
        seq: i64,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for id in self.by_conversation.get(&key).into_iter().flatten() {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            let known = match side {
                Side::Contact => &mut subscription.contact_read_seq,
                Side::Agent => &mut subscription.agent_read_seq,
            };
            if *known < seq {
                *known = seq;
                let kind = EventKind::ReadMarkMoved { conversation: key.1, side, seq };
                events.push(Event::untraced(*id, kind));
            }
        }
        events
    }

    /// A side started or stopped typing: events for the other side.
    pub(super) fn typing(&self, key: ConversationKey, side: Side, is_typing: bool) -> Vec<Event> {
        let of_one = self.by_conversation.get(&key).into_iter().flatten();
        let of_one = of_one.filter(|id| self.one[*id].side != side);
        // Readers of all conversations are agents.
        let of_all = if side == Side::Contact { self.of_organization(key.0) } else { &[] };
        let kind = EventKind::Typing { conversation: key.1, side, is_typing };
        let event = |id: &u64| Event::untraced(*id, kind.clone());
        of_one.chain(of_all).map(event).collect()
    }

    /// A conversation was merged or erased: its subscriptions end.
    pub(super) fn conversation_removed(&mut self, key: ConversationKey) -> Vec<Event> {
        let ids = self.by_conversation.get(&key).cloned().unwrap_or_default();
        self.end(ids, &EndReason::ConversationEnded)
    }

    /// Ends the subscriptions to all conversations of an organization.
    pub(super) fn end_organization(
        &mut self,
        organization: OrganizationId,
        reason: &EndReason,
    ) -> Vec<Event> {
        let ids = self.of_organization(organization).to_vec();
        self.end(ids, reason)
    }

    fn end(&mut self, ids: Vec<u64>, reason: &EndReason) -> Vec<Event> {
        for id in &ids {
            self.remove(*id);
        }
        let event = |id| Event::untraced(id, EventKind::Ended(reason.clone()));
        ids.into_iter().map(event).collect()
    }

    /// Compares subscriptions with the database, in case a hint was lost.
    pub(super) fn compare(&mut self, organization: OrganizationId, head: &Head) -> Vec<Event> {
        let key = (organization, head.conversation);
        if head.is_removed {
            return self.conversation_removed(key);
        }
        self.message_stored(key, head.last_seq, &Arc::from(""));
        let sides = [Side::Contact, Side::Agent];
        sides.into_iter().flat_map(|s| self.read_mark_moved(key, s, head.read_seq(s))).collect()
    }

    /// The checks for all subscriptions in these organizations.
    pub(super) fn checks(&self, is_included: impl Fn(OrganizationId) -> bool) -> Vec<Check> {
        let mut by_organization: HashMap<_, Vec<_>> = HashMap::new();
        for (organization, conversation) in self.by_conversation.keys() {
            if is_included(*organization) {
                by_organization.entry(*organization).or_default().push(*conversation);
            }
        }
        let some = by_organization.iter().flat_map(|(organization, conversations)| {
            let chunks = conversations.chunks(CHECK_BATCH_SIZE);
            chunks.map(|some| Check::Some(*organization, some.to_vec()))
        });
        let all = self.inboxes.keys().filter(|organization| is_included(**organization));
        some.chain(all.map(|organization| Check::Recent(*organization))).collect()
    }

    /// True when a subscription has messages to read.
    pub(super) fn is_pending(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The next subscription that reads, with others at the same place.
    pub(super) fn next_pending(&mut self) -> Option<PendingRead> {
        // The queue also has subscriptions that were closed, or have read with another.
        let (key, delivered_seq) = loop {
            let id = self.queue.pop_front()?;
            let Some(subscription) = self.one.get_mut(&id) else { continue };
            subscription.is_queued = false;
            if subscription.pending.is_some() {
                break (subscription.key, subscription.delivered_seq);
            }
        };
        let mut read = PendingRead {
            key,
            delivered_seq,
            trace: Arc::default(),
            other_traces: Vec::new(),
            subscriptions: Vec::new(),
        };
        for id in &self.by_conversation[&key] {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            if subscription.delivered_seq == delivered_seq
                && read.subscriptions.len() < MAX_SUBSCRIPTIONS_PER_PAGE
            {
                let Some(trace) = subscription.pending.take() else { continue };
                read.add_cause(trace);
                read.subscriptions.push(*id);
            }
        }
        Some(read)
    }

    /// Delivers the page, in this trace, to the subscriptions that read it. If more messages follow,
    /// they stay pending.
    pub(super) fn deliver(
        &mut self,
        read: &PendingRead,
        messages: &[Message],
        has_more: bool,
        trace: &Arc<str>,
    ) -> Vec<Event> {
        let Some(last) = messages.last() else { return Vec::new() };
        let mut events = Vec::new();
        for id in &read.subscriptions {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            subscription.delivered_seq = last.seq;
            let side = subscription.side;
            let visible = messages.iter().filter(|message| message.kind.visible_to(side));
            let kind = |message: &Message| EventKind::Message(Box::new(message.clone()), side);
            events.extend(visible.map(|message| Event::new(*id, kind(message), trace)));
            if has_more {
                self.enqueue(*id, &read.trace);
            }
        }
        events
    }

    /// Puts a subscription into the queue, once.
    fn enqueue(&mut self, id: u64, trace: &Arc<str>) {
        let Some(subscription) = self.one.get_mut(&id) else { return };
        subscription.pending = Some(trace.clone());
        if !subscription.is_queued {
            subscription.is_queued = true;
            self.queue.push_back(id);
        }
    }
}

fn remove_from(by_key: &mut HashMap<ConversationKey, Vec<u64>>, key: ConversationKey, id: u64) {
    if let Some(ids) = by_key.get_mut(&key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            by_key.remove(&key);
        }
    }
}
