//! Storing messages one at a time.

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_repeated_send_returns_the_stored_message_and_another_text_an_error,
    an_agent_needs_a_conversation_of_its_organization,
    the_first_message_of_the_contact_writes_one_delivery,
    a_text_reopens_with_an_event_before_it_and_its_repeat_does_not,
    an_agent_may_write_first_and_only_the_contacts_first_message_is_delivered,
    twenty_equal_concurrent_sends_are_one_message,
    sixteen_concurrent_senders_leave_no_gap,
}

async fn a_repeated_send_returns_the_stored_message_and_another_text_an_error(
    scratch: ScratchDatabase,
) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, conversation) = new_key();
    let first = message(conversation, contact(conversation), MessageKind::Text, "hello");
    let original = stored(app.send(organization, first.clone()).await.unwrap());
    assert_eq!((original.seq, original.created_at), (1, NOW));

    let later =
        NewMessage { id: MessageId(uuid()), now: Timestamp::from_micros(0), ..first.clone() };
    assert_eq!(
        app.send(organization, later).await.unwrap(),
        SendOutcome::Repeated(original.clone())
    );
    let other = NewMessage { text: Text::new("Hello".to_owned()).unwrap(), ..first.clone() };
    assert_eq!(app.send(organization, other).await.unwrap(), SendOutcome::IdReused);
    // Client ids are the author's own.
    let agents = NewMessage { author: agent(), id: MessageId(uuid()), ..first.clone() };
    assert_eq!(stored(app.send(organization, agents.clone()).await.unwrap()).seq, 2);
    let note = NewMessage { kind: MessageKind::Note, ..agents };
    assert_eq!(app.send(organization, note).await.unwrap(), SendOutcome::IdReused);

    assert_eq!(
        seqs(&app, (organization, conversation), Side::Agent, PagePosition::Newest, 0).await,
        [1, 2]
    );
}

async fn an_agent_needs_a_conversation_of_its_organization(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, conversation) = new_key();
    let early = message(conversation, agent(), MessageKind::Text, "hello");
    assert_eq!(app.send(organization, early.clone()).await.unwrap(), SendOutcome::NoConversation);
    write(&app, (organization, conversation), contact(conversation), MessageKind::Text).await;
    assert_eq!(stored(app.send(organization, early.clone()).await.unwrap()).seq, 2);

    let foreign = OrganizationId(uuid());
    assert_eq!(app.send(foreign, early).await.unwrap(), SendOutcome::NoConversation);
    let history = app.history(foreign, conversation, Side::Agent, PagePosition::Newest, size(0));
    assert!(history.await.is_some_and(|history| history.messages.is_empty()));
    assert!(app.summary(foreign, conversation, Side::Agent).await.is_none());
    assert!(app.mark_read(foreign, conversation, Side::Agent, 1).await.is_none());
    assert!(app.heads(foreign, &[conversation]).await.is_empty());
    assert!(app.list(foreign, ALL).await.summaries.is_empty());
}

async fn the_first_message_of_the_contact_writes_one_delivery(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    for _ in 0..3 {
        write(&app, key, contact(key.1), MessageKind::Text).await;
        write(&app, key, agent(), MessageKind::Text).await;
    }
    assert_eq!(deliveries(&scratch.db, key.0).await, 1);
}

async fn a_text_reopens_with_an_event_before_it_and_its_repeat_does_not(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    let hello = message(key.1, contact(key.1), MessageKind::Text, "hello");
    stored(app.send(key.0, hello.clone()).await.unwrap());
    app.update(key.0, key.1, set_status(Status::Closed)).await;
    let status = async || app.summary(key.0, key.1, Side::Agent).await.unwrap().conversation.status;
    // Neither a repeat, nor a note, nor a reused id reopens.
    assert!(matches!(app.send(key.0, hello.clone()).await.unwrap(), SendOutcome::Repeated(_)));
    let other = NewMessage { text: Text::new("ho".to_owned()).unwrap(), ..hello };
    assert_eq!(app.send(key.0, other).await.unwrap(), SendOutcome::IdReused);
    assert_eq!(write(&app, key, agent(), MessageKind::Note).await.seq, 3);
    assert_eq!(status().await, Status::Closed);

    let again = message(key.1, contact(key.1), MessageKind::Text, "again");
    let sent = app.send(key.0, again).await.unwrap();
    assert!(
        matches!(&sent, SendOutcome::Stored { reopened_seq: Some(4), message, .. } if message.seq == 5)
    );
    assert_eq!(status().await, Status::Open);
    let (messages, _) = app.messages_after(key.0, key.1, 3, size(0)).await;
    let texts: Vec<_> = messages.iter().map(|one| (one.seq, one.text.as_str())).collect();
    assert_eq!(texts, [(4, "reopened"), (5, "again")]);
    assert_eq!(messages[0].author, Author::system(Uuid::nil()));
    assert_eq!(messages[1].prev_seq(Side::Contact), 1);
}

async fn an_agent_may_write_first_and_only_the_contacts_first_message_is_delivered(
    scratch: ScratchDatabase,
) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    let first =
        NewMessage { may_begin: true, ..message(key.1, agent(), MessageKind::Text, "hello") };
    assert_eq!(stored(app.send(key.0, first.clone()).await.unwrap()).seq, 1);
    assert!(matches!(app.send(key.0, first).await.unwrap(), SendOutcome::Repeated(_)));
    assert_eq!(deliveries(&scratch.db, key.0).await, 0);
    let unread = app.summary(key.0, key.1, Side::Contact).await.unwrap();
    assert_eq!(unread.conversation.contact.unread, 1);
    write(&app, key, contact(key.1), MessageKind::Text).await;
    assert_eq!(deliveries(&scratch.db, key.0).await, 1);
}

async fn twenty_equal_concurrent_sends_are_one_message(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    let one = message(key.1, contact(key.1), MessageKind::Text, "hello");
    let sends = (0..20).map(|_| {
        let new = NewMessage { id: MessageId(uuid()), delivery_id: uuid(), ..one.clone() };
        app.send(key.0, new)
    });
    let sent: Vec<_> = join_all(sends).await.into_iter().map(|sent| sent.unwrap()).collect();
    let fresh = sent.iter().filter(|sent| matches!(sent, SendOutcome::Stored { .. })).count();
    assert_eq!(fresh, 1);
    let answers = sent.into_iter().map(|sent| match sent {
        SendOutcome::Stored { message, .. } | SendOutcome::Repeated(message) => message,
        other => panic!("{other:?}"),
    });
    let answers: Vec<_> = answers.collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(seqs(&app, key, Side::Agent, PagePosition::Newest, 0).await, [1]);
    assert_eq!(deliveries(&scratch.db, key.0).await, 1);
}

async fn sixteen_concurrent_senders_leave_no_gap(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    write(&app, key, contact(key.1), MessageKind::Text).await;
    let senders = (0..16_usize).map(|n| {
        let app = app.clone();
        tokio::spawn(async move {
            let (author, kind) = match n % 3 {
                0 => (contact(key.1), MessageKind::Text),
                1 => (agent(), MessageKind::Text),
                _ => (agent(), MessageKind::Note),
            };
            let mut own = Vec::new();
            for _ in 0..10 {
                own.push(write(&app, key, author, kind).await.seq);
            }
            own
        })
    });
    for own in join_all(senders).await {
        assert!(own.unwrap().is_sorted(), "a sender's order is original");
    }
    let all = seqs(&app, key, Side::Agent, PagePosition::Newest, 200).await;
    assert_eq!(all, (1..=161).collect::<Vec<_>>());

    let seen = app.history(key.0, key.1, Side::Contact, PagePosition::Newest, size(200)).await;
    let seen = seen.unwrap();
    let mut before = 0;
    for message in seen.messages.iter() {
        assert_eq!(message.prev_seq(Side::Contact), before);
        before = message.seq;
    }
    assert_eq!(seen.conversation.last_seq(Side::Contact), before);
    assert_eq!(seen.conversation.agent.unread, 1 + 6 * 10);
    assert_eq!(seen.conversation.contact.unread, 5 * 10);
}
