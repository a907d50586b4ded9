//! A conversation that another transaction holds delays only the sends to it.

use onethread_testing::{Engine, run};
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::store::conversations;

/// Another process whose transaction holds a conversation.
pub(crate) struct LockHolder {
    release: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl LockHolder {
    /// Locks a conversation that exists, or begins one and doesn't commit.
    pub(crate) async fn new(
        db: Database,
        organization: OrganizationId,
        id: ConversationId,
        begins: bool,
    ) -> Self {
        let (release, released) = oneshot::channel::<()>();
        let (lock, locked) = oneshot::channel();
        let done = tokio::spawn(async move {
            let mut tx = db.begin("test.lock").await.unwrap();
            if begins {
                conversations::insert(&mut tx, organization, id, NOW).await.unwrap();
            } else {
                let found = conversations::locked_by_id(&mut tx, organization, id).await;
                assert!(found.unwrap().is_some());
            }
            lock.send(()).unwrap();
            let _ = released.await;
            tx.roll_back().await;
        });
        locked.await.unwrap();
        Self { release, done }
    }

    /// Ends the transaction.
    pub(crate) async fn release(self) {
        self.release.send(()).unwrap();
        self.done.await.unwrap();
    }
}

fn to(organization: OrganizationId, id: ConversationId) -> NewMessage {
    NewMessage { organization, ..message(id, contact(id), MessageKind::Text, "hello") }
}

async fn send(app: &TestApp, sends: &[NewMessage]) -> Vec<SendOutcome> {
    let sent = app.send_batch(sends.to_vec()).await;
    sent.into_iter().map(Result::unwrap).collect()
}

async fn others_are_stored(scratch: ScratchDatabase, begins: bool) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, locked) = new_key();
    let others: Vec<_> = (0..4).map(|_| ConversationId(uuid())).collect();
    if !begins {
        send(&app, &[to(organization, locked)]).await;
    }
    send(&app, &[to(organization, others[0])]).await;
    let holder = LockHolder::new(scratch.reconnect().await, organization, locked, begins).await;

    // Plain sends, first messages and notes, before and after it.
    let note =
        NewMessage { author: agent(), kind: MessageKind::Note, ..to(organization, others[0]) };
    let batch = [
        to(organization, others[0]),
        to(organization, others[1]),
        to(organization, locked),
        note,
        to(organization, others[2]),
        to(organization, locked),
    ];
    let sent = send(&app, &batch).await;
    for (at, sent) in sent.iter().enumerate() {
        let is_locked = [2, 5].contains(&at);
        assert_eq!(*sent == SendOutcome::Locked, is_locked, "{at}");
        assert_eq!(sent.stored().is_some(), !is_locked, "{at}");
    }

    // Again: stored messages are found, and nothing was done about the others.
    let again = send(&app, &batch).await;
    assert!(
        again.iter().all(|sent| matches!(sent, SendOutcome::Locked | SendOutcome::Repeated(_)))
    );
    holder.release().await;
    let last = send(&app, &batch).await;
    let first = i64::from(!begins) + 1;
    let seq_of = |sent: &SendOutcome| sent.stored().map(|message| message.seq);
    assert_eq!([2, 5].map(|at| seq_of(&last[at])), [Some(first), Some(first + 1)]);
    for id in [locked, others[0]] {
        let all = seqs(&app, (organization, id), Side::Agent, PagePosition::Newest, 0).await;
        assert_eq!(all.last().copied(), i64::try_from(all.len()).ok());
    }
}

#[test]
fn a_locked_conversation_delays_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        others_are_stored(scratch, false).await;
    });
}

#[test]
fn a_conversation_that_another_process_begins_delays_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        others_are_stored(scratch, true).await;
    });
}

/// Waits until a transaction waits for a row.
async fn until_one_waits(db: &Database) {
    let text = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
        WHERE application_name = current_schema AND wait_event_type = 'Lock')";
    let mut conn = db.reader("test.watch").await.unwrap();
    while !conn.query(text).scalar::<bool>().await.unwrap() {}
}

/// Closes a conversation, and holds it until it is released.
async fn close_slowly(
    db: Database,
    (organization, id): (OrganizationId, ConversationId),
    locked: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
) {
    let mut tx = db.begin("test.close").await.unwrap();
    let found = conversations::locked_by_id(&mut tx, organization, id).await.unwrap();
    let mut conversation = found.unwrap();
    let ids = [MessageId(uuid()), MessageId(uuid())];
    let (events, _) = conversation.update(set_status(Status::Closed), uuid(), ids, NOW);
    for event in &events {
        messages::insert(&mut tx, organization, event).await.unwrap();
    }
    conversations::update_status(&mut tx, organization, &conversation).await.unwrap();
    locked.send(()).unwrap();
    let _ = released.await;
    tx.commit().await.unwrap();
}

/// A row that changes while a batch waits for it is not updated from its former values.
#[test]
fn a_conversation_that_changes_meanwhile_is_read_again() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let app = TestApp::new(scratch.db.clone());
        let (organization, id) = new_key();
        send(&app, &[to(organization, id)]).await;
        let watcher = scratch.reconnect().await;
        for closed in 1..=5_i64 {
            let (release, released) = oneshot::channel::<()>();
            let (lock, locked) = oneshot::channel();
            let other = scratch.reconnect().await;
            let closing = tokio::spawn(close_slowly(other, (organization, id), lock, released));
            locked.await.unwrap();
            let sending = app.send_batch_until_settled(vec![to(organization, id)]);
            let (sent, ()) = tokio::join!(sending, async {
                until_one_waits(&watcher).await;
                release.send(()).unwrap();
            });
            closing.await.unwrap();
            let Ok(SendOutcome::Stored { message, reopened_seq, .. }) = &sent[0] else {
                panic!("{sent:?}")
            };
            // Each round adds an event for closing, one for reopening, and a text.
            assert_eq!((*reopened_seq, message.seq), (Some(closed * 3), closed * 3 + 1));
            assert_eq!(message.prev_public_seq, closed * 3 - 2);
        }
    });
}
