//! The subscriptions of one session: which there are, how far each one is, which have to read on.
//! Nothing here waits.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use onethread_core::{ConversationId, OrganizationId};

use super::{Event, What, inbox::Inbox};
use crate::{
    domain::{Message, Side},
    store::Head,
};

/// Subscriptions a session holds at most.
const MOST: usize = 65_536;
/// Subscriptions that one page of messages is handed to.
const TOGETHER: usize = 16;
/// Conversations that one look at the database compares.
const CHECKED_TOGETHER: usize = 500;

/// A conversation of an organization.
pub(super) type Key = (OrganizationId, ConversationId);

/// A subscription to one conversation.
#[derive(Debug)]
struct Subscription {
    key: Key,
    side: Side,
    /// Everything up to this number was delivered, or is not for this side.
    sent: i64,
    contact_read: i64,
    agent_read: i64,
    /// Set while it has to read on: the trace that made it.
    due: Option<Arc<str>>,
    /// True while it stands in the queue, due or not, so that it stands there once.
    queued: bool,
}

/// Subscriptions that read on from the same place.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) key: Key,
    pub(super) sent: i64,
    pub(super) trace: Arc<str>,
    subscriptions: Vec<u64>,
}

/// What one look at the database compares.
#[derive(Debug)]
pub(super) enum Portion {
    /// These conversations.
    Some(OrganizationId, Vec<ConversationId>),
    /// The newest of all, for those who read all.
    All(OrganizationId),
}

impl Portion {
    /// Whose it is.
    pub(super) fn organization(&self) -> OrganizationId {
        match self {
            Self::Some(organization, _) | Self::All(organization) => *organization,
        }
    }
}

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(super) struct Registry {
    one: HashMap<u64, Subscription>,
    all: HashMap<u64, OrganizationId>,
    by_conversation: HashMap<Key, Vec<u64>>,
    inboxes: HashMap<OrganizationId, Inbox>,
    queue: VecDeque<u64>,
}

impl Registry {
    /// True when a number is taken.
    pub(super) fn has(&self, id: u64) -> bool {
        self.one.contains_key(&id) || self.all.contains_key(&id)
    }

    /// True when no other subscription finds room.
    pub(super) fn is_full(&self) -> bool {
        self.one.len() + self.all.len() >= MOST
    }

    /// Adds a subscription to one conversation, which read up to `sent` and finds it at `head`.
    pub(super) fn add_one(&mut self, id: u64, key: Key, side: Side, sent: i64, head: Head) {
        let subscription = Subscription {
            key,
            side,
            sent,
            contact_read: head.contact_read_seq,
            agent_read: head.agent_read_seq,
            due: None,
            queued: false,
        };
        self.one.insert(id, subscription);
        self.by_conversation.entry(key).or_default().push(id);
        if head.last_seq > sent {
            self.note(id, &Arc::from(""));
        }
    }

    /// Adds a subscription to all conversations of an organization; those who have one already
    /// share what stands in their inbox.
    pub(super) fn add_all(&mut self, id: u64, organization: OrganizationId, inbox: Inbox) {
        self.all.insert(id, organization);
        self.inboxes.entry(organization).or_insert(inbox).readers.push(id);
    }

    /// What the readers of all conversations of an organization have; absent without a reader.
    pub(super) fn inbox(&mut self, organization: OrganizationId) -> Option<&mut Inbox> {
        self.inboxes.get_mut(&organization)
    }

    /// Takes a subscription out; nothing for an unknown one.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(subscription) = self.one.remove(&id) {
            leave(&mut self.by_conversation, subscription.key, id);
        }
        if let Some(organization) = self.all.remove(&id)
            && let Some(inbox) = self.inboxes.get_mut(&organization)
        {
            inbox.readers.retain(|other| *other != id);
            if inbox.readers.is_empty() {
                self.inboxes.remove(&organization);
            }
        }
    }

    /// The subscriptions to all conversations of an organization.
    pub(super) fn of_organization(&self, organization: OrganizationId) -> &[u64] {
        self.inboxes.get(&organization).map_or(&[], |inbox| inbox.readers.as_slice())
    }

    /// A message was stored: whoever doesn't have it reads on.
    pub(super) fn stored(&mut self, key: Key, seq: i64, trace: &Arc<str>) {
        for id in self.by_conversation.get(&key).cloned().unwrap_or_default() {
            if self.one[&id].sent < seq {
                self.note(id, trace);
            }
        }
    }

    /// A read mark moved: tells those who don't know it.
    pub(super) fn read(&mut self, key: Key, side: Side, seq: i64) -> Vec<Event> {
        let mut events = Vec::new();
        for id in self.by_conversation.get(&key).into_iter().flatten() {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            let known = match side {
                Side::Contact => &mut subscription.contact_read,
                Side::Agent => &mut subscription.agent_read,
            };
            if *known < seq {
                *known = seq;
                let what = What::Read { conversation: key.1, side, seq };
                events.push(Event { subscription: *id, what });
            }
        }
        events
    }

    /// A side types: the other one hears it.
    pub(super) fn typing(&self, key: Key, side: Side, typing: bool) -> Vec<Event> {
        let of_one = self.by_conversation.get(&key).into_iter().flatten();
        let of_one = of_one.filter(|id| self.one[*id].side != side);
        // Readers of all are agents.
        let of_all = if side == Side::Contact { self.of_organization(key.0) } else { &[] };
        let what = What::Typing { conversation: key.1, side, typing };
        let event = |id: &u64| Event { subscription: *id, what: what.clone() };
        of_one.chain(of_all).map(event).collect()
    }

    /// A conversation ended: so do its subscriptions.
    pub(super) fn ended(&mut self, key: Key) -> Vec<Event> {
        let over = self.by_conversation.get(&key).cloned().unwrap_or_default();
        for id in &over {
            self.remove(*id);
        }
        over.into_iter().map(|subscription| Event { subscription, what: What::Reload }).collect()
    }

    /// Ends the subscriptions to all conversations of an organization.
    pub(super) fn reload_organization(&mut self, organization: OrganizationId) -> Vec<Event> {
        let over = self.of_organization(organization).to_vec();
        for id in &over {
            self.remove(*id);
        }
        over.into_iter().map(|subscription| Event { subscription, what: What::Reload }).collect()
    }

    /// Compares with the database, in case a hint was lost.
    pub(super) fn compare(&mut self, organization: OrganizationId, head: &Head) -> Vec<Event> {
        let key = (organization, head.conversation);
        if head.ended {
            return self.ended(key);
        }
        self.stored(key, head.last_seq, &Arc::from(""));
        let mut events = self.read(key, Side::Contact, head.mark(Side::Contact));
        events.extend(self.read(key, Side::Agent, head.mark(Side::Agent)));
        events
    }

    /// All that is subscribed to in these organizations, in portions of one look each.
    pub(super) fn portions(&self, wanted: impl Fn(OrganizationId) -> bool) -> Vec<Portion> {
        let mut by_organization: HashMap<_, Vec<_>> = HashMap::new();
        for (organization, conversation) in self.by_conversation.keys() {
            if wanted(*organization) {
                by_organization.entry(*organization).or_default().push(*conversation);
            }
        }
        let some = by_organization.iter().flat_map(|(organization, conversations)| {
            let chunks = conversations.chunks(CHECKED_TOGETHER);
            chunks.map(|some| Portion::Some(*organization, some.to_vec()))
        });
        let all = self.inboxes.keys().filter(|organization| wanted(**organization));
        some.chain(all.map(|organization| Portion::All(*organization))).collect()
    }

    /// True when somebody has to read on.
    pub(super) fn is_due(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Who reads on next, together with those at the same place.
    pub(super) fn next_due(&mut self) -> Option<Due> {
        // The queue also holds those that were closed, or went along with another.
        let (key, sent) = loop {
            let id = self.queue.pop_front()?;
            let Some(subscription) = self.one.get_mut(&id) else { continue };
            subscription.queued = false;
            if subscription.due.is_some() {
                break (subscription.key, subscription.sent);
            }
        };
        let mut due = Due { key, sent, trace: Arc::from(""), subscriptions: Vec::new() };
        for id in &self.by_conversation[&key] {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            if subscription.sent == sent && due.subscriptions.len() < TOGETHER {
                let Some(trace) = subscription.due.take() else { continue };
                due.trace = trace;
                due.subscriptions.push(*id);
            }
        }
        Some(due)
    }

    /// Hands the messages right after the place to those who were due; they stay due where more
    /// follow.
    pub(super) fn deliver(&mut self, due: &Due, messages: &[Message], more: bool) -> Vec<Event> {
        let Some(last) = messages.last() else { return Vec::new() };
        let mut events = Vec::new();
        for id in &due.subscriptions {
            let Some(subscription) = self.one.get_mut(id) else { continue };
            subscription.sent = last.seq;
            let side = subscription.side;
            let seen = messages.iter().filter(|message| message.kind.visible_to(side));
            events.extend(seen.map(|message| Event {
                subscription: *id,
                what: What::Message(Box::new(message.clone()), side),
            }));
            if more {
                self.note(*id, &due.trace);
            }
        }
        events
    }

    /// Puts a subscription into the queue, once.
    fn note(&mut self, id: u64, trace: &Arc<str>) {
        let Some(subscription) = self.one.get_mut(&id) else { return };
        subscription.due = Some(trace.clone());
        if !subscription.queued {
            subscription.queued = true;
            self.queue.push_back(id);
        }
    }
}

fn leave<K: std::hash::Hash + Eq>(by: &mut HashMap<K, Vec<u64>>, key: K, id: u64) {
    if let Some(ids) = by.get_mut(&key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            by.remove(&key);
        }
    }
}
