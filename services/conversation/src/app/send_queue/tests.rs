//! What the queue promises beyond what the store of batches promises.

use futures::future::join_all;
use onethread_core::{ConversationId, MessageId};
use onethread_errors::Reason;
use onethread_events::Bus;
use onethread_testing::{Engine, ScratchDatabase, run};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    app::tests::{contact, locks::LockHolder, uuid},
    domain::{MessageKind, Text},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    what_does_not_fit_is_rejected_and_the_rest_is_stored,
    a_send_whose_caller_left_before_its_batch_is_not_stored,
    twenty_equal_concurrent_sends_get_one_answer,
}

fn message(id: ConversationId) -> NewMessage {
    crate::app::tests::message(id, contact(id), MessageKind::Text, "hello")
}

fn live() -> Live {
    Live::new(Bus::in_process(), CancellationToken::new(), Duration::from_secs(60))
}

fn writer(scratch: &ScratchDatabase) -> BatchWriter {
    BatchWriter { store: BatchStore::new(&scratch.db), live: live(), wake: Wake::default() }
}

async fn what_does_not_fit_is_rejected_and_the_rest_is_stored(scratch: ScratchDatabase) {
    let (sender, waiting) = mpsc::channel(QUEUE_CAPACITY);
    let queue = SendQueue(sender);
    let id = ConversationId(uuid());
    // No writer takes them yet; each is polled once, in order.
    let mut sends: Vec<_> =
        (0..QUEUE_CAPACITY).map(|_| Box::pin(queue.send(message(id)))).collect();
    for send in &mut sends {
        assert!(futures::poll!(send).is_pending());
    }
    let rejected = queue.send(message(id)).await.unwrap_err();
    assert_eq!(rejected.reason, Reason::Unavailable);
    assert!(rejected.retry_after.is_some());

    let writer = tokio::spawn(writer(&scratch).run(waiting));
    let sent = join_all(sends).await.into_iter().map(|sent| sent.unwrap().stored().unwrap().seq);
    assert!(sent.eq(1..=i64::try_from(QUEUE_CAPACITY).unwrap()), "each in its order");
    drop(queue);
    writer.await.unwrap();
}

async fn a_send_whose_caller_left_before_its_batch_is_not_stored(scratch: ScratchDatabase) {
    let (sender, waiting) = mpsc::channel(QUEUE_CAPACITY);
    let queue = SendQueue(sender);
    let id = ConversationId(uuid());
    let mut leaves = Box::pin(queue.send(message(id)));
    let mut stays = Box::pin(queue.send(message(id)));
    assert!(futures::poll!(&mut leaves).is_pending());
    assert!(futures::poll!(&mut stays).is_pending());
    drop(leaves);
    tokio::spawn(writer(&scratch).run(waiting));
    assert_eq!(stays.await.unwrap().stored().unwrap().seq, 1);
}

async fn twenty_equal_concurrent_sends_get_one_answer(scratch: ScratchDatabase) {
    let queue = SendQueue::start(&scratch.db, live(), Wake::default());
    let one = message(ConversationId(uuid()));
    let sends = (0..20).map(|_| {
        let new = NewMessage { id: MessageId(uuid()), delivery_id: uuid(), ..one.clone() };
        queue.send(new)
    });
    let sent: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
    let first = sent.iter().find_map(SendOutcome::stored).unwrap();
    assert_eq!(sent.iter().filter(|sent| sent.stored().is_some()).count(), 1);
    let repeated = SendOutcome::Repeated(first.clone());
    assert!(sent.iter().all(|sent| sent.stored().is_some() || *sent == repeated));

    let other = NewMessage { text: Text::new("other".to_owned()).unwrap(), ..one };
    assert_eq!(queue.send(other).await.unwrap(), SendOutcome::IdReused);
}

#[test]
fn sends_to_a_locked_conversation_wait_in_their_order_and_delay_no_other() {
    run(Engine::Postgres, &crate::MIGRATIONS, async |scratch| {
        let queue = SendQueue::start(&scratch.db, live(), Wake::default());
        let (locked, other) = (ConversationId(uuid()), ConversationId(uuid()));
        queue.send(message(locked)).await.unwrap();
        let organization = message(locked).organization;
        let holder = LockHolder::new(scratch.reconnect().await, organization, locked, false).await;

        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(queue.send(message(locked)))).collect();
        assert!(futures::poll!(&mut waiting[0]).is_pending());
        for seq in 1..=3 {
            assert_eq!(queue.send(message(other)).await.unwrap().stored().unwrap().seq, seq);
        }
        // These wait behind the first one.
        for later in &mut waiting {
            assert!(futures::poll!(later).is_pending());
        }
        assert_eq!(queue.send(message(other)).await.unwrap().stored().unwrap().seq, 4);
        holder.release().await;
        let seqs =
            join_all(waiting).await.into_iter().map(|sent| sent.unwrap().stored().unwrap().seq);
        assert!(seqs.eq(2..=4));
        // No send waits any more.
        assert_eq!(queue.send(message(locked)).await.unwrap().stored().unwrap().seq, 5);
    });
}
