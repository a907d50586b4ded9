//! Merging and erasing.

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_merge_appends_the_messages_after_an_event_once,
    sends_and_retries_to_the_source_go_to_the_target,
    a_message_sent_to_both_is_one_and_a_taken_client_id_loses_no_message,
    unread_counts_are_right_after_a_merge,
    a_merge_begins_a_missing_target_and_removes_a_missing_source,
    merges_can_be_made_in_any_order,
    an_erased_conversation_stays_erased,
    concurrent_sends_and_merges_lose_and_double_nothing,
    a_long_conversation_is_merged_at_once,
}

fn merge_of(source: ConversationId, target: ConversationId) -> Merge {
    Merge { source, target, id: uuid(), now: NOW }
}

/// An organization and two conversations in it.
fn new_keys() -> (OrganizationId, ConversationId, ConversationId) {
    (OrganizationId(uuid()), ConversationId(uuid()), ConversationId(uuid()))
}

async fn all(
    app: &TestApp,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
) -> Vec<Message> {
    let history = app.history(organization, id, side, PagePosition::Newest, size(200)).await;
    history.map(|history| history.messages.to_vec()).unwrap_or_default()
}

async fn listed(app: &TestApp, organization: OrganizationId) -> Vec<ConversationId> {
    let page = app.list(organization, ALL).await;
    page.summaries.iter().map(|one| one.conversation.id).collect()
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

async fn write_text(
    app: &TestApp,
    organization: OrganizationId,
    id: ConversationId,
    text: &str,
) -> NewMessage {
    let new = message(id, contact(id), MessageKind::Text, text);
    stored(app.send(organization, new.clone()).await.unwrap());
    new
}

async fn a_merge_appends_the_messages_after_an_event_once(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    write_text(&app, organization, target, "t1").await;
    stored(
        app.send(organization, message(target, agent(), MessageKind::Note, "t2")).await.unwrap(),
    );
    let early = Timestamp::from_micros(NOW.micros() - 1_000_000);
    let first =
        NewMessage { now: early, ..message(source, contact(source), MessageKind::Text, "s1") };
    stored(app.send(organization, first.clone()).await.unwrap());
    stored(
        app.send(organization, message(source, agent(), MessageKind::Note, "s2")).await.unwrap(),
    );
    stored(
        app.send(organization, message(source, agent(), MessageKind::Text, "s3")).await.unwrap(),
    );

    let new = merge_of(source, target);
    let outcome = app.merge(organization, new).await;
    assert_eq!(
        outcome,
        MergeOutcome { target: Some(target), is_source_removed: true, last_seq: Some(6) }
    );
    let seen = all(&app, organization, target, Side::Agent).await;
    assert_eq!(seen.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(texts(&seen)[..2], ["t1", "t2"]);
    assert_eq!(texts(&seen)[3..], ["s1", "s2", "s3"]);
    let event = &seen[2];
    assert_eq!((event.kind, event.author.kind), (MessageKind::PublicEvent, AuthorKind::System));
    assert_eq!((event.id.0, event.author.id), (new.id, source.0));
    assert_eq!((seen[3].id, seen[3].created_at), (first.id, early));
    assert_eq!(seen[3].client_message_id, Some(first.client_message_id));
    assert_eq!(seen[3].author, contact(target));
    assert_eq!(seen[4].author, agent());
    let contacts = all(&app, organization, target, Side::Contact).await;
    let chain: Vec<_> = contacts.iter().map(|m| (m.prev_seq(Side::Contact), m.seq)).collect();
    assert_eq!(chain, [(0, 1), (1, 3), (3, 4), (4, 6)]);

    // A repetition, with the same or another id, changes nothing.
    for again in [new, merge_of(source, target)] {
        let outcome = app.merge(organization, again).await;
        assert_eq!(
            outcome,
            MergeOutcome { target: Some(target), is_source_removed: false, last_seq: None }
        );
    }
    assert_eq!(all(&app, organization, target, Side::Agent).await, seen);
    // The source is gone from the list. Agents read the target under its id, its contact nothing.
    let listed = listed(&app, organization).await;
    assert_eq!(listed, [target]);
    assert_eq!(all(&app, organization, source, Side::Agent).await, seen);
    let summary = app.summary(organization, source, Side::Agent).await.unwrap();
    assert_eq!((summary.conversation.id, summary.last_message.unwrap().seq), (target, 6));
    assert!(app.summary(organization, source, Side::Contact).await.is_none());
    assert!(all(&app, organization, source, Side::Contact).await.is_empty());
    assert!(app.mark_read(organization, source, Side::Agent, 1).await.is_none());
    assert!(app.heads(organization, &[source]).await[0].is_removed);
    // Another organization has no such ids.
    let foreign = OrganizationId(uuid());
    app.merge(foreign, merge_of(target, source)).await;
    assert_eq!(all(&app, organization, target, Side::Agent).await, seen);
}

async fn sends_and_retries_to_the_source_go_to_the_target(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    write_text(&app, organization, target, "t1").await;
    let sent = write_text(&app, organization, source, "s1").await;
    app.merge(organization, merge_of(source, target)).await;
    let SendOutcome::Repeated(moved) = app.send(organization, sent.clone()).await.unwrap() else {
        panic!("not repeated");
    };
    assert_eq!((moved.id, moved.conversation, moved.seq), (sent.id, target, 3));
    let other = NewMessage { text: Text::new("other".to_owned()).unwrap(), ..sent };
    assert_eq!(app.send(organization, other).await.unwrap(), SendOutcome::IdReused);
    let late = stored(
        app.send(organization, message(source, contact(source), MessageKind::Text, "late"))
            .await
            .unwrap(),
    );
    assert_eq!((late.conversation, late.seq, late.author), (target, 4, contact(target)));
    let answer = stored(
        app.send(organization, message(source, agent(), MessageKind::Text, "ok")).await.unwrap(),
    );
    assert_eq!((answer.conversation, answer.seq), (target, 5));
}

async fn a_message_sent_to_both_is_one_and_a_taken_client_id_loses_no_message(
    scratch: ScratchDatabase,
) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    let same = write_text(&app, organization, source, "same").await;
    let taken = write_text(&app, organization, source, "one").await;
    let again = |new: &NewMessage, text: &str| NewMessage {
        client_message_id: new.client_message_id,
        ..message(target, contact(target), MessageKind::Text, text)
    };
    stored(app.send(organization, again(&same, "same")).await.unwrap());
    stored(app.send(organization, again(&taken, "other")).await.unwrap());
    app.merge(organization, merge_of(source, target)).await;
    let seen = all(&app, organization, target, Side::Agent).await;
    assert_eq!(texts(&seen)[..2], ["same", "other"]);
    assert_eq!(texts(&seen)[3..], ["one"]);
    assert_eq!(seen[3].client_message_id, None);
    assert_eq!(seen.last().unwrap().seq, 4);
}

async fn unread_counts_are_right_after_a_merge(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    // Each side has two texts in each conversation, and has read the first one in the source. The
    // cases: whether it has read the target, and what is unread after the merge.
    for (target_read, contact_unread, agent_unread) in [(true, 1, 1), (false, 4, 4)] {
        let (organization, source, target) = new_keys();
        for id in [target, source] {
            for _ in 0..2 {
                write(&app, (organization, id), contact(id), MessageKind::Text).await;
                write(&app, (organization, id), agent(), MessageKind::Text).await;
            }
        }
        for side in [Side::Contact, Side::Agent] {
            app.mark_read(organization, source, side, 2).await;
            if target_read {
                app.mark_read(organization, target, side, 4).await;
            }
        }
        app.merge(organization, merge_of(source, target)).await;
        let now = app.summary(organization, target, Side::Agent).await.unwrap().conversation;
        assert_eq!((now.contact.unread, now.agent.unread), (contact_unread, agent_unread));
        for side in [Side::Contact, Side::Agent] {
            let marked = app.mark_read(organization, target, side, 99).await;
            assert_eq!(marked, Some((9, true)));
        }
        let now = app.summary(organization, target, Side::Agent).await.unwrap().conversation;
        assert_eq!((now.contact.unread, now.agent.unread, now.status), (0, 0, Status::Open));
    }
}

async fn a_merge_begins_a_missing_target_and_removes_a_missing_source(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    write_text(&app, organization, source, "s1").await;
    assert_eq!(app.merge(organization, merge_of(source, target)).await.last_seq, Some(2));
    let seen = all(&app, organization, target, Side::Contact).await;
    assert_eq!(
        seen.iter().map(|m| m.kind).collect::<Vec<_>>(),
        [MessageKind::PublicEvent, MessageKind::Text]
    );

    // The contact sees nothing of notes.
    let (organization, source, target) = new_keys();
    write_text(&app, organization, target, "t1").await;
    let note = NewMessage { may_begin: true, ..message(source, agent(), MessageKind::Note, "n1") };
    stored(app.send(organization, note).await.unwrap());
    assert_eq!(app.merge(organization, merge_of(source, target)).await.last_seq, Some(3));
    assert_eq!(texts(&all(&app, organization, target, Side::Contact).await), ["t1"]);
    assert_eq!(all(&app, organization, target, Side::Agent).await[1].kind, MessageKind::Event);

    let (organization, source, target) = new_keys();
    let outcome = app.merge(organization, merge_of(source, target)).await;
    assert_eq!(
        outcome,
        MergeOutcome { target: Some(target), is_source_removed: true, last_seq: None }
    );
    assert!(app.summary(organization, target, Side::Agent).await.is_none());
    // A late message to the source goes to the target.
    let late = message(source, contact(source), MessageKind::Text, "late");
    let late = stored(app.send(organization, late).await.unwrap());
    assert_eq!((late.conversation, late.seq), (target, 1));
    assert_eq!(listed(&app, organization).await.len(), 1);
}

async fn merges_can_be_made_in_any_order(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    for late in [false, true] {
        let (organization, a, b) = new_keys();
        let c = ConversationId(uuid());
        for (id, text) in [(a, "a"), (b, "b"), (c, "c")] {
            write_text(&app, organization, id, text).await;
        }
        let mut merges = [merge_of(a, b), merge_of(b, c)];
        if late {
            merges.reverse();
        }
        for merge in merges {
            assert!(app.merge(organization, merge).await.is_source_removed);
        }
        let seen = all(&app, organization, c, Side::Agent).await;
        let mut texts: Vec<_> =
            seen.iter().filter(|m| m.kind == MessageKind::Text).map(|m| m.text.as_str()).collect();
        texts.sort_unstable();
        assert_eq!(texts, ["a", "b", "c"]);
        assert!(seen.iter().zip(1..).all(|(message, seq)| message.seq == seq));
        let sent = message(a, contact(a), MessageKind::Text, "late");
        assert_eq!(stored(app.send(organization, sent).await.unwrap()).conversation, c);
        // Merging back changes nothing.
        let back = app.merge(organization, merge_of(c, a)).await;
        assert_eq!(
            back,
            MergeOutcome { target: Some(c), is_source_removed: false, last_seq: None }
        );
        assert!(!all(&app, organization, c, Side::Agent).await.is_empty());
    }
}

async fn an_erased_conversation_stays_erased(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    write_text(&app, organization, target, "t1").await;
    write_text(&app, organization, source, "s1").await;
    assert_eq!(deliveries(&scratch.db, organization).await, 2);
    assert!(app.erase(organization, target).await);
    assert!(!app.erase(organization, target).await);
    assert_eq!(deliveries(&scratch.db, organization).await, 1);
    assert!(app.summary(organization, target, Side::Agent).await.is_none());
    for author in [contact(target), agent()] {
        let late = message(target, author, MessageKind::Text, "late");
        assert_eq!(app.send(organization, late).await.unwrap(), SendOutcome::NoConversation);
    }
    // What is merged into it is erased.
    let outcome = app.merge(organization, merge_of(source, target)).await;
    assert_eq!(outcome, MergeOutcome { target: None, is_source_removed: true, last_seq: None });
    assert!(all(&app, organization, source, Side::Agent).await.is_empty());
    let late = message(source, contact(source), MessageKind::Text, "late");
    assert_eq!(app.send(organization, late).await.unwrap(), SendOutcome::NoConversation);
    assert!(listed(&app, organization).await.is_empty());
    assert_eq!(deliveries(&scratch.db, organization).await, 0);
    // One that never began can't begin either.
    let never = ConversationId(uuid());
    assert!(app.erase(organization, never).await);
    let late = message(never, contact(never), MessageKind::Text, "late");
    assert_eq!(app.send(organization, late).await.unwrap(), SendOutcome::NoConversation);
}

async fn concurrent_sends_and_merges_lose_and_double_nothing(scratch: ScratchDatabase) {
    const EACH: usize = 12;
    let apps = [TestApp::new(scratch.db.clone()), TestApp::new(scratch.reconnect().await)];
    let (organization, a, b) = new_keys();
    let c = ConversationId(uuid());
    let sends = (0..EACH * 3).map(|n| {
        let (app, id) = (&apps[n % 2], [a, b, c][n % 3]);
        let new = message(id, contact(id), MessageKind::Text, &n.to_string());
        async move {
            stored(app.send(organization, new).await.unwrap());
        }
    });
    let (one, two) = (merge_of(a, b), merge_of(b, c));
    let merges = [one, two, one, two].into_iter().zip([0, 1, 1, 0]).map(|(merge, app)| {
        let app = &apps[app];
        async move {
            app.merge(organization, merge).await;
        }
    });
    futures::join!(join_all(sends), join_all(merges));
    let seen = all(&apps[0], organization, c, Side::Agent).await;
    assert!(seen.iter().zip(1..).all(|(message, seq)| message.seq == seq));
    let mut texts: Vec<usize> = seen
        .iter()
        .filter(|message| message.kind == MessageKind::Text)
        .map(|message| message.text.as_str().parse().unwrap())
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..EACH * 3).collect::<Vec<_>>());
    assert!(all(&apps[0], organization, a, Side::Contact).await.is_empty());
}

async fn a_long_conversation_is_merged_at_once(scratch: ScratchDatabase) {
    const LONG: i64 = 20_000;
    let app = TestApp::new(scratch.db.clone());
    let (organization, source, target) = new_keys();
    write_text(&app, organization, target, "t1").await;
    write_text(&app, organization, source, "1").await;
    let rows = "INSERT INTO messages (organization_id, conversation_id, seq, id,
            client_message_id, author_kind, author_id, kind, body, prev_public_seq, created_at)
        WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $3)
        SELECT m.organization_id, m.conversation_id, n.i, m.id, NULL, 1, m.author_id, 1, 'more',
            n.i - 1, m.created_at
        FROM messages m CROSS JOIN n WHERE m.organization_id = $1 AND m.conversation_id = $2";
    let count = "UPDATE conversations SET last_seq = $3, last_public_seq = $3, agent_unread = $3
        WHERE organization_id = $1 AND id = $2";
    for text in [rows, count] {
        let mut conn = scratch.db.writer("test.fill").await.unwrap();
        let fill = conn.query(text).bind(organization.0).bind(source.0).bind(LONG);
        fill.execute().await.unwrap();
    }
    let outcome = app.merge(organization, merge_of(source, target)).await;
    assert_eq!(outcome.last_seq, Some(LONG + 2));
    let seen = all(&app, organization, target, Side::Contact).await;
    let last = seen.last().unwrap();
    assert_eq!((last.seq, last.prev_seq(Side::Contact)), (LONG + 2, LONG + 1));
    let now = app.summary(organization, target, Side::Agent).await.unwrap().conversation;
    assert_eq!(now.agent.unread, LONG + 1);
}
