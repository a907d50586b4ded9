//! Updates by agents.

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_update_stores_events_for_real_changes_only,
    concurrent_updates_and_sends_leave_no_gap,
}

async fn an_update_stores_events_for_real_changes_only(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    write(&app, key, contact(key.1), MessageKind::Text).await;
    let ann = AgentId(uuid());
    let both = ConversationUpdate { status: Some(Status::Closed), assignee: Some(Some(ann)) };
    let stored = async |change_| app.update(key.0, key.1, change_).await;
    assert_eq!(stored(both).await, Some(vec![2, 3]));
    for same in [both, set_status(Status::Closed), assign(Some(ann)), ConversationUpdate::default()]
    {
        assert_eq!(stored(same).await, Some(vec![]));
    }
    assert_eq!(stored(assign(None)).await, Some(vec![4]));
    assert_eq!(stored(set_status(Status::Open)).await, Some(vec![5]));
    let foreign = app.update(OrganizationId(uuid()), key.1, both).await;
    assert_eq!(foreign, None);

    let (messages, _) = app.messages_after(key.0, key.1, 1, size(0)).await;
    let texts: Vec<_> = messages.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, [&format!("assigned to {ann}"), "closed", "unassigned", "reopened"]);
    let by = Author::system(Uuid::from_u128(7));
    assert!(messages.iter().all(|event| event.author == by && event.kind == MessageKind::Event));
    assert!(messages.iter().all(|event| event.client_message_id.is_none()));
    // The contact sees none of it, and its next text goes on from its last one.
    assert_eq!(seqs(&app, key, Side::Contact, PagePosition::Newest, 0).await, [1]);
    let next = write(&app, key, contact(key.1), MessageKind::Text).await;
    assert_eq!((next.seq, next.prev_seq(Side::Contact)), (6, 1));
    let seen = app.summary(key.0, key.1, Side::Agent).await.unwrap().conversation;
    assert_eq!((seen.status, seen.assignee, seen.agent.unread), (Status::Open, None, 2));
}

async fn concurrent_updates_and_sends_leave_no_gap(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    write(&app, key, contact(key.1), MessageKind::Text).await;
    let workers = (0..8_usize).map(|n| {
        let app = app.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                if n % 2 == 0 {
                    write(&app, key, contact(key.1), MessageKind::Text).await;
                } else {
                    app.update(key.0, key.1, set_status(Status::Closed)).await.unwrap();
                }
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    let (messages, _) = app.messages_after(key.0, key.1, 0, size(200)).await;
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
    assert_eq!(messages.iter().filter(|one| one.kind == MessageKind::Text).count(), 41);
}
