//! What the store promises, on SQLite and on PostgreSQL.

use std::sync::Arc;

use futures::future::join_all;
use onethread_core::{
    AgentId, ConversationId, MessageId, OrganizationId, PageSize, SystemEntropy, Timestamp,
    new_uuid,
};
use onethread_db::{Database, on};
use onethread_testing::ScratchDatabase;
use uuid::Uuid;

use super::{Assigned, ListQuery, Marked, NewChange, NewMessage, Position, Sent, Store};
use crate::domain::{Author, AuthorKind, Change, Kind, Message, Side, Status, Text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_repeat_gets_the_stored_message_and_another_body_a_refusal,
    an_agent_needs_a_conversation_and_another_organization_has_none,
    the_first_message_of_the_contact_writes_one_delivery,
    notes_are_hidden_from_the_contact_and_its_chain_skips_them,
    runs_of_history_lie_where_they_were_asked_for,
    what_is_kept_of_a_threads_end_is_told_while_it_is_the_end,
    a_page_of_long_messages_is_cut_near_its_position,
    unread_counts_the_other_sides_texts_behind_the_mark,
    the_list_is_newest_first_and_its_pages_meet,
    a_walk_through_the_list_finds_each_once_whatever_moves_meanwhile,
    a_list_holds_what_is_assigned_to_whom_it_asks_for,
    a_change_is_stored_as_events_and_what_already_is_so_writes_nothing,
    a_text_reopens_with_an_event_before_it_and_its_repeat_does_nothing,
    an_agent_who_may_writes_first_and_identity_is_told_of_the_contact_alone,
    changes_and_sends_at_once_leave_no_gap,
    twenty_equal_sends_at_once_are_one_message,
    sixteen_senders_at_once_leave_no_gap,
}

mod ends;
mod facts;

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_750_000_000_000_000);

const ALL: ListQuery = ListQuery {
    status: None,
    assigned: Assigned::Any,
    behind: None,
    since: None,
    size: PageSize::DEFAULT,
};

pub(super) fn uuid() -> Uuid {
    new_uuid(NOW, &SystemEntropy)
}

/// An organization and a contact's conversation in it.
pub(super) fn somewhere() -> (OrganizationId, ConversationId) {
    (OrganizationId(uuid()), ConversationId(uuid()))
}

pub(super) fn contact(conversation: ConversationId) -> Author {
    Author { kind: AuthorKind::Contact, id: conversation.0 }
}

pub(super) fn agent() -> Author {
    Author { kind: AuthorKind::Agent, id: Uuid::from_u128(7) }
}

pub(super) fn message(
    conversation: ConversationId,
    author: Author,
    kind: Kind,
    text: &str,
) -> NewMessage {
    NewMessage {
        id: MessageId(uuid()),
        organization: OrganizationId(Uuid::nil()),
        conversation,
        author,
        client_message_id: uuid(),
        kind,
        text: Text::new(text.to_owned()).unwrap(),
        now: NOW,
        delivery: uuid(),
        reopening: MessageId(uuid()),
        begins: false,
        trace: "".into(),
    }
}

impl Store {
    /// Sends one alone, until it is settled, however slow the machine is that others use as well.
    pub(crate) async fn send(
        &self,
        organization: OrganizationId,
        new: NewMessage,
    ) -> onethread_db::Result<Sent> {
        let sends: Arc<[_]> = [NewMessage { organization, ..new }].into();
        loop {
            match self.send_all(sends.clone()).await.swap_remove(0) {
                Ok(Sent::Kept) => {}
                settled => return settled,
            }
        }
    }

    /// Sends a batch, until each is settled.
    pub(crate) async fn send_patiently(
        &self,
        sends: Vec<NewMessage>,
    ) -> Vec<onethread_db::Result<Sent>> {
        let mut answers = self.send_all(sends.clone().into()).await;
        for (new, answer) in sends.iter().zip(&mut answers) {
            if matches!(answer, Ok(Sent::Kept)) {
                *answer = self.send(new.organization, new.clone()).await;
            }
        }
        answers
    }
}

pub(super) fn stored(sent: Sent) -> Message {
    match sent {
        Sent::Stored { message, .. } => message,
        other => panic!("not stored: {other:?}"),
    }
}

pub(super) fn size(rows: i32) -> PageSize {
    PageSize::new(rows).unwrap()
}

async fn write(
    store: &Store,
    at: (OrganizationId, ConversationId),
    author: Author,
    kind: Kind,
) -> Message {
    stored(store.send(at.0, message(at.1, author, kind, "hello")).await.unwrap())
}

pub(super) async fn seqs(
    store: &Store,
    at: (OrganizationId, ConversationId),
    side: Side,
    position: Position,
    rows: i32,
) -> Vec<i64> {
    let history = store.history(at.0, at.1, side, position, size(rows)).await.unwrap().unwrap();
    history.messages.iter().map(|message| message.seq).collect()
}

pub(super) async fn deliveries(db: &Database, organization: OrganizationId) -> i64 {
    db.read("test.outbox", move |mut conn| {
        Box::pin(async move {
            Ok(on!(&mut conn, |c| sqlx::query_scalar(
                "SELECT count(*) FROM outbox WHERE organization_id = $1"
            )
            .bind(organization.0)
            .fetch_one(&mut **c)
            .await)?)
        })
    })
    .await
    .unwrap()
}

async fn a_repeat_gets_the_stored_message_and_another_body_a_refusal(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (organization, conversation) = somewhere();
    let first = message(conversation, contact(conversation), Kind::Text, "hello");
    let kept = stored(store.send(organization, first.clone()).await.unwrap());
    assert_eq!((kept.seq, kept.created_at), (1, NOW));

    let later =
        NewMessage { id: MessageId(uuid()), now: Timestamp::from_micros(0), ..first.clone() };
    assert_eq!(store.send(organization, later).await.unwrap(), Sent::Repeated(kept.clone()));
    let other = NewMessage { text: Text::new("Hello".to_owned()).unwrap(), ..first.clone() };
    assert_eq!(store.send(organization, other).await.unwrap(), Sent::IdReused);
    // Another sender's ids are another's.
    let agents = NewMessage { author: agent(), id: MessageId(uuid()), ..first.clone() };
    assert_eq!(stored(store.send(organization, agents.clone()).await.unwrap()).seq, 2);
    let note = NewMessage { kind: Kind::Note, ..agents };
    assert_eq!(store.send(organization, note).await.unwrap(), Sent::IdReused);

    assert_eq!(
        seqs(&store, (organization, conversation), Side::Agent, Position::Newest, 0).await,
        [1, 2]
    );
}

async fn an_agent_needs_a_conversation_and_another_organization_has_none(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (organization, conversation) = somewhere();
    let early = message(conversation, agent(), Kind::Text, "hello");
    assert_eq!(store.send(organization, early.clone()).await.unwrap(), Sent::NoConversation);
    write(&store, (organization, conversation), contact(conversation), Kind::Text).await;
    assert_eq!(stored(store.send(organization, early.clone()).await.unwrap()).seq, 2);

    let foreign = OrganizationId(uuid());
    assert_eq!(store.send(foreign, early).await.unwrap(), Sent::NoConversation);
    let history = store.history(foreign, conversation, Side::Agent, Position::Newest, size(0));
    assert!(history.await.unwrap().is_none());
    assert!(store.summary(foreign, conversation, Side::Agent).await.unwrap().is_none());
    assert!(store.mark_read(foreign, conversation, Side::Agent, 1).await.unwrap().is_none());
    assert!(store.heads(foreign, &[conversation]).await.unwrap().is_empty());
    assert!(store.list(foreign, ALL).await.unwrap().summaries.is_empty());
}

async fn the_first_message_of_the_contact_writes_one_delivery(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    for _ in 0..3 {
        write(&store, at, contact(at.1), Kind::Text).await;
        write(&store, at, agent(), Kind::Text).await;
    }
    assert_eq!(deliveries(&scratch.db, at.0).await, 1);
}

async fn notes_are_hidden_from_the_contact_and_its_chain_skips_them(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    write(&store, at, contact(at.1), Kind::Text).await;
    write(&store, at, agent(), Kind::Note).await;
    write(&store, at, agent(), Kind::Text).await;
    write(&store, at, agent(), Kind::Note).await;

    assert_eq!(seqs(&store, at, Side::Agent, Position::Newest, 0).await, [1, 2, 3, 4]);
    let seen = store.history(at.0, at.1, Side::Contact, Position::Newest, size(0)).await;
    let seen = seen.unwrap().unwrap();
    let chain: Vec<_> = seen.messages.iter().map(|m| (m.prev_seq(Side::Contact), m.seq)).collect();
    assert_eq!(chain, [(0, 1), (1, 3)]);
    assert_eq!(seen.conversation.last_seq(Side::Contact), 3);
    let last = store.summary(at.0, at.1, Side::Contact).await.unwrap().unwrap().last_message;
    assert_eq!(last.unwrap().seq, 3);
    let last = store.summary(at.0, at.1, Side::Agent).await.unwrap().unwrap().last_message;
    assert_eq!(last.unwrap().seq, 4);
}

async fn runs_of_history_lie_where_they_were_asked_for(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    for _ in 0..7 {
        write(&store, at, contact(at.1), Kind::Text).await;
    }
    assert_eq!(seqs(&store, at, Side::Agent, Position::After(2), 3).await, [3, 4, 5]);
    assert_eq!(seqs(&store, at, Side::Agent, Position::Before(6), 3).await, [3, 4, 5]);
    assert_eq!(seqs(&store, at, Side::Contact, Position::Newest, 3).await, [5, 6, 7]);
    assert!(seqs(&store, at, Side::Contact, Position::After(7), 3).await.is_empty());
    assert!(seqs(&store, at, Side::Contact, Position::Before(1), 3).await.is_empty());
}

async fn what_is_kept_of_a_threads_end_is_told_while_it_is_the_end(scratch: ScratchDatabase) {
    let (reader, other) = (Store::new(scratch.db.clone()), Store::new(scratch.reconnect().await));
    let at = somewhere();
    let read = async |side| {
        let history = reader.history(at.0, at.1, side, Position::Newest, size(3)).await.unwrap();
        let history = history.unwrap();
        let seqs: Vec<_> = history.messages.iter().map(|one| one.seq).collect();
        (seqs, history.conversation.last_seq(side), history.conversation.reader(side).unread)
    };
    let (contacts, agents) = (Side::Contact, Side::Agent);
    // Each step by another process; what was told before each is kept here.
    for _ in 0..4 {
        write(&other, at, contact(at.1), Kind::Text).await;
    }
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![2, 3, 4], 4, 0));
        assert_eq!(read(agents).await, (vec![2, 3, 4], 4, 4));
    }
    write(&other, at, agent(), Kind::Note).await;
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![2, 3, 4], 4, 0));
        assert_eq!(read(agents).await, (vec![3, 4, 5], 5, 4));
    }
    write(&other, at, agent(), Kind::Text).await;
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![3, 4, 6], 6, 1));
        assert_eq!(read(agents).await, (vec![4, 5, 6], 6, 4));
    }
    other.mark_read(at.0, at.1, contacts, 6).await.unwrap();
    assert_eq!(read(contacts).await, (vec![3, 4, 6], 6, 0));
    assert_eq!(seqs(&reader, at, contacts, Position::Newest, 2).await, [4, 6]);
    assert_eq!(seqs(&reader, at, contacts, Position::Before(6), 3).await, [2, 3, 4]);
    let foreign = OrganizationId(uuid());
    let elsewhere = reader.history(foreign, at.1, contacts, Position::Newest, size(3)).await;
    assert!(elsewhere.unwrap().is_none());
    other.erase(at.0, at.1, NOW).await.unwrap();
    for side in [contacts, agents] {
        let erased = reader.history(at.0, at.1, side, Position::Newest, size(3)).await.unwrap();
        assert!(erased.is_none());
    }
}

async fn a_page_of_long_messages_is_cut_near_its_position(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    let long = "😀".repeat(20_000);
    for _ in 0..20 {
        let one = message(at.1, contact(at.1), Kind::Text, &long);
        stored(store.send(at.0, one).await.unwrap());
    }
    let (page, more) = store.messages_after(at.0, at.1, 2, size(200)).await.unwrap();
    assert!(more && page.len() < 18, "{} messages", page.len());
    assert_eq!(page[0].seq, 3);
    assert_eq!(page[0].text.as_str(), long);
    let newest = seqs(&store, at, Side::Agent, Position::Newest, 200).await;
    assert_eq!(newest.last(), Some(&20));
    assert!(newest.len() < 20);
}

async fn unread_counts_the_other_sides_texts_behind_the_mark(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    write(&store, at, contact(at.1), Kind::Text).await;
    write(&store, at, agent(), Kind::Note).await;
    write(&store, at, contact(at.1), Kind::Text).await;
    write(&store, at, agent(), Kind::Text).await;
    write(&store, at, agent(), Kind::Note).await;

    let unread = async |side| {
        store.summary(at.0, at.1, side).await.unwrap().unwrap().conversation.reader(side).unread
    };
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (2, 1));
    let mark = async |side, seq| store.mark_read(at.0, at.1, side, seq).await.unwrap().unwrap();
    assert_eq!(mark(Side::Agent, 2).await, Marked { seq: 2, moved: true });
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (1, 1));
    assert_eq!(mark(Side::Agent, 1).await, Marked { seq: 2, moved: false });
    assert_eq!(mark(Side::Agent, 99).await, Marked { seq: 5, moved: true });
    // A contact's mark goes no further than what it can see.
    assert_eq!(mark(Side::Contact, 99).await, Marked { seq: 4, moved: true });
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (0, 0));
}

async fn the_list_is_newest_first_and_its_pages_meet(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let mut expected = Vec::new();
    for n in 0..9_i64 {
        let id = ConversationId(uuid());
        let mut one = message(id, contact(id), Kind::Text, "hello");
        // Threes at the same moment: the id decides then.
        one.now = Timestamp::from_micros(NOW.micros() + n / 3);
        store.send(organization, one).await.unwrap();
        expected.push((NOW.micros() + n / 3, id));
    }
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();

    let mut seen = Vec::new();
    let mut behind = None;
    loop {
        let query = ListQuery { behind, size: size(2), ..ALL };
        let page = store.list(organization, query).await.unwrap();
        seen.extend(page.summaries.iter().map(|one| one.conversation.id));
        assert!(page.summaries.iter().all(|one| one.last_message.as_ref().unwrap().seq == 1));
        behind = page.next;
        if behind.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);

    let open = ListQuery { status: Some(Status::Open), ..ALL };
    assert_eq!(store.list(organization, open).await.unwrap().summaries.len(), 9);
    let closed = ListQuery { status: Some(Status::Closed), ..ALL };
    assert!(store.list(organization, closed).await.unwrap().summaries.is_empty());
}

/// Conversations begun by their contacts, each a little later than the one before.
async fn many(store: &Store, organization: OrganizationId, count: i64) -> Vec<ConversationId> {
    let mut all = Vec::new();
    for n in 0..count {
        let id = ConversationId(uuid());
        send_at(store, organization, id, n).await;
        all.push(id);
    }
    all
}

async fn send_at(store: &Store, organization: OrganizationId, id: ConversationId, at: i64) {
    let mut one = message(id, contact(id), Kind::Text, "hello");
    one.now = Timestamp::from_micros(NOW.micros() + at);
    stored(store.send(organization, one).await.unwrap());
}

async fn a_walk_through_the_list_finds_each_once_whatever_moves_meanwhile(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let all = many(&store, organization, 12).await;
    let (mut seen, mut query) = (Vec::new(), ListQuery { size: size(3), ..ALL });
    let mut later = 100;
    loop {
        let page = store.list(organization, query).await.unwrap();
        let first = page.summaries[0].conversation.updated_at;
        seen.extend(page.summaries.iter().map(|one| one.conversation.id));
        let Some(next) = page.next else { break };
        query = ListQuery { behind: Some(next), since: query.since.or(Some(first)), ..query };
        // One that was seen, one that wasn't, and a new one, each twice.
        for id in [all[11], all[0], all[3], ConversationId(uuid())] {
            for _ in 0..2 {
                later += 1;
                send_at(&store, organization, id, later).await;
            }
        }
    }
    assert_eq!(seen, all.iter().rev().copied().collect::<Vec<_>>());
}

fn change(id: ConversationId, change: Change) -> NewChange {
    let events = [MessageId(uuid()), MessageId(uuid())];
    NewChange { conversation: id, change, actor: Uuid::from_u128(7), now: NOW, events }
}

fn assign(to: Option<AgentId>) -> Change {
    Change { assignee: Some(to), ..Change::default() }
}

fn put(status: Status) -> Change {
    Change { status: Some(status), ..Change::default() }
}

async fn a_list_holds_what_is_assigned_to_whom_it_asks_for(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let mut all = many(&store, organization, 5).await;
    all.sort();
    let (ann, bob) = (AgentId(uuid()), AgentId(uuid()));
    for (id, to) in [(all[0], ann), (all[1], ann), (all[2], bob)] {
        store.change(organization, change(id, assign(Some(to)))).await.unwrap().unwrap();
    }
    store.change(organization, change(all[1], put(Status::Closed))).await.unwrap().unwrap();
    store.change(organization, change(all[3], put(Status::Closed))).await.unwrap().unwrap();
    let listed = async |status, assigned| {
        let page = store.list(organization, ListQuery { status, assigned, ..ALL }).await.unwrap();
        let mut ids: Vec<_> = page.summaries.iter().map(|one| one.conversation.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(listed(None, Assigned::Any).await, all);
    assert_eq!(listed(None, Assigned::To(ann)).await, all[..2]);
    assert_eq!(listed(Some(Status::Open), Assigned::To(ann)).await, all[..1]);
    assert_eq!(listed(None, Assigned::ToNobody).await, all[3..]);
    assert_eq!(listed(Some(Status::Closed), Assigned::ToNobody).await, all[3..4]);
    assert_eq!(listed(Some(Status::Closed), Assigned::To(bob)).await, []);
    assert_eq!(listed(None, Assigned::To(AgentId(uuid()))).await, []);
}

async fn a_change_is_stored_as_events_and_what_already_is_so_writes_nothing(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    write(&store, at, contact(at.1), Kind::Text).await;
    let ann = AgentId(uuid());
    let both = Change { status: Some(Status::Closed), assignee: Some(Some(ann)) };
    let stored = async |change_| store.change(at.0, change(at.1, change_)).await.unwrap();
    assert_eq!(stored(both).await, Some(vec![2, 3]));
    for same in [both, put(Status::Closed), assign(Some(ann)), Change::default()] {
        assert_eq!(stored(same).await, Some(vec![]));
    }
    assert_eq!(stored(assign(None)).await, Some(vec![4]));
    assert_eq!(stored(put(Status::Open)).await, Some(vec![5]));
    let foreign = store.change(OrganizationId(uuid()), change(at.1, both)).await.unwrap();
    assert_eq!(foreign, None);

    let (messages, _) = store.messages_after(at.0, at.1, 1, size(0)).await.unwrap();
    let texts: Vec<_> = messages.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, [&format!("assigned to {ann}"), "closed", "unassigned", "reopened"]);
    let by = Author::system(Uuid::from_u128(7));
    assert!(messages.iter().all(|event| event.author == by && event.kind == Kind::Event));
    assert!(messages.iter().all(|event| event.client_message_id.is_none()));
    // The contact sees none of it, and its next text goes on from its last one.
    assert_eq!(seqs(&store, at, Side::Contact, Position::Newest, 0).await, [1]);
    let next = write(&store, at, contact(at.1), Kind::Text).await;
    assert_eq!((next.seq, next.prev_seq(Side::Contact)), (6, 1));
    let seen = store.summary(at.0, at.1, Side::Agent).await.unwrap().unwrap().conversation;
    assert_eq!((seen.status, seen.assignee, seen.agent.unread), (Status::Open, None, 2));
}

async fn a_text_reopens_with_an_event_before_it_and_its_repeat_does_nothing(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    let hello = message(at.1, contact(at.1), Kind::Text, "hello");
    stored(store.send(at.0, hello.clone()).await.unwrap());
    store.change(at.0, change(at.1, put(Status::Closed))).await.unwrap();
    let status =
        async || store.summary(at.0, at.1, Side::Agent).await.unwrap().unwrap().conversation.status;
    // Neither a repeat, nor a note, nor a refused id reopens.
    assert!(matches!(store.send(at.0, hello.clone()).await.unwrap(), Sent::Repeated(_)));
    let other = NewMessage { text: Text::new("ho".to_owned()).unwrap(), ..hello };
    assert_eq!(store.send(at.0, other).await.unwrap(), Sent::IdReused);
    assert_eq!(write(&store, at, agent(), Kind::Note).await.seq, 3);
    assert_eq!(status().await, Status::Closed);

    let again = message(at.1, contact(at.1), Kind::Text, "again");
    let sent = store.send(at.0, again).await.unwrap();
    assert!(matches!(&sent, Sent::Stored { reopened: Some(4), message, .. } if message.seq == 5));
    assert_eq!(status().await, Status::Open);
    let (messages, _) = store.messages_after(at.0, at.1, 3, size(0)).await.unwrap();
    let texts: Vec<_> = messages.iter().map(|one| (one.seq, one.text.as_str())).collect();
    assert_eq!(texts, [(4, "reopened"), (5, "again")]);
    assert_eq!(messages[0].author, Author::system(Uuid::nil()));
    assert_eq!(messages[1].prev_seq(Side::Contact), 1);
}

async fn an_agent_who_may_writes_first_and_identity_is_told_of_the_contact_alone(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    let first = NewMessage { begins: true, ..message(at.1, agent(), Kind::Text, "hello") };
    assert_eq!(stored(store.send(at.0, first.clone()).await.unwrap()).seq, 1);
    assert!(matches!(store.send(at.0, first).await.unwrap(), Sent::Repeated(_)));
    assert_eq!(deliveries(&scratch.db, at.0).await, 0);
    let unread = store.summary(at.0, at.1, Side::Contact).await.unwrap().unwrap();
    assert_eq!(unread.conversation.contact.unread, 1);
    write(&store, at, contact(at.1), Kind::Text).await;
    assert_eq!(deliveries(&scratch.db, at.0).await, 1);
}

async fn changes_and_sends_at_once_leave_no_gap(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    write(&store, at, contact(at.1), Kind::Text).await;
    let workers = (0..8_usize).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                if n % 2 == 0 {
                    write(&store, at, contact(at.1), Kind::Text).await;
                } else {
                    store.change(at.0, change(at.1, put(Status::Closed))).await.unwrap().unwrap();
                }
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    let (messages, _) = store.messages_after(at.0, at.1, 0, size(200)).await.unwrap();
    let mut open = true;
    for (expected, one) in (1..).zip(&messages) {
        assert_eq!(one.seq, expected);
        // Events tell of real changes, and no text lies in a closed thread.
        match one.text.as_str() {
            "closed" => assert!(std::mem::replace(&mut open, false)),
            "reopened" => assert!(!std::mem::replace(&mut open, true)),
            _ => assert!(open),
        }
    }
    assert_eq!(messages.iter().filter(|one| one.kind == Kind::Text).count(), 41);
}

async fn twenty_equal_sends_at_once_are_one_message(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    let one = message(at.1, contact(at.1), Kind::Text, "hello");
    let sends = (0..20).map(|_| {
        let new = NewMessage { id: MessageId(uuid()), delivery: uuid(), ..one.clone() };
        store.send(at.0, new)
    });
    let sent: Vec<_> = join_all(sends).await.into_iter().map(|sent| sent.unwrap()).collect();
    let fresh = sent.iter().filter(|sent| matches!(sent, Sent::Stored { .. })).count();
    assert_eq!(fresh, 1);
    let answers = sent.into_iter().map(|sent| match sent {
        Sent::Stored { message, .. } | Sent::Repeated(message) => message,
        other => panic!("{other:?}"),
    });
    let answers: Vec<_> = answers.collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(seqs(&store, at, Side::Agent, Position::Newest, 0).await, [1]);
    assert_eq!(deliveries(&scratch.db, at.0).await, 1);
}

async fn sixteen_senders_at_once_leave_no_gap(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let at = somewhere();
    write(&store, at, contact(at.1), Kind::Text).await;
    let senders = (0..16_usize).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let (author, kind) = match n % 3 {
                0 => (contact(at.1), Kind::Text),
                1 => (agent(), Kind::Text),
                _ => (agent(), Kind::Note),
            };
            let mut own = Vec::new();
            for _ in 0..10 {
                own.push(write(&store, at, author, kind).await.seq);
            }
            own
        })
    });
    for own in join_all(senders).await {
        assert!(own.unwrap().is_sorted(), "a sender's order is kept");
    }
    let all = seqs(&store, at, Side::Agent, Position::Newest, 200).await;
    assert_eq!(all, (1..=161).collect::<Vec<_>>());

    let seen = store.history(at.0, at.1, Side::Contact, Position::Newest, size(200)).await;
    let seen = seen.unwrap().unwrap();
    let mut before = 0;
    for message in seen.messages.iter() {
        assert_eq!(message.prev_seq(Side::Contact), before);
        before = message.seq;
    }
    assert_eq!(seen.conversation.last_seq(Side::Contact), before);
    assert_eq!(seen.conversation.agent.unread, 1 + 6 * 10);
    assert_eq!(seen.conversation.contact.unread, 5 * 10);
}
