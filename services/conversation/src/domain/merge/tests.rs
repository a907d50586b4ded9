//! The plan of a merge, carried out on lists of messages as the store does on tables.

use proptest::prelude::*;

use super::*;
use crate::domain::{AuthorKind, Text};

const NOW: Timestamp = Timestamp::from_micros(9);

/// A conversation and its messages.
#[derive(Debug, Clone, PartialEq)]
struct Thread {
    conversation: Conversation,
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Send(AuthorKind, MessageKind),
    Close,
    Read(Side, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Contact), Just(Side::Agent)];
    let step = prop_oneof![
        3 => Just(Step::Send(AuthorKind::Contact, MessageKind::Text)),
        3 => Just(Step::Send(AuthorKind::Agent, MessageKind::Text)),
        2 => Just(Step::Send(AuthorKind::Agent, MessageKind::Note)),
        1 => Just(Step::Close),
        3 => (side, 0..40_i64).prop_map(|(side, seq)| Step::Read(side, seq)),
    ];
    prop::collection::vec(step, 0..40)
}

fn count_texts(messages: &[Message], author: AuthorKind, after: i64, up_to: i64) -> i64 {
    let texts = messages.iter().filter(|one| {
        one.author.kind == author
            && one.kind == MessageKind::Text
            && one.seq > after
            && one.seq <= up_to
    });
    i64::try_from(texts.count()).unwrap()
}

impl Thread {
    /// The ids of its messages begin at `first_id`.
    fn new(id: u128, first_id: u128, steps: &[Step]) -> Self {
        let id = ConversationId(Uuid::from_u128(id));
        let mut thread = Self { conversation: Conversation::new(id, NOW), messages: Vec::new() };
        for step in steps {
            thread.follow(*step, first_id);
        }
        thread
    }

    fn follow(&mut self, step: Step, first_id: u128) {
        let id = self.conversation.id;
        match step {
            Step::Close => self.conversation.status = Status::Closed,
            Step::Read(side, seq) => {
                let before = self.conversation.read_state(side).read_seq;
                if let Some(seq) = self.conversation.next_read_seq(side, seq) {
                    let texts = count_texts(&self.messages, side.other_author(), before, seq);
                    self.conversation.mark_read(side, seq, texts);
                }
            }
            Step::Send(author, kind) => {
                let appended = self.conversation.append(author, kind, NOW);
                if let Some(seq) = appended.reopened_seq {
                    self.push(seq, AuthorKind::System, MessageKind::Event, first_id);
                }
                self.push(appended.seq, author, kind, first_id);
                assert_eq!(self.conversation.id, id);
            }
        }
    }

    fn push(&mut self, seq: i64, author: AuthorKind, kind: MessageKind, first_id: u128) {
        let visible = self.messages.iter().rev().find(|one| one.kind.visible_to(Side::Contact));
        let n = first_id + u128::try_from(self.messages.len()).unwrap();
        self.messages.push(Message {
            id: MessageId(Uuid::from_u128(n)),
            conversation: self.conversation.id,
            seq,
            prev_public_seq: visible.map_or(0, |one| one.seq),
            author: Author { kind: author, id: Uuid::nil() },
            client_message_id: None,
            kind,
            text: Text::stored(n.to_string()),
            created_at: NOW,
        });
    }

    fn counts(&self) -> SourceCounts {
        let (contact, agent) = (self.conversation.contact, self.conversation.agent);
        let up_to =
            |seq| i64::try_from(self.messages.iter().filter(|one| one.seq <= seq).count()).unwrap();
        let texts = |author, after| count_texts(&self.messages, author, after, i64::MAX);
        let visible = self.messages.iter().rev().find(|one| one.kind.visible_to(Side::Contact));
        SourceCounts {
            messages: up_to(i64::MAX),
            up_to_last_public: visible.map_or(0, |one| up_to(one.seq)),
            read_by_contact: up_to(contact.read_seq),
            read_by_agents: up_to(agent.read_seq),
            agent_texts: texts(AuthorKind::Agent, 0),
            agent_texts_unread: texts(AuthorKind::Agent, contact.read_seq),
            contact_texts: texts(AuthorKind::Contact, 0),
            contact_texts_unread: texts(AuthorKind::Contact, agent.read_seq),
        }
    }

    /// Merges another thread into this one, which empties it.
    fn merge(&mut self, source: &mut Self, id: Uuid) {
        let (from, into) = (source.conversation.id, self.conversation.id);
        let merge = Merge { source: from, target: into, id, now: NOW };
        let target = self.conversation.clone();
        let plan = plan_merge(&source.conversation, target, &source.counts(), &merge);
        let Some(plan) = plan else { return };
        let mut visible = plan.prev_public_seq();
        self.conversation = plan.target;
        self.messages.push(plan.event);
        for mut message in source.messages.drain(..) {
            message.seq = self.messages.last().unwrap().seq + 1;
            message.prev_public_seq = visible;
            message.conversation = into;
            if message.kind.visible_to(Side::Contact) {
                visible = message.seq;
            }
            self.messages.push(message);
        }
        source.conversation = Conversation::new(from, NOW);
    }
}

const MERGE_ID: Uuid = Uuid::from_u128(7);

proptest! {
    #[test]
    fn a_merge_loses_no_message_and_keeps_their_order(source in steps(), target in steps()) {
        let mut source = Thread::new(1, 1000, &source);
        let mut target = Thread::new(2, 2000, &target);
        let mut expected: Vec<_> = target.messages.iter().map(|one| one.id).collect();
        if !source.messages.is_empty() {
            expected.push(MessageId(MERGE_ID));
        }
        expected.extend(source.messages.iter().map(|one| one.id));
        let was_public = source.messages.iter().any(|one| one.kind.visible_to(Side::Contact));
        target.merge(&mut source, MERGE_ID);
        let ids: Vec<_> = target.messages.iter().map(|one| one.id).collect();
        prop_assert_eq!(ids, expected);
        let mut visible = 0;
        for (seq, message) in (1..).zip(&target.messages) {
            prop_assert_eq!((message.seq, message.prev_public_seq), (seq, visible));
            if message.kind.visible_to(Side::Contact) {
                visible = seq;
            }
            if message.id.0 == MERGE_ID {
                prop_assert_eq!(message.kind.visible_to(Side::Contact), was_public);
            }
        }
        prop_assert_eq!(target.conversation.last_public_seq, visible);
        let last = target.messages.last().map_or(0, |one| one.seq);
        prop_assert_eq!(target.conversation.last_seq, last);
    }

    #[test]
    fn read_marks_and_unread_counts_are_right_after_a_merge(
        source in steps(), target in steps(),
    ) {
        let mut source = Thread::new(1, 1000, &source);
        let mut target = Thread::new(2, 2000, &target);
        let unread = |thread: &Thread, side: Side| -> Vec<MessageId> {
            let mark = thread.conversation.read_state(side).read_seq;
            let unread = thread.messages.iter().filter(|one| {
                one.seq > mark
                    && one.kind == MessageKind::Text
                    && one.author.kind == side.other_author()
            });
            unread.map(|one| one.id).collect()
        };
        for side in [Side::Contact, Side::Agent] {
            let (mut from, mut into) = (source.clone(), target.clone());
            let before = [unread(&from, side), unread(&into, side)].concat();
            let mark = into.conversation.read_state(side).read_seq;
            into.merge(&mut from, MERGE_ID);
            let state = into.conversation.read_state(side);
            let after = unread(&into, side);
            prop_assert_eq!(state.unread, i64::try_from(after.len()).unwrap());
            prop_assert!(state.read_seq >= mark);
            prop_assert!(state.read_seq <= into.conversation.last_seq);
            prop_assert!(before.iter().all(|id| after.contains(id)), "read by nobody");
        }
        let (open, wrote) = [&source, &target].iter().fold((false, false), |(open, wrote), one| {
            let one = &one.conversation;
            (open || one.status == Status::Open, wrote || one.contact_wrote)
        });
        if !source.messages.is_empty() {
            target.merge(&mut source, MERGE_ID);
            prop_assert_eq!(target.conversation.status == Status::Open, open);
            prop_assert_eq!(target.conversation.contact_wrote, wrote);
        }
    }

    #[test]
    fn a_repeated_merge_changes_nothing(source in steps(), target in steps()) {
        let mut source = Thread::new(1, 1000, &source);
        let mut target = Thread::new(2, 2000, &target);
        target.merge(&mut source, MERGE_ID);
        let once = target.clone();
        target.merge(&mut source, MERGE_ID);
        prop_assert_eq!(once, target);
    }
}

#[test]
fn an_outcome_hints_at_both_conversations() {
    let (source, target) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let (source, target) = (ConversationId(source), ConversationId(target));
    let moved = MergeOutcome { target: Some(target), is_source_removed: true, last_seq: Some(5) };
    let removed = |was_listed| (source, HintKind::ConversationRemoved { was_listed });
    let stored = (target, HintKind::MessageStored { seq: 5 });
    assert_eq!(moved.effects(source).hints, [removed(true), stored]);
    let empty = MergeOutcome { last_seq: None, ..moved };
    assert_eq!(empty.effects(source).hints, [removed(false)]);
    assert_eq!(MergeOutcome::unchanged(Some(target)).effects(source), Effects::default());
}
