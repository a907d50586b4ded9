//! What a store has to answer and to hold, told with lists.

use std::collections::HashMap;

use onethread_core::{ConversationId, OrganizationId};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    domain::{AuthorKind, Kind, Side, Status},
    store::{
        NewFold, NewMessage, Position, Sent, Store,
        tests::{NOW, agent, contact, message, size, uuid},
    },
};

const THREADS: usize = 4;

/// Something that is done.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends of one batch.
    Batch(Vec<Send>),
    Fold(usize, usize),
    Erase(usize),
}

/// A send: where, by whom, with which of a few ids, and which of a few bodies.
#[derive(Debug, Clone)]
pub(super) struct Send {
    thread: usize,
    by_agent: bool,
    begins: bool,
    note: bool,
    client: u128,
    body: u8,
}

fn send() -> impl Strategy<Value = Send> {
    let some = (0..THREADS, any::<bool>(), any::<bool>(), any::<bool>(), 0..6_u128, 0..2_u8);
    some.prop_map(|(thread, by_agent, begins, note, client, body)| Send {
        thread,
        by_agent,
        begins: begins && by_agent,
        note: note && by_agent,
        client,
        body,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(send(), 1..12).prop_map(Step::Batch),
        2 => (0..THREADS, 0..THREADS).prop_map(|(source, target)| Step::Fold(source, target)),
        1 => (0..THREADS).prop_map(Step::Erase),
    ]
}

type Entry = (AuthorKind, Kind, String);
type Key = (bool, u128);

/// What a thread has to hold, and whose id each of it has.
#[derive(Default)]
struct Thread(Vec<(Entry, Option<Key>)>);

enum Place {
    Live(Thread),
    Folded(usize),
    Erased,
}

impl Thread {
    /// Compares the answer to one send with what a list would do.
    fn take(&mut self, send: &Send, entry: Entry, sent: &Sent) {
        let key = (send.by_agent, send.client);
        if send.by_agent && !send.begins && self.0.is_empty() {
            assert_eq!(*sent, Sent::NoConversation);
            return;
        }
        match self.known(key) {
            Some((at, known)) if *known == entry => {
                assert!(matches!(sent, Sent::Repeated(m) if m.seq == seq_of(at)), "{sent:?}");
            }
            Some(_) => assert_eq!(*sent, Sent::IdReused),
            None => {
                let Sent::Stored { message, told, .. } = sent else {
                    panic!("not stored: {sent:?}")
                };
                let public =
                    self.0.iter().rposition(|((_, kind, _), _)| kind.visible_to(Side::Contact));
                let wrote = self.0.iter().any(|((by, ..), _)| *by == AuthorKind::Contact);
                assert_eq!(message.seq, seq_of(self.0.len()));
                assert_eq!(message.prev_seq(Side::Contact), public.map_or(0, seq_of));
                assert_eq!(*told, !send.by_agent && !wrote);
                self.0.push((entry, Some(key)));
            }
        }
    }

    fn known(&self, key: Key) -> Option<(usize, &Entry)> {
        let at = self.0.iter().position(|(_, known)| *known == Some(key))?;
        Some((at, &self.0[at].0))
    }

    /// Appends what is not here yet; an id that is taken here stays with who has it.
    fn take_in(&mut self, from: Self) {
        let public = from.0.iter().any(|((_, kind, _), _)| kind.visible_to(Side::Contact));
        let kind = if public { Kind::Mark } else { Kind::Event };
        let mut moved = Vec::new();
        for (entry, key) in from.0 {
            match key.and_then(|key| self.known(key)) {
                Some((_, known)) if *known == entry => {}
                Some(_) => moved.push((entry, None)),
                None => moved.push((entry, key)),
            }
        }
        if !moved.is_empty() {
            let words = "The messages of an earlier chat follow.".to_owned();
            self.0.push(((AuthorKind::System, kind, words), None));
            self.0.append(&mut moved);
        }
    }

    fn texts_of(&self, author: AuthorKind) -> i64 {
        let texts = self.0.iter().filter(|((by, kind, _), _)| (*by, *kind) == (author, Kind::Text));
        i64::try_from(texts.count()).unwrap()
    }
}

fn seq_of(index: usize) -> i64 {
    i64::try_from(index).unwrap() + 1
}

/// All threads.
struct World([Place; THREADS]);

impl World {
    /// Where messages to a thread go.
    fn place(&mut self, thread: usize) -> (usize, &mut Place) {
        let at = if let Place::Folded(into) = self.0[thread] { into } else { thread };
        (at, &mut self.0[at])
    }

    fn take(&mut self, send: &Send, entry: Entry, sent: &Sent) {
        match self.place(send.thread).1 {
            Place::Live(thread) => thread.take(send, entry, sent),
            _ => assert_eq!(*sent, Sent::NoConversation),
        }
    }

    /// A batch in parts, each of which calls no thread by two names: the order between those is
    /// nobody's promise.
    fn by_one_name_each<'a>(&mut self, mut sends: &'a [Send]) -> Vec<&'a [Send]> {
        let mut parts = Vec::new();
        while !sends.is_empty() {
            let mut names = HashMap::new();
            let same = |send: &&Send| {
                let (place, _) = self.place(send.thread);
                *names.entry(place).or_insert(send.thread) == send.thread
            };
            let (part, rest) = sends.split_at(sends.iter().take_while(same).count());
            parts.push(part);
            sends = rest;
        }
        parts
    }

    fn fold(&mut self, source: usize, target: usize) {
        let (target, _) = self.place(target);
        if target == source || !matches!(self.0[source], Place::Live(_)) {
            return;
        }
        let place = std::mem::replace(&mut self.0[source], Place::Folded(target));
        if let (Place::Live(from), Place::Live(into)) = (place, &mut self.0[target]) {
            into.take_in(from);
        }
        for place in &mut self.0 {
            if matches!(place, Place::Folded(into) if *into == source) {
                *place = Place::Folded(target);
            }
        }
    }
}

/// Does the steps, compares every answer with what the lists say, and in the end all that is
/// stored.
pub(super) async fn follow(store: &Store, steps: &[Step]) {
    let organization = OrganizationId(uuid());
    let threads: [_; THREADS] = std::array::from_fn(|_| ConversationId(uuid()));
    let mut world = World(std::array::from_fn(|_| Place::Live(Thread::default())));
    for step in steps {
        match step {
            Step::Batch(sends) => {
                for sends in world.by_one_name_each(sends) {
                    send_all(store, organization, &threads, &mut world, sends).await;
                }
            }
            Step::Fold(source, target) => {
                let [from, into] = [*source, *target].map(|at| threads[at]);
                let new = NewFold { source: from, target: into, join: uuid(), now: NOW };
                store.fold(organization, new).await.unwrap();
                world.fold(*source, *target);
            }
            Step::Erase(thread) => {
                store.erase(organization, threads[*thread], NOW).await.unwrap();
                if matches!(world.0[*thread], Place::Live(_)) {
                    world.0[*thread] = Place::Erased;
                }
            }
        }
    }
    for (id, place) in threads.into_iter().zip(world.0) {
        let history = store.history(organization, id, Side::Agent, Position::Newest, size(200));
        let history = history.await.unwrap();
        let model = match place {
            Place::Live(model) => model,
            // Read under the other name.
            Place::Folded(_) => continue,
            Place::Erased => Thread::default(),
        };
        let Some(history) = history else {
            assert!(model.0.is_empty());
            continue;
        };
        let stored = history.messages.iter().cloned();
        let stored: Vec<_> =
            stored.map(|m| (m.author.kind, m.kind, m.text.into_string())).collect();
        let (agents, contacts) =
            (model.texts_of(AuthorKind::Agent), model.texts_of(AuthorKind::Contact));
        let expected: Vec<_> = model.0.into_iter().map(|(entry, _)| entry).collect();
        assert_eq!(stored, expected);
        let thread = history.conversation;
        assert_eq!(thread.status, Status::Open);
        assert_eq!(thread.last_seq, seq_of(expected.len()) - 1);
        assert_eq!((thread.agent.unread, thread.contact.unread), (contacts, agents));
    }
}

async fn send_all(
    store: &Store,
    organization: OrganizationId,
    threads: &[ConversationId; THREADS],
    world: &mut World,
    sends: &[Send],
) {
    let news = sends.iter().map(|send| {
        let thread = threads[send.thread];
        let author = if send.by_agent { agent() } else { contact(thread) };
        let kind = if send.note { Kind::Note } else { Kind::Text };
        let new = message(thread, author, kind, &format!("body {}", send.body));
        let client_message_id = Uuid::from_u128(send.client);
        NewMessage { organization, client_message_id, begins: send.begins, ..new }
    });
    let news: Vec<_> = news.collect();
    let sent = store.send_all(news.clone().into()).await;
    assert_eq!(sent.len(), news.len());
    for ((send, new), sent) in sends.iter().zip(news).zip(sent) {
        let entry = (new.author.kind, new.kind, new.text.into_string());
        world.take(send, entry, &sent.unwrap());
    }
}
