//! Deliveries of webhook events.

use serde_json::Value;

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    wanted_events_are_delivered_and_no_others,
    the_newest_version_of_an_interest_holds,
    events_of_an_erased_conversation_are_not_delivered,
    each_text_of_a_batch_is_delivered_once,
}

/// Payloads of the deliveries that are waiting, in any order.
async fn payloads(db: &Database, organization: OrganizationId) -> Vec<Value> {
    let mut conn = db.reader("test.outbox").await.unwrap();
    let query =
        conn.query("SELECT payload FROM outbox WHERE organization_id = $1 AND topic = 'fact'");
    let payloads: Vec<String> = query.bind(organization.0).scalars().await.unwrap();
    payloads.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

const BOTH: [WebhookEvent; 2] = [WebhookEvent::MessageCreated, WebhookEvent::ConversationClosed];

async fn wanted_events_are_delivered_and_no_others(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, conversation) = new_key();
    let (other, elsewhere) = new_key();
    let send = async |organization, conversation, by, kind, text| {
        let new = message(conversation, by, kind, text);
        (app.send(organization, new.clone()).await.unwrap(), new)
    };
    send(organization, conversation, contact(conversation), MessageKind::Text, "before").await;
    app.set_interest(organization, &BOTH, 1).await;
    let (sent, new) =
        send(organization, conversation, contact(conversation), MessageKind::Text, "mine").await;
    assert!(matches!(sent, SendOutcome::Stored { has_delivery: true, .. }));
    // A repetition is no other message.
    app.send(organization, new.clone()).await.unwrap();
    let by = agent();
    send(organization, conversation, by, MessageKind::Text, "theirs").await;
    send(organization, conversation, by, MessageKind::Note, "a note").await;
    send(other, elsewhere, contact(elsewhere), MessageKind::Text, "elsewhere").await;
    app.update(organization, conversation, set_status(Status::Closed)).await;
    app.update(organization, conversation, set_status(Status::Closed)).await;
    app.update(organization, conversation, set_status(Status::Open)).await;

    let events = payloads(&scratch.db, organization).await;
    let text = |one: &&Value| one["what"]["message"]["text"].as_str().map(str::to_owned);
    let mut texts: Vec<_> = events.iter().filter_map(|one| text(&one)).collect();
    texts.sort();
    assert_eq!(texts, ["mine", "theirs"]);
    let mine = events.iter().find(|one| text(one).as_deref() == Some("mine")).unwrap();
    assert_eq!(mine["conversationId"], conversation.0.to_string());
    assert_eq!(
        (&mine["what"]["message"]["seq"], &mine["what"]["message"]["prevSeq"]),
        (&2.into(), &1.into())
    );
    assert_eq!(mine["what"]["message"]["agentId"], Value::Null);
    let theirs = events.iter().find(|one| text(one).as_deref() == Some("theirs")).unwrap();
    assert_eq!(theirs["what"]["message"]["agentId"], by.id.to_string());
    let closed: Vec<_> = events.iter().filter(|one| one["what"]["closed"].is_object()).collect();
    assert_eq!(closed.len(), 1, "{events:?}");
    assert_eq!(closed[0]["what"]["closed"]["lastSeq"], 5);
    assert_eq!(payloads(&scratch.db, other).await.len(), 0);
}

async fn the_newest_version_of_an_interest_holds(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, conversation) = new_key();
    app.set_interest(organization, &[], 3).await;
    app.set_interest(organization, &BOTH, 2).await;
    app.set_interest(organization, &BOTH, 3).await;
    let new = message(conversation, contact(conversation), MessageKind::Text, "not wanted");
    stored(app.send(organization, new).await.unwrap());
    assert_eq!(payloads(&scratch.db, organization).await.len(), 0);
    app.set_interest(organization, &[WebhookEvent::ConversationClosed], 4).await;
    let new = message(conversation, contact(conversation), MessageKind::Text, "not wanted either");
    stored(app.send(organization, new).await.unwrap());
    app.update(organization, conversation, set_status(Status::Closed)).await;
    assert_eq!(payloads(&scratch.db, organization).await.len(), 1);
}

async fn events_of_an_erased_conversation_are_not_delivered(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, conversation) = new_key();
    let other = ConversationId(uuid());
    app.set_interest(organization, &BOTH, 1).await;
    for id in [conversation, other] {
        stored(
            app.send(organization, message(id, contact(id), MessageKind::Text, "secret"))
                .await
                .unwrap(),
        );
    }
    app.erase(organization, conversation).await;
    let events = payloads(&scratch.db, organization).await;
    let conversations: Vec<_> = events.iter().map(|one| one["conversationId"].clone()).collect();
    assert_eq!(conversations, [other.0.to_string()]);
}

async fn each_text_of_a_batch_is_delivered_once(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let (organization, begun) = new_key();
    let (other, elsewhere) = new_key();
    stored(
        app.send(organization, message(begun, contact(begun), MessageKind::Text, "before"))
            .await
            .unwrap(),
    );
    app.set_interest(organization, &BOTH, 1).await;
    let new = ConversationId(uuid());
    let one = |organization, id, by, kind, text: &str| NewMessage {
        organization,
        ..message(id, by, kind, text)
    };
    let twice = one(organization, begun, contact(begun), MessageKind::Text, "twice");
    let sends = vec![
        one(organization, begun, contact(begun), MessageKind::Text, "to an existing one"),
        one(other, elsewhere, contact(elsewhere), MessageKind::Text, "elsewhere"),
        one(organization, new, contact(new), MessageKind::Text, "begins"),
        twice.clone(),
        twice,
        one(organization, new, agent(), MessageKind::Note, "note"),
        one(organization, new, agent(), MessageKind::Text, "answers"),
    ];
    let sent = app.send_batch(sends).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let mut texts: Vec<_> = payloads(&scratch.db, organization)
        .await
        .iter()
        .map(|one| one["what"]["message"]["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["answers", "begins", "to an existing one", "twice"]);
    assert_eq!(payloads(&scratch.db, other).await.len(), 0);
}
