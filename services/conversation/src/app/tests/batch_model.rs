//! What batches, merges and erasures have to answer and store, modeled with lists.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const THREAD_COUNT: usize = 4;

/// A step of the test.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends of one batch.
    Batch(Vec<ModelSend>),
    Merge(usize, usize),
    Erase(usize),
}

/// A send, with one of a few client ids and texts.
#[derive(Debug, Clone)]
pub(super) struct ModelSend {
    thread: usize,
    by_agent: bool,
    may_begin: bool,
    is_note: bool,
    client: u128,
    body: u8,
}

fn send() -> impl Strategy<Value = ModelSend> {
    let some = (0..THREAD_COUNT, any::<bool>(), any::<bool>(), any::<bool>(), 0..6_u128, 0..2_u8);
    some.prop_map(|(thread, by_agent, begins, note, client, body)| ModelSend {
        thread,
        by_agent,
        may_begin: begins && by_agent,
        is_note: note && by_agent,
        client,
        body,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(send(), 1..12).prop_map(Step::Batch),
        2 => (0..THREAD_COUNT, 0..THREAD_COUNT).prop_map(|(source, target)| Step::Merge(source, target)),
        1 => (0..THREAD_COUNT).prop_map(Step::Erase),
    ]
}

type Entry = (AuthorKind, MessageKind, String);
type Key = (bool, u128);

/// The entries of a conversation, each with its author's client id.
#[derive(Default)]
struct ModelThread(Vec<(Entry, Option<Key>)>);

enum State {
    Active(ModelThread),
    MergedInto(usize),
    Erased,
}

impl ModelThread {
    /// Compares the outcome of a send with what a list would do.
    fn check_send(&mut self, send: &ModelSend, entry: Entry, sent: &SendOutcome) {
        let key = (send.by_agent, send.client);
        if send.by_agent && !send.may_begin && self.0.is_empty() {
            assert_eq!(*sent, SendOutcome::NoConversation);
            return;
        }
        match self.known(key) {
            Some((at, known)) if *known == entry => {
                assert!(
                    matches!(sent, SendOutcome::Repeated(m) if m.seq == seq_of(at)),
                    "{sent:?}"
                );
            }
            Some(_) => assert_eq!(*sent, SendOutcome::IdReused),
            None => {
                let SendOutcome::Stored { message, has_delivery, .. } = sent else {
                    panic!("not stored: {sent:?}")
                };
                let public =
                    self.0.iter().rposition(|((_, kind, _), _)| kind.visible_to(Side::Contact));
                let wrote = self.0.iter().any(|((by, ..), _)| *by == AuthorKind::Contact);
                assert_eq!(message.seq, seq_of(self.0.len()));
                assert_eq!(message.prev_seq(Side::Contact), public.map_or(0, seq_of));
                assert_eq!(*has_delivery, !send.by_agent && !wrote);
                self.0.push((entry, Some(key)));
            }
        }
    }

    fn known(&self, key: Key) -> Option<(usize, &Entry)> {
        let at = self.0.iter().position(|(_, known)| *known == Some(key))?;
        Some((at, &self.0[at].0))
    }

    /// Appends what isn't here yet. A client id that is used here stays here.
    fn merge(&mut self, from: Self) {
        let public = from.0.iter().any(|((_, kind, _), _)| kind.visible_to(Side::Contact));
        let kind = if public { MessageKind::PublicEvent } else { MessageKind::Event };
        let mut moved = Vec::new();
        for (entry, key) in from.0 {
            match key.and_then(|key| self.known(key)) {
                Some((_, known)) if *known == entry => {}
                Some(_) => moved.push((entry, None)),
                None => moved.push((entry, key)),
            }
        }
        if !moved.is_empty() {
            let text = "The messages of an earlier chat follow.".to_owned();
            self.0.push(((AuthorKind::System, kind, text), None));
            self.0.append(&mut moved);
        }
    }

    fn texts_of(&self, author: AuthorKind) -> i64 {
        let texts =
            self.0.iter().filter(|((by, kind, _), _)| (*by, *kind) == (author, MessageKind::Text));
        i64::try_from(texts.count()).unwrap()
    }
}

fn seq_of(index: usize) -> i64 {
    i64::try_from(index).unwrap() + 1
}

/// All conversations.
struct Model([State; THREAD_COUNT]);

impl Model {
    /// Where messages to a conversation go.
    fn target(&mut self, thread: usize) -> (usize, &mut State) {
        let at = if let State::MergedInto(into) = self.0[thread] { into } else { thread };
        (at, &mut self.0[at])
    }

    fn check_send(&mut self, send: &ModelSend, entry: Entry, sent: &SendOutcome) {
        match self.target(send.thread).1 {
            State::Active(thread) => thread.check_send(send, entry, sent),
            _ => assert_eq!(*sent, SendOutcome::NoConversation),
        }
    }

    /// A batch in parts, none of which names a conversation by two ids: the order between those is
    /// not defined.
    fn parts<'a>(&mut self, mut sends: &'a [ModelSend]) -> Vec<&'a [ModelSend]> {
        let mut parts = Vec::new();
        while !sends.is_empty() {
            let mut names = HashMap::new();
            let same = |send: &&ModelSend| {
                let (place, _) = self.target(send.thread);
                *names.entry(place).or_insert(send.thread) == send.thread
            };
            let (part, rest) = sends.split_at(sends.iter().take_while(same).count());
            parts.push(part);
            sends = rest;
        }
        parts
    }

    fn merge(&mut self, source: usize, target: usize) {
        let (target, _) = self.target(target);
        if target == source || !matches!(self.0[source], State::Active(_)) {
            return;
        }
        let place = std::mem::replace(&mut self.0[source], State::MergedInto(target));
        if let (State::Active(from), State::Active(into)) = (place, &mut self.0[target]) {
            into.merge(from);
        }
        for place in &mut self.0 {
            if matches!(place, State::MergedInto(into) if *into == source) {
                *place = State::MergedInto(target);
            }
        }
    }
}

/// Follows the steps, compares each outcome with the model, and at the end everything that is
/// stored.
pub(super) async fn follow(app: &TestApp, steps: &[Step]) {
    let organization = OrganizationId(uuid());
    let threads: [_; THREAD_COUNT] = std::array::from_fn(|_| ConversationId(uuid()));
    let mut all = Model(std::array::from_fn(|_| State::Active(ModelThread::default())));
    for step in steps {
        match step {
            Step::Batch(sends) => {
                for sends in all.parts(sends) {
                    send_all(app, organization, &threads, &mut all, sends).await;
                }
            }
            Step::Merge(source, target) => {
                let [from, into] = [*source, *target].map(|at| threads[at]);
                let new = Merge { source: from, target: into, id: uuid(), now: NOW };
                app.merge(organization, new).await;
                all.merge(*source, *target);
            }
            Step::Erase(thread) => {
                app.erase(organization, threads[*thread]).await;
                if matches!(all.0[*thread], State::Active(_)) {
                    all.0[*thread] = State::Erased;
                }
            }
        }
    }
    for (id, place) in threads.into_iter().zip(all.0) {
        let history = app.history(organization, id, Side::Agent, PagePosition::Newest, size(200));
        let history = history.await;
        let model = match place {
            State::Active(model) => model,
            // It is read under the other id.
            State::MergedInto(_) => continue,
            State::Erased => ModelThread::default(),
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
    app: &TestApp,
    organization: OrganizationId,
    threads: &[ConversationId; THREAD_COUNT],
    all: &mut Model,
    sends: &[ModelSend],
) {
    let news = sends.iter().map(|send| {
        let thread = threads[send.thread];
        let author = if send.by_agent { agent() } else { contact(thread) };
        let kind = if send.is_note { MessageKind::Note } else { MessageKind::Text };
        let new = message(thread, author, kind, &format!("body {}", send.body));
        let client_message_id = Uuid::from_u128(send.client);
        NewMessage { organization, client_message_id, may_begin: send.may_begin, ..new }
    });
    let news: Vec<_> = news.collect();
    let sent = app.send_batch(news.clone()).await;
    assert_eq!(sent.len(), news.len());
    for ((send, new), sent) in sends.iter().zip(news).zip(sent) {
        let entry = (new.author.kind, new.kind, new.text.into_string());
        all.check_send(send, entry, &sent.unwrap());
    }
}
