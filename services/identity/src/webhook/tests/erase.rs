//! Erasures of contacts with undelivered events.

use std::time::Duration;

use onethread_core::{Clock, OrganizationId, SystemClock, SystemEntropy, Timestamp, WebhookId};
use onethread_proto::identity::{self as wire, webhook_service_client::WebhookServiceClient};
use onethread_testing::ScratchDatabase;
use serde_json::json;

use crate::{
    testing::{Identity, identity, owner},
    webhook::{app::expand::expand_events, store::deliveries},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_erasure_deletes_the_undelivered_events_of_the_contact,
    an_erasure_deletes_the_undelivered_events_of_merged_contacts,
}

/// Creates a webhook that no server listens to.
async fn create_webhook(identity: &Identity) -> WebhookId {
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let request = wire::CreateWebhookRequest {
        organization_id: identity.organization_id.clone(),
        actor: owner(),
        url: "http://127.0.0.1:9/".to_owned(),
        events: vec![
            wire::WebhookEvent::ContactCreated.into(),
            wire::WebhookEvent::ContactUpdated.into(),
        ],
        request_id: String::new(),
    };
    let webhook = webhooks.create_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    webhook.id.parse().unwrap()
}

/// The bodies of the deliveries that wait.
async fn waiting(identity: &Identity, webhook: WebhookId, now: Timestamp) -> Vec<String> {
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    let mut conn = identity.service.app.db.writer("test").await.unwrap();
    let lease = (now, now.plus(Duration::from_secs(60)));
    let due = deliveries::lease(&mut conn, organization, webhook, lease, false, 10).await.unwrap();
    due.into_iter().map(|one| one.body).collect()
}

async fn an_erasure_deletes_the_undelivered_events_of_the_contact(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let webhook = create_webhook(&identity).await;
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
    let due = waiting(&identity, webhook, now).await;
    let is_other: Vec<_> = due.iter().map(|body| body.contains(&other)).collect();
    assert_eq!(is_other, [true]);
}

async fn an_erasure_deletes_the_undelivered_events_of_merged_contacts(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let webhook = create_webhook(&identity).await;
    let source = identity.create(&organization, &json!({"name": "Source"})).await;
    let target = identity.create(&organization, &json!({"userId": "u", "name": "Target"})).await;
    let now = SystemClock.now();
    assert!(expand_events(&identity.service.app.db, &SystemEntropy, now).await.unwrap());
    let merge = wire::MergeContactsRequest {
        organization_id: organization.clone(),
        source_contact_id: source,
        target_contact_id: target.clone(),
        validate_only: false,
        actor: owner(),
    };
    identity.contacts().merge_contacts(merge).await.unwrap();
    identity.erase(&organization, &target).await.unwrap();
    assert_eq!(waiting(&identity, webhook, now).await, Vec::<String>::new());
}
