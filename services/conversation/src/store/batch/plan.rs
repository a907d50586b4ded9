//! What is to be written. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use onethread_core::OrganizationId;
use onethread_outbox::Entry;
use uuid::Uuid;

use super::{Found, Key, Met, NewMessage, Sent};
use crate::{
    domain::{Appended, Author, AuthorKind, Conversation, Happening, Message},
    store::{FIRST_MESSAGE, FirstMessage, Told, events::NewEvent},
};

/// What comes of a batch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One answer a send.
    pub(super) answers: Vec<Sent>,
    /// What the system says between them.
    events: Vec<(OrganizationId, Message)>,
    /// How conversations stand after it that were there before, each once, ordered.
    pub(super) moved: Vec<(OrganizationId, Conversation)>,
    /// Those that begin with it, each once, ordered.
    pub(super) begun: Vec<(OrganizationId, Conversation)>,
    /// Deliveries to be written, each with the trace of its send.
    pub(super) deliveries: Vec<(Entry, Arc<str>)>,
}

/// A conversation while sends are put into it.
struct Thread {
    conversation: Conversation,
    begins: bool,
    changed: bool,
    /// Places of the sends that this batch stores, by sender and client's id.
    sent: HashMap<(Author, Uuid), usize>,
}

/// What sends are put into; `None` is one that is forgotten.
type Threads = BTreeMap<Key, Option<Thread>>;

impl Thread {
    fn new(conversation: Conversation, begins: bool) -> Self {
        Self { conversation, begins, changed: false, sent: HashMap::new() }
    }

    /// Gives a message its number, and the event that tells what it did, if anything.
    fn append(&mut self, at: usize, new: &NewMessage) -> (Sent, Option<Message>) {
        let appended = self.conversation.append(new.author.kind, new.kind, new.now);
        self.changed = true;
        let message = new.message(appended.seq, appended.prev_public_seq);
        self.sent.insert((new.author, new.client_message_id), at);
        let Appended { prev_public_seq, first_of_contact, reopened, .. } = appended;
        let event = reopened.map(|seq| NewEvent {
            id: new.reopening,
            seq,
            prev_public_seq,
            happening: Happening::Reopened,
            cause: Uuid::nil(),
            now: new.now,
        });
        let event = event.map(|event| event.message(new.conversation));
        (Sent::Stored { message, told: first_of_contact, reopened }, event)
    }
}

impl Plan {
    /// Puts the sends into their conversations, in their order.
    pub(super) fn of(sends: &[NewMessage], met: Met) -> Self {
        let mut threads: Threads = met
            .threads
            .into_iter()
            .map(|(key, found)| match found {
                Found::Here(conversation) => (key, Some(Thread::new(conversation, false))),
                Found::Erased => (key, None),
            })
            .collect();
        let mut plan = Self::default();
        for (at, (new, met)) in sends.iter().zip(met.sends).enumerate() {
            if met.begun && !threads.contains_key(&(new.organization, new.conversation)) {
                plan.answers.push(Sent::Kept);
                continue;
            }
            let mut answer = plan.put(at, new, &mut threads, met.before);
            if met.told {
                plan.tell(new, &mut answer);
            }
            plan.answers.push(answer);
        }
        for ((organization, _), thread) in threads {
            if let Some(thread) = thread.filter(|thread| thread.changed) {
                let list = if thread.begins { &mut plan.begun } else { &mut plan.moved };
                list.push((organization, thread.conversation));
            }
        }
        plan
    }

    fn put(
        &mut self,
        at: usize,
        new: &NewMessage,
        threads: &mut Threads,
        before: Option<Message>,
    ) -> Sent {
        let key = (new.organization, new.conversation);
        let may_begin = new.author.kind == AuthorKind::Contact || new.begins;
        if may_begin && !threads.contains_key(&key) {
            let begins = Conversation::begin(new.conversation, new.now);
            threads.insert(key, Some(Thread::new(begins, true)));
        }
        let Some(Some(thread)) = threads.get_mut(&key) else { return Sent::NoConversation };
        let here = thread.sent.get(&(new.author, new.client_message_id));
        if let Some(stored) = before.as_ref().or(here.and_then(|at| self.answers[*at].fresh())) {
            let same = stored.kind == new.kind && stored.text == new.text;
            return if same { Sent::Repeated(stored.clone()) } else { Sent::IdReused };
        }
        let (sent, event) = thread.append(at, new);
        self.events.extend(event.map(|event| (new.organization, event)));
        if matches!(sent, Sent::Stored { told: true, .. }) {
            self.deliveries.push((first_message(new), new.trace.clone()));
        }
        sent
    }

    /// Writes the delivery that tells of a text that is stored.
    fn tell(&mut self, new: &NewMessage, answer: &mut Sent) {
        if let Sent::Stored { message, told, .. } = answer
            && let Some(entry) = Told::of_message(new.organization, message)
        {
            self.deliveries.push((entry, new.trace.clone()));
            *told = true;
        }
    }

    /// Messages to be inserted.
    pub(super) fn stored<'a>(
        &'a self,
        sends: &'a [NewMessage],
    ) -> impl Iterator<Item = (OrganizationId, &'a Message)> {
        let answers = self.answers.iter().zip(sends);
        let sent = answers.filter_map(|(answer, new)| Some((new.organization, answer.fresh()?)));
        sent.chain(self.events.iter().map(|(organization, event)| (*organization, event)))
    }
}

fn first_message(new: &NewMessage) -> Entry {
    let told = FirstMessage { contact_id: new.conversation.0 };
    Entry {
        organization_id: new.organization,
        id: new.delivery,
        topic: FIRST_MESSAGE.to_owned(),
        payload: serde_json::to_string(&told).expect("an id is JSON"),
    }
}
