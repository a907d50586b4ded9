//! A batch is as if each of its sends had been alone, in their order, whoever else writes.

use futures::future::join_all;
use onethread_core::{ConversationId, MessageId, OrganizationId};
use onethread_db::on;
use onethread_testing::ScratchDatabase;
use proptest::{prelude::*, test_runner::TestRunner};
use sqlx::query;
use tokio::runtime::Handle;

use crate::{
    domain::{Kind, Side, Text},
    store::{
        NewFold, NewMessage, Position, Sent, Store,
        tests::{NOW, contact, deliveries, message, seqs, size, somewhere, uuid},
    },
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    batches_agree_with_lists,
    one_that_cannot_be_stored_fails_alone,
    batches_of_several_processes_wait_in_one_order,
    several_processes_begin_one_thread_once,
    batches_and_folds_wait_in_one_order_and_lose_nothing,
    longest_texts_come_back_byte_for_byte,
}

pub(crate) mod kept;
mod model;

async fn batches_agree_with_lists(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let steps = prop::collection::vec(model::step(), 1..16);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(32));
    let done = runner.run(&steps, |steps| {
        tokio::task::block_in_place(|| Handle::current().block_on(model::follow(&store, &steps)));
        Ok(())
    });
    done.unwrap();
}

async fn one_that_cannot_be_stored_fails_alone(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let threads: Vec<_> = (0..5).map(|_| ConversationId(uuid())).collect();
    let round = || {
        let new = |id: &ConversationId| {
            let new = message(*id, contact(*id), Kind::Text, "hello");
            NewMessage { organization, ..new }
        };
        threads.iter().map(new).collect::<Vec<_>>()
    };
    assert!(store.send_all(round().into()).await.iter().all(Result::is_ok));
    let broken = threads[2];
    let break_it = scratch.db.write("test.break", move |mut conn| {
        Box::pin(async move {
            on!(&mut conn, |c| query("UPDATE conversations SET status = 77 WHERE id = $1")
                .bind(broken.0)
                .execute(&mut **c)
                .await
                .map(drop))?;
            Ok(())
        })
    });
    break_it.await.unwrap();

    for (sent, id) in store.send_all(round().into()).await.into_iter().zip(&threads) {
        if *id == broken {
            assert!(!sent.unwrap_err().is_passing(), "another try would fail as well");
        } else {
            assert_eq!(sent.unwrap().fresh().unwrap().seq, 2);
            let at = (organization, *id);
            assert_eq!(seqs(&store, at, Side::Agent, Position::Newest, 0).await, [1, 2]);
        }
    }
}

async fn batches_of_several_processes_wait_in_one_order(scratch: ScratchDatabase) {
    let organization = OrganizationId(uuid());
    let threads: Vec<_> = (0..16).map(|_| ConversationId(uuid())).collect();
    let store = Store::new(scratch.db.clone());
    let mut tasks = Vec::new();
    for process in 0..4_usize {
        let other = Store::new(scratch.reconnect_to_stay_in_deadlocks().await);
        let mut order = threads.clone();
        // Each names them in an order of its own.
        order.rotate_left(process * 5);
        if process % 2 == 1 {
            order.reverse();
        }
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                let new = |id: &ConversationId| NewMessage {
                    organization,
                    ..message(*id, contact(*id), Kind::Text, "hello")
                };
                let sends: Vec<_> = order.iter().map(new).collect();
                assert!(other.send_all(sends.into()).await.iter().all(Result::is_ok));
            }
        }));
    }
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for id in threads {
        let all = seqs(&store, (organization, id), Side::Agent, Position::Newest, 200).await;
        assert_eq!(all, (1..=100).collect::<Vec<_>>());
    }
    assert_eq!(deliveries(&scratch.db, organization).await, 16);
}

async fn several_processes_begin_one_thread_once(scratch: ScratchDatabase) {
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Store::new(scratch.reconnect().await));
    }
    for _ in 0..10 {
        let (organization, id) = somewhere();
        let one = NewMessage { organization, ..message(id, contact(id), Kind::Text, "hello") };
        let sends = stores.iter().flat_map(|store| {
            let batch =
                || vec![NewMessage { id: MessageId(uuid()), delivery: uuid(), ..one.clone() }; 3];
            [store.send_patiently(batch()), store.send_patiently(batch())]
        });
        let sent: Vec<_> =
            join_all(sends).await.into_iter().flatten().map(Result::unwrap).collect();
        assert_eq!(sent.len(), 24);
        let first = sent.iter().find_map(Sent::fresh).unwrap().clone();
        assert_eq!(sent.iter().filter(|sent| sent.fresh().is_some()).count(), 1);
        let repeated = Sent::Repeated(first);
        assert!(sent.iter().all(|sent| sent.fresh().is_some() || *sent == repeated));
        assert_eq!(deliveries(&scratch.db, organization).await, 1);
    }
}

async fn batches_and_folds_wait_in_one_order_and_lose_nothing(scratch: ScratchDatabase) {
    const THREADS: usize = 12;
    const ROUNDS: usize = 20;
    let organization = OrganizationId(uuid());
    let threads: Vec<_> = (0..THREADS).map(|_| ConversationId(uuid())).collect();
    let mut tasks = Vec::new();
    for process in 0..3_usize {
        let store = Store::new(scratch.reconnect_to_stay_in_deadlocks().await);
        let mut order = threads.clone();
        order.rotate_left(process * 5);
        tasks.push(tokio::spawn(async move {
            let mut stored = Vec::new();
            for _ in 0..ROUNDS {
                let new = |id: &ConversationId| NewMessage {
                    organization,
                    ..message(*id, contact(*id), Kind::Text, "hello")
                };
                let sends: Vec<_> = order.iter().map(new).collect();
                let ids: Vec<_> = sends.iter().map(|new| new.id).collect();
                for (sent, id) in store.send_all(sends.into()).await.into_iter().zip(ids) {
                    assert_eq!(sent.unwrap().fresh().unwrap().id, id);
                    stored.push(id);
                }
            }
            stored
        }));
    }
    // All end up in the middle one, so that sources lie before and behind their target.
    let store = Store::new(scratch.reconnect_to_stay_in_deadlocks().await);
    let target = threads[THREADS / 2];
    for source in threads.iter().copied().filter(|id| *id != target) {
        let fold = NewFold { source, target, join: uuid(), now: NOW };
        assert!(store.fold(organization, fold).await.unwrap().ended);
    }
    let mut acknowledged: Vec<_> =
        join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let mut stored = Vec::new();
    let mut last = 0;
    loop {
        let (page, _) = store.messages_after(organization, target, last, size(200)).await.unwrap();
        for message in &page {
            last += 1;
            assert_eq!(message.seq, last);
        }
        if page.is_empty() {
            break;
        }
        stored.extend(page.iter().filter(|one| one.kind == Kind::Text).map(|one| one.id));
    }
    acknowledged.sort_unstable();
    stored.sort_unstable();
    assert_eq!(stored.len(), 3 * ROUNDS * THREADS);
    assert!(stored == acknowledged, "each once, in the one thread that is left");
}

async fn longest_texts_come_back_byte_for_byte(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (organization, id) = somewhere();
    let mut texts: Vec<_> =
        ["😀", "ש\u{202e}", "\u{feff}", "\u{1}", "\"\\\r\n\u{2028}", "\u{10ffff}", "{[,"]
            .iter()
            .map(|part| part.chars().cycle().take(20_000).collect::<String>())
            .collect();
    texts.push(" ".to_owned());
    let sends = texts.iter().map(|text| {
        let new = message(id, contact(id), Kind::Text, "hello");
        NewMessage { organization, text: Text::new(text.clone()).unwrap(), ..new }
    });
    for sent in store.send_all(sends.collect::<Vec<_>>().into()).await {
        sent.unwrap().fresh().unwrap();
    }
    for (seq, text) in (1..).zip(&texts) {
        let (page, _) = store.messages_after(organization, id, seq - 1, size(1)).await.unwrap();
        assert_eq!(page[0].text.as_str(), text);
    }
}
