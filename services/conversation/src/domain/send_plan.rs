//! What a batch of sends writes: each message gets its number as if it were sent alone, in the
//! order of the batch.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use onethread_core::{ConversationId, OrganizationId};
use uuid::Uuid;

use super::{
    Author, AuthorKind, Conversation, ConversationEvent, ConversationKey, Delivery, Message,
    MessageKind, MessageNumbers, NewMessage, SendOutcome,
};

/// What was stored before a batch.
#[derive(Debug, Default)]
pub(crate) struct BatchSnapshot {
    /// One for each send, in their order.
    pub(crate) sends: Vec<SendSnapshot>,
    /// The conversations that they go to, as far as they exist and no other transaction holds
    /// them. `None` for one that was erased.
    pub(crate) conversations: BTreeMap<ConversationKey, Option<Conversation>>,
}

/// What was stored before a send.
#[derive(Debug)]
pub(crate) struct SendSnapshot {
    /// The conversation that it goes to: the one that it names, or the one which that was merged
    /// into.
    pub(crate) target: ConversationId,
    /// What the author sent there before under the same client id.
    pub(crate) previous: Option<Message>,
    /// True when identity wants to hear of its text.
    pub(crate) is_wanted: bool,
    /// True when the conversation exists, even if another transaction holds it.
    pub(crate) conversation_exists: bool,
}

/// What a batch writes, and its answers.
#[derive(Debug, Default)]
pub(crate) struct SendPlan {
    /// One for each send, in their order.
    pub(crate) outcomes: Vec<SendOutcome>,
    /// Events to insert.
    events: Vec<(OrganizationId, Message)>,
    /// Conversations to update, each once, in the order of their keys.
    pub(crate) updated: Vec<(OrganizationId, Conversation)>,
    /// Conversations to insert, each once, in the order of their keys.
    pub(crate) begun: Vec<(OrganizationId, Conversation)>,
    /// Deliveries to write, each with the trace of its send.
    pub(crate) deliveries: Vec<(OrganizationId, Delivery, Arc<str>)>,
}

/// A conversation while messages are appended to it.
struct Draft {
    conversation: Conversation,
    is_new: bool,
    is_changed: bool,
    /// Indexes of the sends that this batch stores, by author and client id.
    sent: HashMap<(Author, Uuid), usize>,
}

/// By key; `None` for an erased conversation.
type Drafts = BTreeMap<ConversationKey, Option<Draft>>;

impl Draft {
    fn new(conversation: Conversation, is_new: bool) -> Self {
        Self { conversation, is_new, is_changed: false, sent: HashMap::new() }
    }

    /// Appends a message. Returns also the event before it, if it reopened the conversation.
    fn append(&mut self, index: usize, new: &NewMessage) -> (SendOutcome, Option<Message>) {
        let appended = self.conversation.append(new.author.kind, new.kind, new.now);
        let MessageNumbers { seq, prev_public_seq, is_first_of_contact, reopened_seq } = appended;
        self.is_changed = true;
        self.sent.insert((new.author, new.client_message_id), index);
        let event = reopened_seq.map(|seq| {
            let (seqs, cause) = ((seq, prev_public_seq), Uuid::nil());
            let (event, id) = (ConversationEvent::Reopened, new.reopened_event_id);
            event.message(new.conversation, id, seqs, cause, new.now)
        });
        let message = new.message(seq, prev_public_seq);
        let has_delivery = is_first_of_contact;
        (SendOutcome::Stored { message, has_delivery, reopened_seq }, event)
    }
}

impl SendPlan {
    /// Redirects sends to merged conversations, and plans all of them in their order.
    pub(crate) fn new(sends: &mut Cow<'_, [NewMessage]>, snapshot: BatchSnapshot) -> Self {
        let found = snapshot.conversations.into_iter();
        let mut drafts: Drafts =
            found.map(|(key, found)| (key, found.map(|one| Draft::new(one, false)))).collect();
        let mut plan = Self::default();
        for (index, found) in snapshot.sends.into_iter().enumerate() {
            if found.target != sends[index].conversation {
                sends.to_mut()[index].redirect(found.target);
            }
            let new = &sends[index];
            let outcome = if found.conversation_exists && !drafts.contains_key(&new.key()) {
                SendOutcome::Locked
            } else {
                plan.add(index, new, &mut drafts, found)
            };
            plan.outcomes.push(outcome);
        }
        for ((organization, _), draft) in drafts {
            if let Some(draft) = draft.filter(|draft| draft.is_changed) {
                let list = if draft.is_new { &mut plan.begun } else { &mut plan.updated };
                list.push((organization, draft.conversation));
            }
        }
        plan
    }

    fn add(
        &mut self,
        index: usize,
        new: &NewMessage,
        drafts: &mut Drafts,
        found: SendSnapshot,
    ) -> SendOutcome {
        let may_begin = new.author.kind == AuthorKind::Contact || new.may_begin;
        if may_begin && !drafts.contains_key(&new.key()) {
            let conversation = Conversation::new(new.conversation, new.now);
            drafts.insert(new.key(), Some(Draft::new(conversation, true)));
        }
        let Some(Some(draft)) = drafts.get_mut(&new.key()) else {
            return SendOutcome::NoConversation;
        };
        let in_batch = draft.sent.get(&(new.author, new.client_message_id));
        let in_batch = in_batch.and_then(|index| self.outcomes[*index].stored());
        if let Some(stored) = found.previous.as_ref().or(in_batch) {
            let is_same = stored.kind == new.kind && stored.text == new.text;
            return if is_same {
                SendOutcome::Repeated(stored.clone())
            } else {
                SendOutcome::IdReused
            };
        }
        let (mut outcome, event) = draft.append(index, new);
        self.events.extend(event.map(|event| (new.organization, event)));
        self.deliver(new, &mut outcome, found.is_wanted);
        outcome
    }

    /// Adds the deliveries for a stored message.
    fn deliver(&mut self, new: &NewMessage, outcome: &mut SendOutcome, is_wanted: bool) {
        let SendOutcome::Stored { message, has_delivery, .. } = outcome else { return };
        if *has_delivery {
            let first = Delivery::FirstMessage { id: new.delivery_id, contact: new.conversation };
            self.deliveries.push((new.organization, first, new.trace.clone()));
        }
        if is_wanted && message.kind == MessageKind::Text {
            let created = Delivery::MessageCreated(message.clone());
            self.deliveries.push((new.organization, created, new.trace.clone()));
            *has_delivery = true;
        }
    }

    /// Messages to insert.
    pub(crate) fn messages<'a>(
        &'a self,
        sends: &'a [NewMessage],
    ) -> impl Iterator<Item = (OrganizationId, &'a Message)> {
        let outcomes = self.outcomes.iter().zip(sends);
        let sent =
            outcomes.filter_map(|(outcome, new)| Some((new.organization, outcome.stored()?)));
        sent.chain(self.events.iter().map(|(organization, event)| (*organization, event)))
    }
}
