//! Webhooks as owners manage them.

use prost_types::FieldMask;

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_webhook_belongs_to_its_organization_and_ten_are_allowed,
    a_deleted_webhook_gets_no_deliveries,
}

async fn a_webhook_belongs_to_its_organization_and_ten_are_allowed(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let created = identity.create("https://example.com", &["contact.created"]).await.unwrap();
    let id = created.webhook.unwrap().id;
    let races = (0..20).map(|_| identity.create("https://example.com", &["contact.joined"]));
    let created = futures::future::join_all(races).await;
    let (accepted, rejected): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), rejected.len()), (9, 11));
    assert!(rejected.into_iter().all(|one| one.unwrap_err().code() == Code::FailedPrecondition));

    let foreign = Uuid::from_u128(9).to_string();
    for (organization, webhook) in [(&foreign, &id), (&identity.organization, &foreign)] {
        let update = wire::UpdateWebhookRequest {
            organization_id: organization.clone(),
            actor: actor(),
            webhook: Some(wire::Webhook {
                id: webhook.clone(),
                url: "https://example.org".to_owned(),
                ..Default::default()
            }),
            update_mask: None,
        };
        let rejected = identity.webhooks().update_webhook(update).await.unwrap_err();
        assert_eq!(rejected.code(), Code::NotFound);
        let delete = wire::DeleteWebhookRequest {
            organization_id: organization.clone(),
            actor: actor(),
            webhook_id: webhook.clone(),
        };
        let rejected = identity.webhooks().delete_webhook(delete).await.unwrap_err();
        assert_eq!(rejected.code(), Code::NotFound);
        let page = wire::ListWebhookDeliveriesRequest {
            organization_id: organization.clone(),
            webhook_id: webhook.clone(),
            ..Default::default()
        };
        let rejected = identity.webhooks().list_webhook_deliveries(page).await.unwrap_err();
        assert_eq!(rejected.code(), Code::NotFound);
    }
    let list = wire::ListWebhooksRequest { organization_id: identity.organization.clone() };
    let listed = identity.webhooks().list_webhooks(list).await.unwrap().into_inner().webhooks;
    assert_eq!(listed.len(), 10);
    assert!(listed.iter().all(|one| one.url == "https://example.com"));
}

async fn a_deleted_webhook_gets_no_deliveries(scratch: ScratchDatabase) {
    let identity = fixture(scratch, true).await;
    let mut moved = Receiver::start(&[]).await;
    let mut receiver = Receiver::start(&[]).await;
    let created = identity.create(&moved.url(), &["contact.created"]).await.unwrap();
    let mut other = identity.create(&moved.url(), &["contact.created"]).await.unwrap();
    let delete = wire::DeleteWebhookRequest {
        organization_id: identity.organization.clone(),
        actor: actor(),
        webhook_id: created.webhook.unwrap().id,
    };
    identity.webhooks().delete_webhook(delete).await.unwrap();
    let update = wire::UpdateWebhookRequest {
        organization_id: identity.organization.clone(),
        actor: actor(),
        webhook: Some(wire::Webhook { url: receiver.url(), ..other.webhook.take().unwrap() }),
        update_mask: Some(FieldMask { paths: vec!["url".to_owned()] }),
    };
    identity.webhooks().update_webhook(update).await.unwrap();
    identity.log_in("u1", "Ann").await;
    receiver.next().await;
    assert!(moved.received.try_recv().is_err(), "the old URL got a delivery");
}
