//! Events that become deliveries.

use onethread_proto::identity::contact_service_client::ContactServiceClient;

use super::*;
use crate::webhook::domain::delivery::signature;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_contact_s_creation_and_its_changes_are_delivered,
    an_imported_contact_is_delivered_once_a_batch,
    a_merge_is_delivered_with_the_id_of_the_merged_contact,
    events_of_conversations_are_delivered_once_in_the_format_of_the_api,
}

async fn a_contact_s_creation_and_its_changes_are_delivered(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    let webhook = identity.create(&receiver.url(), &["contact.created", "contact.updated"]).await;
    let webhook = webhook.unwrap();
    identity.log_in("u1", "Ann").await;
    let created = receiver.next().await;
    assert!(created.head.starts_with("POST /hook?x=1 HTTP/1.1"), "{}", created.head);
    assert_eq!(created.header("host"), receiver.address.to_string());
    assert_eq!(created.header("content-type"), "application/json");
    let body = created.json();
    assert_eq!(body["event"], "contact.created");
    assert_eq!((&body["data"]["userId"], &body["data"]["name"]), (&"u1".into(), &"Ann".into()));

    let signed = created.header("onethread-signature");
    let time = signed.strip_prefix("t=").unwrap().split(',').next().unwrap();
    let at = onethread_core::Timestamp::from_micros(time.parse::<i64>().unwrap() * 1_000_000);
    assert_eq!(signed, signature(webhook.secret.as_bytes(), at, &created.body));

    // The same again is no change.
    identity.log_in("u1", "Ann").await;
    identity.log_in("u1", "Bea").await;
    let updated = receiver.next().await.json();
    assert_eq!(
        (&updated["event"], &updated["data"]["name"]),
        (&"contact.updated".into(), &"Bea".into())
    );
    assert_ne!(updated["id"], body["id"]);
    identity.log_in("u2", "Cid").await;
    assert_eq!(receiver.next().await.json()["data"]["userId"], "u2", "one update too many");

    let id = webhook.webhook.unwrap().id;
    let listed = identity.deliveries(&id).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(
        (listed[2].id.as_str(), listed[2].event()),
        (body["id"].as_str().unwrap(), wire::WebhookEvent::ContactCreated)
    );
}

async fn an_imported_contact_is_delivered_once_a_batch(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    let events = ["contact.created", "contact.updated"];
    identity.create(&receiver.url(), &events).await.unwrap();
    let mut delivered = Vec::new();
    for (number, named, wanted) in [
        (1, &[("u1", "Ann"), ("u2", "Bea"), ("u2", "Cid")][..], 2),
        (2, &[("u1", "Dan"), ("u2", "Cid"), ("u1", "Eve")], 1),
        (3, &[("u3", "Fay")], 1),
    ] {
        identity.import(number, named).await;
        for _ in 0..wanted {
            let got = receiver.next().await.json();
            let member = |name: &str| got["data"][name].as_str().unwrap().to_owned();
            let event = got["event"].as_str().unwrap().to_owned();
            delivered.push((event, member("userId"), member("name")));
        }
    }
    delivered[..2].sort();
    let delivered: Vec<_> =
        delivered.iter().map(|(e, u, n)| (e.as_str(), u.as_str(), n.as_str())).collect();
    assert_eq!(
        delivered,
        [
            ("contact.created", "u1", "Ann"),
            ("contact.created", "u2", "Cid"),
            ("contact.updated", "u1", "Eve"),
            ("contact.created", "u3", "Fay"),
        ]
    );
}

async fn a_merge_is_delivered_with_the_id_of_the_merged_contact(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.joined"]).await.unwrap();
    let mut contacts = ContactServiceClient::new(identity.peer.clone());
    let mut ids = Vec::new();
    for name in ["Ann", "Bea"] {
        let text = Value { kind: Some(Kind::StringValue(name.to_owned())) };
        let user = wire::UserClaims { name: Some(text), ..Default::default() };
        let request = wire::UpsertContactRequest {
            organization_id: identity.organization.clone(),
            actor: actor(),
            changes: Some(wire::ContactChanges { user: Some(user), ..Default::default() }),
        };
        let created = contacts.upsert_contact(request).await.unwrap().into_inner().contact;
        ids.push(created.unwrap().person.unwrap().id);
    }
    let request = wire::MergeContactsRequest {
        organization_id: identity.organization.clone(),
        source_contact_id: ids[0].clone(),
        target_contact_id: ids[1].clone(),
        validate_only: false,
        actor: actor(),
    };
    contacts.merge_contacts(request).await.unwrap();
    let event = receiver.next().await.json();
    assert_eq!(event["event"], "contact.joined");
    assert_eq!(
        (&event["data"]["id"], &event["data"]["endedId"]),
        (&ids[1][..].into(), &ids[0][..].into())
    );
    assert_eq!(event["data"]["name"], "Bea");
}

async fn events_of_conversations_are_delivered_once_in_the_format_of_the_api(
    scratch: ScratchDatabase,
) {
    let identity = fixture(scratch, true).await;
    let mut receiver = Receiver::start(&[]).await;
    identity.create(&receiver.url(), &["contact.created"]).await.unwrap();
    identity.log_in("u1", "Ann").await;
    let contact = receiver.next().await.json()["data"]["id"].as_str().unwrap().to_owned();
    // No webhook wants it yet.
    identity.record(1, &contact, message(None, "unwanted")).await;
    let events = ["message.created", "conversation.closed"];
    let created = identity.create(&receiver.url(), &events).await.unwrap().webhook.unwrap();
    identity.record(2, &contact, message(None, "hello")).await;
    identity.record(2, &contact, message(None, "hello")).await;
    let body = receiver.next().await.json();
    let expected = serde_json::json!({
        "id": Uuid::from_u128(2), "event": "message.created", "createdAt": "2025-06-15T15:06:40Z",
        "data": {
            "id": Uuid::from_u128(2), "conversationId": contact, "seq": 7, "prevSeq": 5,
            "author": {"kind": "contact", "id": contact, "name": "Ann"}, "text": "hello",
            "createdAt": "2025-06-15T15:06:40Z", "clientMessageId": Uuid::from_u128(3), "kind": "text",
        },
    });
    assert_eq!(body, expected);
    // By an API key, which has no name here.
    identity.record(3, &contact, message(Some(Uuid::from_u128(9)), "answer")).await;
    let by = &receiver.next().await.json()["data"]["author"];
    assert_eq!(*by, serde_json::json!({"kind": "agent", "id": Uuid::from_u128(9), "name": "Team"}));
    // An event of a contact that doesn't exist is not delivered.
    identity.record(4, &Uuid::from_u128(4).to_string(), message(None, "no contact")).await;
    let closed = wire::record_fact_request::Fact::ConversationClosed(wire::ConversationClosed {
        last_seq: 8,
        assignee_id: Some(Uuid::from_u128(9).to_string()),
        closed_by: Uuid::from_u128(9).to_string(),
    });
    identity.record(5, &contact, closed).await;
    let body = receiver.next().await.json();
    assert_eq!(body["event"], "conversation.closed");
    let data = &body["data"];
    assert_eq!((&data["id"], &data["status"]), (&contact.as_str().into(), &"closed".into()));
    assert_eq!((&data["lastSeq"], &data["contact"]["userId"]), (&8.into(), &"u1".into()));
    assert_eq!(data["assigneeId"], Uuid::from_u128(9).to_string());
    assert_eq!(data["closedBy"]["name"], "Team");
    assert_eq!(identity.deliveries(&created.id).await.len(), 3);
}
