//! A conversation's counters and state, and how messages and read marks move them.

use onethread_core::{AgentId, ConversationId, Timestamp};

use super::{AuthorKind, Kind, Message, Side};

/// Where a conversation stands with the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Waiting for somebody.
    Open,
    /// Done, until the next message.
    Closed,
}

/// How far a side has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reader {
    /// Everything up to this number is read.
    pub(crate) read_seq: i64,
    /// Texts of the other side behind the mark.
    pub(crate) unread: i64,
}

/// The one thread of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) status: Status,
    pub(crate) assignee: Option<AgentId>,
    /// The last message; 0 before the first.
    pub(crate) last_seq: i64,
    /// The last message that the contact can see; 0 before the first.
    pub(crate) last_public_seq: i64,
    pub(crate) contact: Reader,
    pub(crate) agent: Reader,
    /// True once the contact wrote.
    pub(crate) contact_wrote: bool,
    /// When the last message, note or event came.
    pub(crate) updated_at: Timestamp,
}

/// A conversation as it stands in a list.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) conversation: Conversation,
    /// The last message the reader can see.
    pub(crate) last_message: Option<Message>,
}

/// The place a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Its number.
    pub(crate) seq: i64,
    /// The number before it that the contact can see.
    pub(crate) prev_public_seq: i64,
    /// The number of the event that it reopened the conversation; the event stands before it.
    pub(crate) reopened: Option<i64>,
    /// True for the first message the contact ever wrote.
    pub(crate) first_of_contact: bool,
}

impl Conversation {
    /// One in which nothing was written yet.
    pub(crate) fn begin(id: ConversationId, now: Timestamp) -> Self {
        Self {
            id,
            status: Status::Open,
            assignee: None,
            last_seq: 0,
            last_public_seq: 0,
            contact: Reader::default(),
            agent: Reader::default(),
            contact_wrote: false,
            updated_at: now,
        }
    }

    /// The last message that this side can see; 0 when there is none.
    pub(crate) fn last_seq(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.last_public_seq,
            Side::Agent => self.last_seq,
        }
    }

    /// How far this side has read.
    pub(crate) fn reader(&self, side: Side) -> Reader {
        match side {
            Side::Contact => self.contact,
            Side::Agent => self.agent,
        }
    }

    /// Gives a new message its number. A text reopens the conversation, which takes a number for
    /// the event, and is unread to the other side; a note does neither.
    pub(crate) fn append(&mut self, author: AuthorKind, kind: Kind, now: Timestamp) -> Appended {
        let reopens = kind == Kind::Text && self.status == Status::Closed;
        let reopened = reopens.then_some(self.last_seq + 1);
        self.last_seq = reopened.unwrap_or(self.last_seq) + 1;
        self.updated_at = now;
        let appended = Appended {
            reopened,
            seq: self.last_seq,
            prev_public_seq: self.last_public_seq,
            first_of_contact: author == AuthorKind::Contact && !self.contact_wrote,
        };
        if kind == Kind::Text {
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

    /// Where it stands with the agents after it took in another one: whatever waits goes on waiting.
    pub(crate) fn status_with(&self, other: &Self) -> Status {
        let open = self.status == Status::Open || other.status == Status::Open;
        if open { Status::Open } else { Status::Closed }
    }

    /// Where a side's mark goes when it says it has read up to `seq`; `None` when it stays.
    pub(crate) fn next_mark(&self, side: Side, seq: i64) -> Option<i64> {
        let seq = seq.min(self.last_seq(side));
        (seq > self.reader(side).read_seq).then_some(seq)
    }

    /// Moves a side's mark to `seq`, past `passed` texts of the other side.
    pub(crate) fn read_to(&mut self, side: Side, seq: i64, passed: i64) {
        let reader = match side {
            Side::Contact => &mut self.contact,
            Side::Agent => &mut self.agent,
        };
        reader.read_seq = seq;
        reader.unread -= passed;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Change, Happening};

    fn empty() -> Conversation {
        Conversation::begin(ConversationId(Uuid::nil()), Timestamp::from_micros(0))
    }

    const NOW: Timestamp = Timestamp::from_micros(1);

    #[test]
    fn a_text_reopens_and_a_note_does_not() {
        let mut thread = empty();
        thread.append(AuthorKind::Contact, Kind::Text, NOW);
        thread.status = Status::Closed;
        thread.append(AuthorKind::Agent, Kind::Note, NOW);
        assert_eq!(thread.status, Status::Closed);
        let appended = thread.append(AuthorKind::Agent, Kind::Text, NOW);
        assert_eq!(thread.status, Status::Open);
        assert_eq!((appended.reopened, appended.seq, appended.prev_public_seq), (Some(3), 4, 1));
        assert_eq!(thread.append(AuthorKind::Contact, Kind::Text, NOW).reopened, None);
    }

    #[test]
    fn what_already_is_so_happens_not() {
        let mut thread = empty();
        thread.append(AuthorKind::Contact, Kind::Text, NOW);
        let ann = AgentId(Uuid::from_u128(1));
        let change = Change { status: Some(Status::Closed), assignee: Some(Some(ann)) };
        let later = Timestamp::from_micros(2);
        let happened = thread.change(change, later);
        assert_eq!(happened, [(2, Happening::Assigned(ann)), (3, Happening::Closed)]);
        assert_eq!((thread.last_seq, thread.last_public_seq, thread.updated_at), (3, 1, later));
        assert!(thread.change(change, Timestamp::from_micros(3)).is_empty());
        assert_eq!(thread.updated_at, later);
        assert_eq!(thread.agent.unread, 1);
    }

    #[test]
    fn a_mark_goes_forward_and_no_further_than_the_side_can_see() {
        let mut thread = empty();
        thread.append(AuthorKind::Contact, Kind::Text, NOW);
        thread.append(AuthorKind::Agent, Kind::Note, NOW);
        assert_eq!(thread.next_mark(Side::Contact, 99), Some(1));
        assert_eq!(thread.next_mark(Side::Agent, 99), Some(2));
        thread.read_to(Side::Agent, 2, 1);
        assert_eq!(thread.next_mark(Side::Agent, 1), None);
        assert_eq!(thread.agent.unread, 0);
    }

    proptest! {
        #[test]
        fn the_contacts_chain_skips_notes_and_nothing_else(
            steps in prop::collection::vec(prop_oneof![
                Just((AuthorKind::Contact, Kind::Text)),
                Just((AuthorKind::Agent, Kind::Text)),
                Just((AuthorKind::Agent, Kind::Note)),
            ], 1..60)
        ) {
            let mut thread = empty();
            let mut public = vec![0];
            let mut firsts = 0;
            for (at, (author, kind)) in steps.iter().enumerate() {
                let appended = thread.append(*author, *kind, NOW);
                prop_assert_eq!(appended.seq, i64::try_from(at).unwrap() + 1);
                prop_assert_eq!(appended.prev_public_seq, *public.last().unwrap());
                firsts += i32::from(appended.first_of_contact);
                if *kind == Kind::Text {
                    public.push(appended.seq);
                }
            }
            let of = |author| steps.iter().filter(|step| **step == (author, Kind::Text)).count();
            prop_assert_eq!(thread.last_public_seq, *public.last().unwrap());
            prop_assert_eq!(thread.agent.unread, i64::try_from(of(AuthorKind::Contact)).unwrap());
            prop_assert_eq!(thread.contact.unread, i64::try_from(of(AuthorKind::Agent)).unwrap());
            prop_assert_eq!(firsts, i32::from(of(AuthorKind::Contact) > 0));
        }
    }
}
