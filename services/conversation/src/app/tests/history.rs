//! Pages of messages, and read marks.

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    contacts_see_no_notes_and_their_numbers_skip_them,
    pages_of_messages_are_where_they_were_asked_for,
    a_cached_history_is_used_only_while_it_is_current,
    a_page_of_long_messages_is_shorter,
    unread_counts_texts_of_the_other_side_after_the_mark,
}

async fn contacts_see_no_notes_and_their_numbers_skip_them(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    write(&app, key, contact(key.1), MessageKind::Text).await;
    write(&app, key, agent(), MessageKind::Note).await;
    write(&app, key, agent(), MessageKind::Text).await;
    write(&app, key, agent(), MessageKind::Note).await;

    assert_eq!(seqs(&app, key, Side::Agent, PagePosition::Newest, 0).await, [1, 2, 3, 4]);
    let seen = app.history(key.0, key.1, Side::Contact, PagePosition::Newest, size(0)).await;
    let seen = seen.unwrap();
    let chain: Vec<_> = seen.messages.iter().map(|m| (m.prev_seq(Side::Contact), m.seq)).collect();
    assert_eq!(chain, [(0, 1), (1, 3)]);
    assert_eq!(seen.conversation.last_seq(Side::Contact), 3);
    let last = app.summary(key.0, key.1, Side::Contact).await.unwrap().last_message;
    assert_eq!(last.unwrap().seq, 3);
    let last = app.summary(key.0, key.1, Side::Agent).await.unwrap().last_message;
    assert_eq!(last.unwrap().seq, 4);
}

async fn pages_of_messages_are_where_they_were_asked_for(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    for _ in 0..7 {
        write(&app, key, contact(key.1), MessageKind::Text).await;
    }
    assert_eq!(seqs(&app, key, Side::Agent, PagePosition::After(2), 3).await, [3, 4, 5]);
    assert_eq!(seqs(&app, key, Side::Agent, PagePosition::Before(6), 3).await, [3, 4, 5]);
    assert_eq!(seqs(&app, key, Side::Contact, PagePosition::Newest, 3).await, [5, 6, 7]);
    assert!(seqs(&app, key, Side::Contact, PagePosition::After(7), 3).await.is_empty());
    assert!(seqs(&app, key, Side::Contact, PagePosition::Before(1), 3).await.is_empty());
}

async fn a_cached_history_is_used_only_while_it_is_current(scratch: ScratchDatabase) {
    let (reader, other) =
        (TestApp::new(scratch.db.clone()), TestApp::new(scratch.reconnect().await));
    let key = new_key();
    let read = async |side| {
        let history = reader.history(key.0, key.1, side, PagePosition::Newest, size(3)).await;
        let history = history.unwrap();
        let seqs: Vec<_> = history.messages.iter().map(|one| one.seq).collect();
        (seqs, history.conversation.last_seq(side), history.conversation.read_state(side).unread)
    };
    let (contacts, agents) = (Side::Contact, Side::Agent);
    // Each step by another process; what was told before each is kept here.
    for _ in 0..4 {
        write(&other, key, contact(key.1), MessageKind::Text).await;
    }
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![2, 3, 4], 4, 0));
        assert_eq!(read(agents).await, (vec![2, 3, 4], 4, 4));
    }
    write(&other, key, agent(), MessageKind::Note).await;
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![2, 3, 4], 4, 0));
        assert_eq!(read(agents).await, (vec![3, 4, 5], 5, 4));
    }
    write(&other, key, agent(), MessageKind::Text).await;
    for _ in 0..2 {
        assert_eq!(read(contacts).await, (vec![3, 4, 6], 6, 1));
        assert_eq!(read(agents).await, (vec![4, 5, 6], 6, 4));
    }
    other.mark_read(key.0, key.1, contacts, 6).await;
    assert_eq!(read(contacts).await, (vec![3, 4, 6], 6, 0));
    assert_eq!(seqs(&reader, key, contacts, PagePosition::Newest, 2).await, [4, 6]);
    assert_eq!(seqs(&reader, key, contacts, PagePosition::Before(6), 3).await, [2, 3, 4]);
    let foreign = OrganizationId(uuid());
    let elsewhere = reader.history(foreign, key.1, contacts, PagePosition::Newest, size(3)).await;
    assert!(elsewhere.is_some_and(|history| history.messages.is_empty()));
    other.erase(key.0, key.1).await;
    for side in [contacts, agents] {
        let erased = reader.history(key.0, key.1, side, PagePosition::Newest, size(3)).await;
        assert!(erased.is_none());
    }
}

async fn a_page_of_long_messages_is_shorter(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    let long = "😀".repeat(20_000);
    for _ in 0..20 {
        let one = message(key.1, contact(key.1), MessageKind::Text, &long);
        stored(app.send(key.0, one).await.unwrap());
    }
    let (page, more) = app.messages_after(key.0, key.1, 2, size(200)).await;
    assert!(more && page.len() < 18, "{} messages", page.len());
    assert_eq!(page[0].seq, 3);
    assert_eq!(page[0].text.as_str(), long);
    let newest = seqs(&app, key, Side::Agent, PagePosition::Newest, 200).await;
    assert_eq!(newest.last(), Some(&20));
    assert!(newest.len() < 20);
}

async fn unread_counts_texts_of_the_other_side_after_the_mark(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let key = new_key();
    write(&app, key, contact(key.1), MessageKind::Text).await;
    write(&app, key, agent(), MessageKind::Note).await;
    write(&app, key, contact(key.1), MessageKind::Text).await;
    write(&app, key, agent(), MessageKind::Text).await;
    write(&app, key, agent(), MessageKind::Note).await;

    let unread = async |side| {
        app.summary(key.0, key.1, side).await.unwrap().conversation.read_state(side).unread
    };
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (2, 1));
    let mark = async |side, seq| app.mark_read(key.0, key.1, side, seq).await.unwrap();
    assert_eq!(mark(Side::Agent, 2).await, (2, true));
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (1, 1));
    assert_eq!(mark(Side::Agent, 1).await, (2, false));
    assert_eq!(mark(Side::Agent, 99).await, (5, true));
    // A contact's mark goes no further than what it can see.
    assert_eq!(mark(Side::Contact, 99).await, (4, true));
    assert_eq!((unread(Side::Agent).await, unread(Side::Contact).await), (0, 0));
}
