//! Folds and erasures.

use super::*;
use crate::{
    domain::Status,
    store::{Assigned, Folded, NewFold},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_fold_appends_the_thread_behind_an_event_once,
    sends_and_retries_to_the_source_follow_it,
    a_message_sent_under_both_names_is_one_and_a_taken_id_loses_no_message,
    unread_counts_hold_after_a_fold,
    a_fold_into_nothing_begins_it_and_one_of_nothing_leaves_a_mark,
    folds_follow_one_another_in_any_order,
    what_is_erased_stays_erased,
    sends_and_folds_at_once_lose_and_double_nothing,
    a_long_thread_is_folded_in_one_go,
}

fn fold_of(source: ConversationId, target: ConversationId) -> NewFold {
    NewFold { source, target, join: uuid(), now: NOW }
}

/// An organization and two conversations in it.
fn two() -> (OrganizationId, ConversationId, ConversationId) {
    (OrganizationId(uuid()), ConversationId(uuid()), ConversationId(uuid()))
}

async fn all(store: &Store, of: OrganizationId, id: ConversationId, side: Side) -> Vec<Message> {
    let history = store.history(of, id, side, Position::Newest, size(200)).await.unwrap();
    history.map(|history| history.messages.to_vec()).unwrap_or_default()
}

async fn listed(store: &Store, of: OrganizationId) -> Vec<ConversationId> {
    let query = ListQuery {
        status: None,
        assigned: Assigned::Any,
        behind: None,
        since: None,
        size: size(0),
    };
    let page = store.list(of, query).await.unwrap();
    page.summaries.iter().map(|one| one.conversation.id).collect()
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

async fn say(store: &Store, of: OrganizationId, id: ConversationId, text: &str) -> NewMessage {
    let new = message(id, contact(id), Kind::Text, text);
    stored(store.send(of, new.clone()).await.unwrap());
    new
}

async fn a_fold_appends_the_thread_behind_an_event_once(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    say(&store, of, target, "t1").await;
    stored(store.send(of, message(target, agent(), Kind::Note, "t2")).await.unwrap());
    let early = Timestamp::from_micros(NOW.micros() - 1_000_000);
    let first = NewMessage { now: early, ..message(source, contact(source), Kind::Text, "s1") };
    stored(store.send(of, first.clone()).await.unwrap());
    stored(store.send(of, message(source, agent(), Kind::Note, "s2")).await.unwrap());
    stored(store.send(of, message(source, agent(), Kind::Text, "s3")).await.unwrap());

    let new = fold_of(source, target);
    let folded = store.fold(of, new).await.unwrap();
    assert_eq!(folded, Folded { into: Some(target), ended: true, last_seq: Some(6) });
    let seen = all(&store, of, target, Side::Agent).await;
    assert_eq!(seen.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(texts(&seen)[..2], ["t1", "t2"]);
    assert_eq!(texts(&seen)[3..], ["s1", "s2", "s3"]);
    let event = &seen[2];
    assert_eq!((event.kind, event.author.kind), (Kind::Mark, AuthorKind::System));
    assert_eq!((event.id.0, event.author.id), (new.join, source.0));
    assert_eq!((seen[3].id, seen[3].created_at), (first.id, early));
    assert_eq!(seen[3].client_message_id, Some(first.client_message_id));
    assert_eq!(seen[3].author, contact(target));
    assert_eq!(seen[4].author, agent());
    let contacts = all(&store, of, target, Side::Contact).await;
    let chain: Vec<_> = contacts.iter().map(|m| (m.prev_seq(Side::Contact), m.seq)).collect();
    assert_eq!(chain, [(0, 1), (1, 3), (3, 4), (4, 6)]);

    // Again, under the same or another join: nothing.
    for again in [new, fold_of(source, target)] {
        let folded = store.fold(of, again).await.unwrap();
        assert_eq!(folded, Folded { into: Some(target), ended: false, last_seq: None });
    }
    assert_eq!(all(&store, of, target, Side::Agent).await, seen);
    // The source is gone from the list; agents who ask for it read the target, its contact nothing.
    let listed = listed(&store, of).await;
    assert_eq!(listed, [target]);
    assert_eq!(all(&store, of, source, Side::Agent).await, seen);
    let summary = store.summary(of, source, Side::Agent).await.unwrap().unwrap();
    assert_eq!((summary.conversation.id, summary.last_message.unwrap().seq), (target, 6));
    assert!(store.summary(of, source, Side::Contact).await.unwrap().is_none());
    assert!(all(&store, of, source, Side::Contact).await.is_empty());
    assert!(store.mark_read(of, source, Side::Agent, 1).await.unwrap().is_none());
    assert!(store.heads(of, &[source]).await.unwrap()[0].ended);
    // Another organization's ids name nothing.
    let foreign = OrganizationId(uuid());
    store.fold(foreign, fold_of(target, source)).await.unwrap();
    assert_eq!(all(&store, of, target, Side::Agent).await, seen);
}

async fn sends_and_retries_to_the_source_follow_it(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    say(&store, of, target, "t1").await;
    let sent = say(&store, of, source, "s1").await;
    store.fold(of, fold_of(source, target)).await.unwrap();
    let Sent::Repeated(moved) = store.send(of, sent.clone()).await.unwrap() else {
        panic!("not known again");
    };
    assert_eq!((moved.id, moved.conversation, moved.seq), (sent.id, target, 3));
    let other = NewMessage { text: Text::new("other".to_owned()).unwrap(), ..sent };
    assert_eq!(store.send(of, other).await.unwrap(), Sent::IdReused);
    let late =
        stored(store.send(of, message(source, contact(source), Kind::Text, "late")).await.unwrap());
    assert_eq!((late.conversation, late.seq, late.author), (target, 4, contact(target)));
    let answer = stored(store.send(of, message(source, agent(), Kind::Text, "ok")).await.unwrap());
    assert_eq!((answer.conversation, answer.seq), (target, 5));
}

async fn a_message_sent_under_both_names_is_one_and_a_taken_id_loses_no_message(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    let same = say(&store, of, source, "same").await;
    let taken = say(&store, of, source, "one").await;
    let again = |new: &NewMessage, text: &str| NewMessage {
        client_message_id: new.client_message_id,
        ..message(target, contact(target), Kind::Text, text)
    };
    stored(store.send(of, again(&same, "same")).await.unwrap());
    stored(store.send(of, again(&taken, "other")).await.unwrap());
    store.fold(of, fold_of(source, target)).await.unwrap();
    let seen = all(&store, of, target, Side::Agent).await;
    assert_eq!(texts(&seen)[..2], ["same", "other"]);
    assert_eq!(texts(&seen)[3..], ["one"]);
    assert_eq!(seen[3].client_message_id, None);
    assert_eq!(seen.last().unwrap().seq, 4);
}

async fn unread_counts_hold_after_a_fold(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    // Which marks are set before the fold, and what is unread after it: of the target's two texts
    // and the source's two a side, the source's first read everywhere.
    for (target_read, contact_unread, agent_unread) in [(true, 1, 1), (false, 4, 4)] {
        let (of, source, target) = two();
        for id in [target, source] {
            for _ in 0..2 {
                write(&store, (of, id), contact(id), Kind::Text).await;
                write(&store, (of, id), agent(), Kind::Text).await;
            }
        }
        for side in [Side::Contact, Side::Agent] {
            store.mark_read(of, source, side, 2).await.unwrap();
            if target_read {
                store.mark_read(of, target, side, 4).await.unwrap();
            }
        }
        store.fold(of, fold_of(source, target)).await.unwrap();
        let now = store.summary(of, target, Side::Agent).await.unwrap().unwrap().conversation;
        assert_eq!((now.contact.unread, now.agent.unread), (contact_unread, agent_unread));
        for side in [Side::Contact, Side::Agent] {
            let marked = store.mark_read(of, target, side, 99).await.unwrap();
            assert_eq!(marked, Some(Marked { seq: 9, moved: true }));
        }
        let now = store.summary(of, target, Side::Agent).await.unwrap().unwrap().conversation;
        assert_eq!((now.contact.unread, now.agent.unread, now.status), (0, 0, Status::Open));
    }
}

async fn a_fold_into_nothing_begins_it_and_one_of_nothing_leaves_a_mark(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    say(&store, of, source, "s1").await;
    assert_eq!(store.fold(of, fold_of(source, target)).await.unwrap().last_seq, Some(2));
    let seen = all(&store, of, target, Side::Contact).await;
    assert_eq!(seen.iter().map(|m| m.kind).collect::<Vec<_>>(), [Kind::Mark, Kind::Text]);

    // Of notes alone the contact sees nothing.
    let (of, source, target) = two();
    say(&store, of, target, "t1").await;
    let note = NewMessage { begins: true, ..message(source, agent(), Kind::Note, "n1") };
    stored(store.send(of, note).await.unwrap());
    assert_eq!(store.fold(of, fold_of(source, target)).await.unwrap().last_seq, Some(3));
    assert_eq!(texts(&all(&store, of, target, Side::Contact).await), ["t1"]);
    assert_eq!(all(&store, of, target, Side::Agent).await[1].kind, Kind::Event);

    let (of, source, target) = two();
    let folded = store.fold(of, fold_of(source, target)).await.unwrap();
    assert_eq!(folded, Folded { into: Some(target), ended: true, last_seq: None });
    assert!(store.summary(of, target, Side::Agent).await.unwrap().is_none());
    // Whoever still writes to the source writes to the target.
    let late = message(source, contact(source), Kind::Text, "late");
    let late = stored(store.send(of, late).await.unwrap());
    assert_eq!((late.conversation, late.seq), (target, 1));
    assert_eq!(listed(&store, of).await.len(), 1);
}

async fn folds_follow_one_another_in_any_order(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    for late in [false, true] {
        let (of, a, b) = two();
        let c = ConversationId(uuid());
        for (id, text) in [(a, "a"), (b, "b"), (c, "c")] {
            say(&store, of, id, text).await;
        }
        let mut folds = [fold_of(a, b), fold_of(b, c)];
        if late {
            folds.reverse();
        }
        for fold in folds {
            assert!(store.fold(of, fold).await.unwrap().ended);
        }
        let seen = all(&store, of, c, Side::Agent).await;
        let mut said: Vec<_> =
            seen.iter().filter(|m| m.kind == Kind::Text).map(|m| m.text.as_str()).collect();
        said.sort_unstable();
        assert_eq!(said, ["a", "b", "c"]);
        assert!(seen.iter().zip(1..).all(|(message, seq)| message.seq == seq));
        let sent = message(a, contact(a), Kind::Text, "late");
        assert_eq!(stored(store.send(of, sent).await.unwrap()).conversation, c);
        // A ring is none.
        let back = store.fold(of, fold_of(c, a)).await.unwrap();
        assert_eq!(back, Folded { into: Some(c), ended: false, last_seq: None });
        assert!(!all(&store, of, c, Side::Agent).await.is_empty());
    }
}

async fn what_is_erased_stays_erased(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    say(&store, of, target, "t1").await;
    say(&store, of, source, "s1").await;
    assert_eq!(deliveries(&scratch.db, of).await, 2);
    assert!(store.erase(of, target, NOW).await.unwrap());
    assert!(!store.erase(of, target, NOW).await.unwrap());
    assert_eq!(deliveries(&scratch.db, of).await, 1);
    assert!(store.summary(of, target, Side::Agent).await.unwrap().is_none());
    for author in [contact(target), agent()] {
        let late = message(target, author, Kind::Text, "late");
        assert_eq!(store.send(of, late).await.unwrap(), Sent::NoConversation);
    }
    // What comes to be folded into it is erased with it.
    let folded = store.fold(of, fold_of(source, target)).await.unwrap();
    assert_eq!(folded, Folded { into: None, ended: true, last_seq: None });
    assert!(all(&store, of, source, Side::Agent).await.is_empty());
    let late = message(source, contact(source), Kind::Text, "late");
    assert_eq!(store.send(of, late).await.unwrap(), Sent::NoConversation);
    assert!(listed(&store, of).await.is_empty());
    assert_eq!(deliveries(&scratch.db, of).await, 0);
    // One that was never begun can't be begun either.
    let never = ConversationId(uuid());
    assert!(store.erase(of, never, NOW).await.unwrap());
    let late = message(never, contact(never), Kind::Text, "late");
    assert_eq!(store.send(of, late).await.unwrap(), Sent::NoConversation);
}

async fn sends_and_folds_at_once_lose_and_double_nothing(scratch: ScratchDatabase) {
    const EACH: usize = 12;
    let stores = [Store::new(scratch.db.clone()), Store::new(scratch.reconnect().await)];
    let (of, a, b) = two();
    let c = ConversationId(uuid());
    let sends = (0..EACH * 3).map(|n| {
        let (store, id) = (&stores[n % 2], [a, b, c][n % 3]);
        let new = message(id, contact(id), Kind::Text, &n.to_string());
        async move {
            stored(store.send(of, new).await.unwrap());
        }
    });
    let (one, two) = (fold_of(a, b), fold_of(b, c));
    let folds = [one, two, one, two].into_iter().zip([0, 1, 1, 0]).map(|(fold, store)| {
        let store = &stores[store];
        async move {
            store.fold(of, fold).await.unwrap();
        }
    });
    futures::join!(join_all(sends), join_all(folds));
    let seen = all(&stores[0], of, c, Side::Agent).await;
    assert!(seen.iter().zip(1..).all(|(message, seq)| message.seq == seq));
    let mut said: Vec<usize> = seen
        .iter()
        .filter(|message| message.kind == Kind::Text)
        .map(|message| message.text.as_str().parse().unwrap())
        .collect();
    said.sort_unstable();
    assert_eq!(said, (0..EACH * 3).collect::<Vec<_>>());
    assert!(all(&stores[0], of, a, Side::Contact).await.is_empty());
}

async fn a_long_thread_is_folded_in_one_go(scratch: ScratchDatabase) {
    const LONG: i64 = 20_000;
    let store = Store::new(scratch.db.clone());
    let (of, source, target) = two();
    say(&store, of, target, "t1").await;
    say(&store, of, source, "1").await;
    let rows = "INSERT INTO messages (organization_id, conversation_id, seq, id,
            client_message_id, author_kind, author_id, kind, body, prev_public_seq, created_at)
        WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $3)
        SELECT m.organization_id, m.conversation_id, n.i, m.id, NULL, 1, m.author_id, 1, 'more',
            n.i - 1, m.created_at
        FROM messages m CROSS JOIN n WHERE m.organization_id = $1 AND m.conversation_id = $2";
    let count = "UPDATE conversations SET last_seq = $3, last_public_seq = $3, agent_unread = $3
        WHERE organization_id = $1 AND id = $2";
    for text in [rows, count] {
        let fill = scratch.db.write("test.fill", move |mut conn| {
            Box::pin(async move {
                on!(&mut conn, |c| sqlx::query(text)
                    .bind(of.0)
                    .bind(source.0)
                    .bind(LONG)
                    .execute(&mut **c)
                    .await
                    .map(drop))?;
                Ok(())
            })
        });
        fill.await.unwrap();
    }
    let folded = store.fold(of, fold_of(source, target)).await.unwrap();
    assert_eq!(folded.last_seq, Some(LONG + 2));
    let seen = all(&store, of, target, Side::Contact).await;
    let last = seen.last().unwrap();
    assert_eq!((last.seq, last.prev_seq(Side::Contact)), (LONG + 2, LONG + 1));
    let now = store.summary(of, target, Side::Agent).await.unwrap().unwrap().conversation;
    assert_eq!(now.agent.unread, LONG + 1);
}
