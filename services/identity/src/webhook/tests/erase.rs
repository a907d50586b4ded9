//! Erasures of contacts with undelivered events.

use std::time::Duration;

use onethread_core::{Clock, SystemClock, SystemEntropy};
use onethread_proto::identity::{self as wire, webhook_service_client::WebhookServiceClient};
use onethread_testing::ScratchDatabase;
use serde_json::json;

use crate::{
    testing::{identity, owner},
    webhook::{app::expand::expand_events, store::deliveries},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_erasure_deletes_the_undelivered_events_of_the_contact,
}

async fn an_erasure_deletes_the_undelivered_events_of_the_contact(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let request = wire::CreateWebhookRequest {
        organization_id: organization.clone(),
        actor: owner(),
        // No server listens there.
        url: "http://127.0.0.1:9/".to_owned(),
        events: vec![
            wire::WebhookEvent::ContactCreated.into(),
            wire::WebhookEvent::ContactUpdated.into(),
        ],
        request_id: String::new(),
    };
    let webhook = webhooks.create_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    let (erased, other) = (
        identity.create(&organization, &json!({"userId": "erased", "name": "Erased"})).await,
        identity.create(&organization, &json!({"userId": "other", "name": "Other"})).await,
    );
    let db = &identity.service.app.db;
    let now = SystemClock.now();
    assert!(expand_events(db, &SystemEntropy, now).await.unwrap());
    // One event has become a delivery, another is stored only.
    identity.update(&organization, &erased, &json!({"name": "Erased Again"})).await.unwrap();
    identity.erase(&organization, &erased).await.unwrap();
    assert!(!expand_events(db, &SystemEntropy, now).await.unwrap(), "no event is left");
    let webhook = webhook.id.parse().unwrap();
    let organization = onethread_core::OrganizationId(organization.parse().unwrap());
    let later = now.plus(Duration::from_secs(60));
    let mut conn = db.writer("test").await.unwrap();
    let lease = (now, later);
    let due = deliveries::lease(&mut conn, organization, webhook, lease, false, 10).await.unwrap();
    let is_other: Vec<_> = due.iter().map(|one| one.body.contains(&other)).collect();
    assert_eq!(is_other, [true]);
}
