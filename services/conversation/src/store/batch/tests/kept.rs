//! What somebody else keeps holds up nothing but what goes there.

use onethread_core::{ConversationId, MessageId, OrganizationId};
use onethread_db::{Database, Error, on};
use onethread_testing::{Engine, ScratchDatabase, run};
use sqlx::{query, query_scalar};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    domain::{Change, Kind, Side, Status},
    store::{
        NewChange, NewMessage, Position, Sent, Store,
        events::change,
        sql,
        tests::{NOW, agent, contact, message, seqs, somewhere, uuid},
        writes::begin,
    },
};

/// Somebody who keeps a conversation until told to let go.
pub(crate) struct Keeper {
    release: oneshot::Sender<()>,
    done: JoinHandle<onethread_db::Result<()>>,
}

impl Keeper {
    /// Keeps a conversation that is there, or begins it and does not end.
    pub(crate) async fn of(
        db: Database,
        organization: OrganizationId,
        id: ConversationId,
        begins: bool,
    ) -> Self {
        let (release, released) = oneshot::channel::<()>();
        let (hold, held) = oneshot::channel();
        let done = tokio::spawn(async move {
            db.write("test.keep", move |mut conn| {
                Box::pin(async move {
                    if begins {
                        begin(&mut conn, organization, id, NOW).await?;
                    } else {
                        on!(&mut conn, |c| query(sql::LOCK_POSTGRES)
                            .bind(organization.0)
                            .bind(id.0)
                            .execute(&mut **c)
                            .await
                            .map(drop))?;
                    }
                    hold.send(()).unwrap();
                    let _ = released.await;
                    // Begun for nothing: it is taken back.
                    if begins { Err(Error::Conflict) } else { Ok(()) }
                })
            })
            .await
        });
        held.await.unwrap();
        Self { release, done }
    }

    /// Lets go.
    pub(crate) async fn release(self) {
        self.release.send(()).unwrap();
        let _ = self.done.await.unwrap();
    }
}

fn to(organization: OrganizationId, id: ConversationId) -> NewMessage {
    NewMessage { organization, ..message(id, contact(id), Kind::Text, "hello") }
}

async fn send(store: &Store, sends: &[NewMessage]) -> Vec<Sent> {
    let sent = store.send_all(sends.to_vec().into()).await;
    sent.into_iter().map(Result::unwrap).collect()
}

async fn others_are_stored(scratch: ScratchDatabase, begins: bool) {
    let store = Store::new(scratch.db.clone());
    let (organization, kept) = somewhere();
    let others: Vec<_> = (0..4).map(|_| ConversationId(uuid())).collect();
    if !begins {
        send(&store, &[to(organization, kept)]).await;
    }
    send(&store, &[to(organization, others[0])]).await;
    let keeper = Keeper::of(scratch.reconnect().await, organization, kept, begins).await;

    // Plain ones, first ones and notes, before and behind it.
    let note = NewMessage { author: agent(), kind: Kind::Note, ..to(organization, others[0]) };
    let batch = [
        to(organization, others[0]),
        to(organization, others[1]),
        to(organization, kept),
        note,
        to(organization, others[2]),
        to(organization, kept),
    ];
    let sent = send(&store, &batch).await;
    for (at, sent) in sent.iter().enumerate() {
        let is_kept = [2, 5].contains(&at);
        assert_eq!(*sent == Sent::Kept, is_kept, "{at}");
        assert_eq!(sent.fresh().is_some(), !is_kept, "{at}");
    }

    // Again: what was stored is found, and nothing was done about the others.
    let again = send(&store, &batch).await;
    assert!(again.iter().all(|sent| matches!(sent, Sent::Kept | Sent::Repeated(_))));
    keeper.release().await;
    let last = send(&store, &batch).await;
    let first = i64::from(!begins) + 1;
    let seq_of = |sent: &Sent| sent.fresh().map(|message| message.seq);
    assert_eq!([2, 5].map(|at| seq_of(&last[at])), [Some(first), Some(first + 1)]);
    for id in [kept, others[0]] {
        let all = seqs(&store, (organization, id), Side::Agent, Position::Newest, 0).await;
        assert_eq!(all.last().copied(), i64::try_from(all.len()).ok());
    }
}

#[test]
fn a_kept_conversation_holds_up_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        others_are_stored(scratch, false).await;
    });
}

#[test]
fn a_conversation_that_somebody_begins_holds_up_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        others_are_stored(scratch, true).await;
    });
}

/// Waits until somebody waits for a row.
async fn until_somebody_waits(watcher: &Database) {
    let waits = async || -> bool {
        let text = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
            WHERE application_name = current_schema AND wait_event_type = 'Lock')";
        let looked = watcher.read("test.watch", move |mut conn| {
            Box::pin(async move {
                Ok(on!(&mut conn, |c| query_scalar(text).fetch_one(&mut **c).await)?)
            })
        });
        looked.await.unwrap()
    };
    while !waits().await {}
}

/// A row that moves while a batch waits for it is not changed by what it was before.
#[test]
fn a_thread_that_moves_meanwhile_is_looked_at_again() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let store = Store::new(scratch.db.clone());
        let (organization, id) = somewhere();
        send(&store, &[to(organization, id)]).await;
        let watcher = scratch.reconnect().await;
        for closed in 1..=5_i64 {
            let (release, released) = oneshot::channel::<()>();
            let (hold, held) = oneshot::channel();
            let other = scratch.reconnect().await;
            let new = NewChange {
                conversation: id,
                change: Change { status: Some(Status::Closed), assignee: None },
                actor: uuid(),
                now: NOW,
                events: [MessageId(uuid()), MessageId(uuid())],
            };
            let closing = tokio::spawn(async move {
                other
                    .write("test.close", move |mut conn| {
                        Box::pin(async move {
                            change(&mut conn, organization, new).await?;
                            hold.send(()).unwrap();
                            let _ = released.await;
                            Ok(())
                        })
                    })
                    .await
            });
            held.await.unwrap();
            let sending = store.send_patiently(vec![to(organization, id)]);
            let (sent, ()) = tokio::join!(sending, async {
                until_somebody_waits(&watcher).await;
                release.send(()).unwrap();
            });
            closing.await.unwrap().unwrap();
            let Ok(Sent::Stored { message, reopened, .. }) = &sent[0] else { panic!("{sent:?}") };
            // Each round adds the event that it was closed, the one that it was reopened, a text.
            assert_eq!((*reopened, message.seq), (Some(closed * 3), closed * 3 + 1));
            assert_eq!(message.prev_public_seq, closed * 3 - 2);
        }
    });
}
