//! A batch does what its sends would do alone, in their order, whatever other processes write.

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Handle;

use super::{batch_model as model, *};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    batches_do_what_a_model_does,
    a_send_that_cannot_be_stored_fails_alone,
    batches_of_several_processes_lock_in_one_order,
    several_processes_begin_a_conversation_once,
    batches_and_merges_lock_in_one_order_and_lose_nothing,
    the_longest_texts_are_returned_byte_for_byte,
}

async fn batches_do_what_a_model_does(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let steps = prop::collection::vec(model::step(), 1..16);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(32));
    let done = runner.run(&steps, |steps| {
        tokio::task::block_in_place(|| Handle::current().block_on(model::follow(&app, &steps)));
        Ok(())
    });
    done.unwrap();
}

async fn a_send_that_cannot_be_stored_fails_alone(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let conversations: Vec<_> = (0..5).map(|_| ConversationId(uuid())).collect();
    let round = || {
        let new = |id: &ConversationId| {
            let new = message(*id, contact(*id), MessageKind::Text, "hello");
            NewMessage { organization, ..new }
        };
        conversations.iter().map(new).collect::<Vec<_>>()
    };
    assert!(app.send_batch(round()).await.iter().all(Result::is_ok));
    let broken = conversations[2];
    let mut conn = scratch.db.writer("test.corrupt").await.unwrap();
    let corrupt = conn.query("UPDATE conversations SET status = 77 WHERE id = $1").bind(broken.0);
    corrupt.execute().await.unwrap();
    drop(conn);

    for (sent, id) in app.send_batch(round()).await.into_iter().zip(&conversations) {
        if *id == broken {
            assert_eq!(sent.unwrap_err().reason, Reason::Internal, "a retry would fail as well");
        } else {
            assert_eq!(sent.unwrap().stored().unwrap().seq, 2);
            let key = (organization, *id);
            assert_eq!(seqs(&app, key, Side::Agent, PagePosition::Newest, 0).await, [1, 2]);
        }
    }
}

async fn batches_of_several_processes_lock_in_one_order(scratch: ScratchDatabase) {
    let organization = OrganizationId(uuid());
    let conversations: Vec<_> = (0..16).map(|_| ConversationId(uuid())).collect();
    let app = TestApp::new(scratch.db.clone());
    let mut tasks = Vec::new();
    for process in 0..4_usize {
        let other = TestApp::new(scratch.reconnect_without_deadlock_detection().await);
        let mut order = conversations.clone();
        // Each has its own order.
        order.rotate_left(process * 5);
        if process % 2 == 1 {
            order.reverse();
        }
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                let new = |id: &ConversationId| NewMessage {
                    organization,
                    ..message(*id, contact(*id), MessageKind::Text, "hello")
                };
                let sends: Vec<_> = order.iter().map(new).collect();
                assert!(other.send_batch(sends).await.iter().all(Result::is_ok));
            }
        }));
    }
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for id in conversations {
        let all = seqs(&app, (organization, id), Side::Agent, PagePosition::Newest, 200).await;
        assert_eq!(all, (1..=100).collect::<Vec<_>>());
    }
    assert_eq!(deliveries(&scratch.db, organization).await, 16);
}

async fn several_processes_begin_a_conversation_once(scratch: ScratchDatabase) {
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(TestApp::new(scratch.reconnect().await));
    }
    for _ in 0..10 {
        let (organization, id) = new_key();
        let one =
            NewMessage { organization, ..message(id, contact(id), MessageKind::Text, "hello") };
        let sends = apps.iter().flat_map(|app| {
            let batch = || {
                vec![NewMessage { id: MessageId(uuid()), delivery_id: uuid(), ..one.clone() }; 3]
            };
            [app.send_batch_until_settled(batch()), app.send_batch_until_settled(batch())]
        });
        let sent: Vec<_> =
            join_all(sends).await.into_iter().flatten().map(Result::unwrap).collect();
        assert_eq!(sent.len(), 24);
        let first = sent.iter().find_map(SendOutcome::stored).unwrap().clone();
        assert_eq!(sent.iter().filter(|sent| sent.stored().is_some()).count(), 1);
        let repeated = SendOutcome::Repeated(first);
        assert!(sent.iter().all(|sent| sent.stored().is_some() || *sent == repeated));
        assert_eq!(deliveries(&scratch.db, organization).await, 1);
    }
}

async fn batches_and_merges_lock_in_one_order_and_lose_nothing(scratch: ScratchDatabase) {
    const CONVERSATIONS: usize = 12;
    const ROUNDS: usize = 20;
    let organization = OrganizationId(uuid());
    let conversations: Vec<_> = (0..CONVERSATIONS).map(|_| ConversationId(uuid())).collect();
    let mut tasks = Vec::new();
    for process in 0..3_usize {
        let app = TestApp::new(scratch.reconnect_without_deadlock_detection().await);
        let mut order = conversations.clone();
        order.rotate_left(process * 5);
        tasks.push(tokio::spawn(async move {
            let mut stored = Vec::new();
            for _ in 0..ROUNDS {
                let new = |id: &ConversationId| NewMessage {
                    organization,
                    ..message(*id, contact(*id), MessageKind::Text, "hello")
                };
                let sends: Vec<_> = order.iter().map(new).collect();
                let ids: Vec<_> = sends.iter().map(|new| new.id).collect();
                for (sent, id) in app.send_batch(sends).await.into_iter().zip(ids) {
                    assert_eq!(sent.unwrap().stored().unwrap().id, id);
                    stored.push(id);
                }
            }
            stored
        }));
    }
    // All end up in the middle one, so that sources lie before and after their target.
    let app = TestApp::new(scratch.reconnect_without_deadlock_detection().await);
    let target = conversations[CONVERSATIONS / 2];
    for source in conversations.iter().copied().filter(|id| *id != target) {
        let merge = Merge { source, target, id: uuid(), now: NOW };
        assert!(app.merge(organization, merge).await.is_source_removed);
    }
    let mut acknowledged: Vec<_> =
        join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let mut stored = Vec::new();
    let mut last = 0;
    loop {
        let (page, _) = app.messages_after(organization, target, last, size(200)).await;
        for message in &page {
            last += 1;
            assert_eq!(message.seq, last);
        }
        if page.is_empty() {
            break;
        }
        stored.extend(page.iter().filter(|one| one.kind == MessageKind::Text).map(|one| one.id));
    }
    acknowledged.sort_unstable();
    stored.sort_unstable();
    assert_eq!(stored.len(), 3 * ROUNDS * CONVERSATIONS);
    assert!(stored == acknowledged, "each once, in the one thread that is left");
}

async fn the_longest_texts_are_returned_byte_for_byte(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, id) = new_key();
    let mut texts: Vec<_> =
        ["😀", "ש\u{202e}", "\u{feff}", "\u{1}", "\"\\\r\n\u{2028}", "\u{10ffff}", "{[,"]
            .iter()
            .map(|part| part.chars().cycle().take(20_000).collect::<String>())
            .collect();
    texts.push(" ".to_owned());
    let sends = texts.iter().map(|text| {
        let new = message(id, contact(id), MessageKind::Text, "hello");
        NewMessage { organization, text: Text::new(text.clone()).unwrap(), ..new }
    });
    for sent in app.send_batch(sends.collect::<Vec<_>>()).await {
        sent.unwrap().stored().unwrap();
    }
    for (seq, text) in (1..).zip(&texts) {
        let (page, _) = app.messages_after(organization, id, seq - 1, size(1)).await;
        assert_eq!(page[0].text.as_str(), text);
    }
}
