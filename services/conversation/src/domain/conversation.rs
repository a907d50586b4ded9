//! A conversation's counters and state, and how messages and read marks change them.

use onethread_core::{AgentId, ConversationId, OrganizationId, Timestamp};
use strum::FromRepr;

use super::{AuthorKind, Effects, HintKind, Message, MessageKind, Side};

/// Identifies a conversation everywhere. Rows are locked in this order.
pub(crate) type ConversationKey = (OrganizationId, ConversationId);

/// Whether agents still have to do something. The numbers are those in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRepr)]
#[repr(i64)]
pub(crate) enum Status {
    /// Waiting for an agent.
    Open = 1,
    /// Done, until the next message.
    Closed = 2,
}

impl Status {
    /// The number in storage.
    pub(crate) fn code(self) -> i64 {
        self as i64
    }
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConversationState {
    /// Nothing was ever stored under it.
    Missing,
    /// A conversation.
    Active,
    /// A conversation that was merged into another one, for ever.
    MergedInto(ConversationId),
    /// A conversation that was erased, for ever.
    Erased,
}

/// How far a side has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReadState {
    /// The read mark: everything up to this number is read.
    pub(crate) read_seq: i64,
    /// Number of texts of the other side after the mark.
    pub(crate) unread: i64,
}

/// The one conversation of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) status: Status,
    pub(crate) assignee: Option<AgentId>,
    /// Number of the last message; 0 before the first.
    pub(crate) last_seq: i64,
    /// Number of the last message that the contact sees; 0 before the first.
    pub(crate) last_public_seq: i64,
    pub(crate) contact: ReadState,
    pub(crate) agent: ReadState,
    /// True after the contact's first message.
    pub(crate) contact_wrote: bool,
    /// When the last message was stored.
    pub(crate) updated_at: Timestamp,
}

/// A conversation with its last message.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) conversation: Conversation,
    /// The last message that the reader sees.
    pub(crate) last_message: Option<Message>,
}

/// The numbers that a new message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageNumbers {
    pub(crate) seq: i64,
    /// The number before it that the contact sees.
    pub(crate) prev_public_seq: i64,
    /// The number of the event before it, where it reopened the conversation.
    pub(crate) reopened_seq: Option<i64>,
    /// True for the contact's first message.
    pub(crate) is_first_of_contact: bool,
}

impl Conversation {
    /// A conversation without a message.
    pub(crate) fn new(id: ConversationId, now: Timestamp) -> Self {
        Self {
            id,
            status: Status::Open,
            assignee: None,
            last_seq: 0,
            last_public_seq: 0,
            contact: ReadState::default(),
            agent: ReadState::default(),
            contact_wrote: false,
            updated_at: now,
        }
    }

    /// Number of the last message that this side sees; 0 when there is none.
    pub(crate) fn last_seq(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.last_public_seq,
            Side::Agent => self.last_seq,
        }
    }

    /// How far this side has read.
    pub(crate) fn read_state(&self, side: Side) -> ReadState {
        match side {
            Side::Contact => self.contact,
            Side::Agent => self.agent,
        }
    }

    /// Gives a new message its number. A text reopens the conversation, which takes a number for
    /// the event, and is unread for the other side. A note does neither.
    pub(crate) fn append(
        &mut self,
        author: AuthorKind,
        kind: MessageKind,
        now: Timestamp,
    ) -> MessageNumbers {
        let reopens = kind == MessageKind::Text && self.status == Status::Closed;
        let reopened_seq = reopens.then_some(self.last_seq + 1);
        self.last_seq = reopened_seq.unwrap_or(self.last_seq) + 1;
        self.updated_at = now;
        let appended = MessageNumbers {
            reopened_seq,
            seq: self.last_seq,
            prev_public_seq: self.last_public_seq,
            is_first_of_contact: author == AuthorKind::Contact && !self.contact_wrote,
        };
        if kind == MessageKind::Text {
            self.last_public_seq = self.last_seq;
            self.status = Status::Open;
            match author {
                AuthorKind::Contact => self.agent.unread += 1,
                AuthorKind::Agent => self.contact.unread += 1,
                AuthorKind::System => {}
            }
        }
        self.contact_wrote |= author == AuthorKind::Contact;
        appended
    }

    /// The new read mark of a side that has read up to `seq`. It only moves forward, at most to
    /// the last message that the side sees; `None` where it stays.
    pub(crate) fn next_read_seq(&self, side: Side, seq: i64) -> Option<i64> {
        let seq = seq.min(self.last_seq(side));
        (seq > self.read_state(side).read_seq).then_some(seq)
    }

    /// Moves a side's read mark to `seq`, past `texts` texts of the other side.
    pub(crate) fn mark_read(&mut self, side: Side, seq: i64, texts: i64) -> Effects {
        let state = match side {
            Side::Contact => &mut self.contact,
            Side::Agent => &mut self.agent,
        };
        state.read_seq = seq;
        state.unread -= texts;
        let mut effects = Effects::default();
        effects.hint(self.id, HintKind::ReadMarkMoved { side, seq });
        effects
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn new_conversation() -> Conversation {
        Conversation::new(ConversationId(Uuid::nil()), Timestamp::from_micros(0))
    }

    const NOW: Timestamp = Timestamp::from_micros(1);

    #[test]
    fn a_text_reopens_and_a_note_does_not() {
        let mut conversation = new_conversation();
        conversation.append(AuthorKind::Contact, MessageKind::Text, NOW);
        conversation.status = Status::Closed;
        conversation.append(AuthorKind::Agent, MessageKind::Note, NOW);
        assert_eq!(conversation.status, Status::Closed);
        let appended = conversation.append(AuthorKind::Agent, MessageKind::Text, NOW);
        assert_eq!(conversation.status, Status::Open);
        assert_eq!(
            (appended.reopened_seq, appended.seq, appended.prev_public_seq),
            (Some(3), 4, 1)
        );
        assert_eq!(
            conversation.append(AuthorKind::Contact, MessageKind::Text, NOW).reopened_seq,
            None
        );
    }

    #[test]
    fn a_read_mark_only_moves_forward_to_what_the_side_sees() {
        let mut conversation = new_conversation();
        conversation.append(AuthorKind::Contact, MessageKind::Text, NOW);
        conversation.append(AuthorKind::Agent, MessageKind::Note, NOW);
        assert_eq!(conversation.next_read_seq(Side::Contact, 99), Some(1));
        assert_eq!(conversation.next_read_seq(Side::Agent, 99), Some(2));
        conversation.mark_read(Side::Agent, 2, 1);
        assert_eq!(conversation.next_read_seq(Side::Agent, 1), None);
        assert_eq!(conversation.agent.unread, 0);
    }

    proptest! {
        #[test]
        fn the_contacts_numbers_skip_only_notes(
            steps in prop::collection::vec(prop_oneof![
                Just((AuthorKind::Contact, MessageKind::Text)),
                Just((AuthorKind::Agent, MessageKind::Text)),
                Just((AuthorKind::Agent, MessageKind::Note)),
            ], 1..60)
        ) {
            let mut conversation = new_conversation();
            let mut public = vec![0];
            let mut firsts = 0;
            for (index, (author, kind)) in steps.iter().enumerate() {
                let appended = conversation.append(*author, *kind, NOW);
                prop_assert_eq!(appended.seq, i64::try_from(index).unwrap() + 1);
                prop_assert_eq!(appended.prev_public_seq, *public.last().unwrap());
                firsts += i32::from(appended.is_first_of_contact);
                if *kind == MessageKind::Text {
                    public.push(appended.seq);
                }
            }
            let count = |author| steps.iter().filter(|step| **step == (author, MessageKind::Text)).count();
            prop_assert_eq!(conversation.last_public_seq, *public.last().unwrap());
            prop_assert_eq!(conversation.agent.unread, i64::try_from(count(AuthorKind::Contact)).unwrap());
            prop_assert_eq!(conversation.contact.unread, i64::try_from(count(AuthorKind::Agent)).unwrap());
            prop_assert_eq!(firsts, i32::from(count(AuthorKind::Contact) > 0));
        }
    }
}
