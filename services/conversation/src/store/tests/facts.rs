//! What is written for identity to be told of.

use serde_json::Value;

use super::*;
use crate::domain::Fact;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    texts_and_closes_are_told_of_where_they_are_wanted_and_nowhere_else,
    what_was_said_last_holds_whatever_comes_last,
    what_is_erased_is_not_told_of,
    each_text_of_a_batch_is_told_of_once,
}

/// What waits to be told, in no order.
async fn facts(db: &Database, organization: OrganizationId) -> Vec<Value> {
    let payloads: Vec<String> = db
        .read("test.outbox", move |mut conn| {
            Box::pin(async move {
                Ok(on!(&mut conn, |c| sqlx::query_scalar(
                    "SELECT payload FROM outbox WHERE organization_id = $1 AND topic = 'fact'"
                )
                .bind(organization.0)
                .fetch_all(&mut **c)
                .await)?)
            })
        })
        .await
        .unwrap();
    payloads.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

fn closing(conversation: ConversationId, status: Status) -> NewChange {
    NewChange {
        conversation,
        change: Change { status: Some(status), assignee: None },
        actor: uuid(),
        now: NOW,
        events: [0; 2].map(|_| MessageId(uuid())),
    }
}

const BOTH: [Fact; 2] = [Fact::MessageCreated, Fact::ConversationClosed];

async fn texts_and_closes_are_told_of_where_they_are_wanted_and_nowhere_else(
    scratch: ScratchDatabase,
) {
    let store = Store::new(scratch.db.clone());
    let (of, conversation) = somewhere();
    let (other, elsewhere) = somewhere();
    let send = async |of, conversation, by, kind, text| {
        let new = message(conversation, by, kind, text);
        (store.send(of, new.clone()).await.unwrap(), new)
    };
    send(of, conversation, contact(conversation), Kind::Text, "before").await;
    store.set_interest(of, &BOTH, 1).await.unwrap();
    let (sent, new) = send(of, conversation, contact(conversation), Kind::Text, "mine").await;
    assert!(matches!(sent, Sent::Stored { told: true, .. }));
    // The same again is no other.
    store.send(of, new.clone()).await.unwrap();
    let by = agent();
    send(of, conversation, by, Kind::Text, "theirs").await;
    send(of, conversation, by, Kind::Note, "a note").await;
    send(other, elsewhere, contact(elsewhere), Kind::Text, "elsewhere").await;
    store.change(of, closing(conversation, Status::Closed)).await.unwrap();
    store.change(of, closing(conversation, Status::Closed)).await.unwrap();
    store.change(of, closing(conversation, Status::Open)).await.unwrap();

    let told = facts(&scratch.db, of).await;
    let text = |one: &&Value| one["what"]["message"]["text"].as_str().map(str::to_owned);
    let mut texts: Vec<_> = told.iter().filter_map(|one| text(&one)).collect();
    texts.sort();
    assert_eq!(texts, ["mine", "theirs"]);
    let mine = told.iter().find(|one| text(one).as_deref() == Some("mine")).unwrap();
    assert_eq!(mine["conversationId"], conversation.0.to_string());
    assert_eq!(
        (&mine["what"]["message"]["seq"], &mine["what"]["message"]["prevSeq"]),
        (&2.into(), &1.into())
    );
    assert_eq!(mine["what"]["message"]["agentId"], Value::Null);
    let theirs = told.iter().find(|one| text(one).as_deref() == Some("theirs")).unwrap();
    assert_eq!(theirs["what"]["message"]["agentId"], by.id.to_string());
    let closed: Vec<_> = told.iter().filter(|one| one["what"]["closed"].is_object()).collect();
    assert_eq!(closed.len(), 1, "{told:?}");
    assert_eq!(closed[0]["what"]["closed"]["lastSeq"], 5);
    assert_eq!(facts(&scratch.db, other).await.len(), 0);
}

async fn what_was_said_last_holds_whatever_comes_last(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, conversation) = somewhere();
    store.set_interest(of, &[], 3).await.unwrap();
    store.set_interest(of, &BOTH, 2).await.unwrap();
    store.set_interest(of, &BOTH, 3).await.unwrap();
    let new = message(conversation, contact(conversation), Kind::Text, "unheard");
    stored(store.send(of, new).await.unwrap());
    assert_eq!(facts(&scratch.db, of).await.len(), 0);
    store.set_interest(of, &[Fact::ConversationClosed], 4).await.unwrap();
    let new = message(conversation, contact(conversation), Kind::Text, "unheard, too");
    stored(store.send(of, new).await.unwrap());
    store.change(of, closing(conversation, Status::Closed)).await.unwrap();
    assert_eq!(facts(&scratch.db, of).await.len(), 1);
}

async fn what_is_erased_is_not_told_of(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, conversation) = somewhere();
    let kept = ConversationId(uuid());
    store.set_interest(of, &BOTH, 1).await.unwrap();
    for id in [conversation, kept] {
        stored(store.send(of, message(id, contact(id), Kind::Text, "secret")).await.unwrap());
    }
    store.erase(of, conversation, NOW).await.unwrap();
    let told = facts(&scratch.db, of).await;
    let whose: Vec<_> = told.iter().map(|one| one["conversationId"].clone()).collect();
    assert_eq!(whose, [kept.0.to_string()]);
}

async fn each_text_of_a_batch_is_told_of_once(scratch: ScratchDatabase) {
    let store = Store::new(scratch.db.clone());
    let (of, begun) = somewhere();
    let (other, elsewhere) = somewhere();
    stored(store.send(of, message(begun, contact(begun), Kind::Text, "before")).await.unwrap());
    store.set_interest(of, &BOTH, 1).await.unwrap();
    let new = ConversationId(uuid());
    let one = |of, id, by, kind, text: &str| NewMessage {
        organization: of,
        ..message(id, by, kind, text)
    };
    let twice = one(of, begun, contact(begun), Kind::Text, "twice");
    let sends = vec![
        one(of, begun, contact(begun), Kind::Text, "to one that is there"),
        one(other, elsewhere, contact(elsewhere), Kind::Text, "elsewhere"),
        one(of, new, contact(new), Kind::Text, "begins"),
        twice.clone(),
        twice,
        one(of, new, agent(), Kind::Note, "note"),
        one(of, new, agent(), Kind::Text, "answers"),
    ];
    let sent = store.send_all(sends.into()).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let mut texts: Vec<_> = facts(&scratch.db, of)
        .await
        .iter()
        .map(|one| one["what"]["message"]["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["answers", "begins", "to one that is there", "twice"]);
    assert_eq!(facts(&scratch.db, other).await.len(), 0);
}
