//! What the queue promises beyond the store's promises.

use futures::future::join_all;
use onethread_core::{
    ConversationId, MessageId, OrganizationId, SystemEntropy, Timestamp, new_uuid,
};
use onethread_errors::Reason;
use onethread_events::Bus;
use onethread_testing::{Engine, ScratchDatabase, run};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{Author, AuthorKind, Kind, Text},
    store::Keeper,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    what_does_not_fit_is_turned_away_and_all_else_is_stored,
    a_sender_who_left_before_its_turn_leaves_nothing,
    twenty_equal_sends_at_once_get_one_answer,
}

const NOW: Timestamp = Timestamp::from_micros(1_750_000_000_000_000);

fn uuid() -> Uuid {
    new_uuid(NOW, &SystemEntropy)
}

fn message(id: ConversationId) -> NewMessage {
    NewMessage {
        id: MessageId(uuid()),
        organization: OrganizationId(Uuid::nil()),
        conversation: id,
        author: Author { kind: AuthorKind::Contact, id: id.0 },
        client_message_id: uuid(),
        kind: Kind::Text,
        text: Text::new("hello".to_owned()).unwrap(),
        now: NOW,
        delivery: uuid(),
        reopening: MessageId(uuid()),
        begins: false,
        trace: "".into(),
    }
}

fn writer(scratch: &ScratchDatabase) -> Writer {
    let live = Live::new(Bus::in_process(), CancellationToken::new(), Duration::from_secs(60));
    Writer { store: Store::new(scratch.db.clone()), live, wake: Wake::default() }
}

async fn what_does_not_fit_is_turned_away_and_all_else_is_stored(scratch: ScratchDatabase) {
    let (sender, waiting) = mpsc::channel(WAITING);
    let queue = Queue(sender);
    let id = ConversationId(uuid());
    // Nobody takes them yet; each is polled once, in order.
    let mut sends: Vec<_> = (0..WAITING).map(|_| Box::pin(queue.send(message(id)))).collect();
    for send in &mut sends {
        assert!(futures::poll!(send).is_pending());
    }
    let refused = queue.send(message(id)).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Unavailable);
    assert!(refused.retry_after.is_some());

    let writer = tokio::spawn(writer(&scratch).run(waiting));
    let sent = join_all(sends).await.into_iter().map(|sent| sent.unwrap().fresh().unwrap().seq);
    assert!(sent.eq(1..=i64::try_from(WAITING).unwrap()), "each in its turn");
    drop(queue);
    writer.await.unwrap();
}

async fn a_sender_who_left_before_its_turn_leaves_nothing(scratch: ScratchDatabase) {
    let (sender, waiting) = mpsc::channel(WAITING);
    let queue = Queue(sender);
    let id = ConversationId(uuid());
    let mut leaves = Box::pin(queue.send(message(id)));
    let mut stays = Box::pin(queue.send(message(id)));
    assert!(futures::poll!(&mut leaves).is_pending());
    assert!(futures::poll!(&mut stays).is_pending());
    drop(leaves);
    tokio::spawn(writer(&scratch).run(waiting));
    assert_eq!(stays.await.unwrap().fresh().unwrap().seq, 1);
}

async fn twenty_equal_sends_at_once_get_one_answer(scratch: ScratchDatabase) {
    let writer = writer(&scratch);
    let queue = Queue::start(writer.store, writer.live, writer.wake);
    let one = message(ConversationId(uuid()));
    let sends = (0..20).map(|_| {
        let new = NewMessage { id: MessageId(uuid()), delivery: uuid(), ..one.clone() };
        queue.send(new)
    });
    let sent: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
    let first = sent.iter().find_map(Sent::fresh).unwrap();
    assert_eq!(sent.iter().filter(|sent| sent.fresh().is_some()).count(), 1);
    let repeated = Sent::Repeated(first.clone());
    assert!(sent.iter().all(|sent| sent.fresh().is_some() || *sent == repeated));

    let other = NewMessage { text: Text::new("other".to_owned()).unwrap(), ..one };
    assert_eq!(queue.send(other).await.unwrap(), Sent::IdReused);
}

#[test]
fn sends_to_a_kept_conversation_wait_in_their_order_and_hold_up_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let writer = writer(&scratch);
        let queue = Queue::start(writer.store, writer.live, writer.wake);
        let (kept, other) = (ConversationId(uuid()), ConversationId(uuid()));
        queue.send(message(kept)).await.unwrap();
        let organization = message(kept).organization;
        let keeper = Keeper::of(scratch.reconnect().await, organization, kept, false).await;

        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(queue.send(message(kept)))).collect();
        assert!(futures::poll!(&mut waiting[0]).is_pending());
        for seq in 1..=3 {
            assert_eq!(queue.send(message(other)).await.unwrap().fresh().unwrap().seq, seq);
        }
        // These find somebody in line already.
        for later in &mut waiting {
            assert!(futures::poll!(later).is_pending());
        }
        assert_eq!(queue.send(message(other)).await.unwrap().fresh().unwrap().seq, 4);
        keeper.release().await;
        let seqs =
            join_all(waiting).await.into_iter().map(|sent| sent.unwrap().fresh().unwrap().seq);
        assert!(seqs.eq(2..=4));
        // The line is gone.
        assert_eq!(queue.send(message(kept)).await.unwrap().fresh().unwrap().seq, 5);
    });
}
