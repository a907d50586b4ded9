//! Repeated calls that create something with a secret: the caller gets the one thing, and a secret
//! that a lost response held is no longer valid.

use onethread_proto::identity::{
    self as wire, api_key_service_client::ApiKeyServiceClient,
    identity_key_service_client::IdentityKeyServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use onethread_testing::ScratchDatabase;
use tonic::Code;
use uuid::Uuid;

use crate::testing::{identity, owner};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_repeated_call_replaces_the_api_key_of_the_first,
    a_repeated_call_replaces_the_identity_key_of_the_first,
    a_repeated_call_gives_the_webhook_of_the_first_a_new_secret,
}

async fn a_repeated_call_replaces_the_api_key_of_the_first(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let mut keys = ApiKeyServiceClient::new(identity.service.peer());
    let request = wire::CreateApiKeyRequest {
        organization_id: identity.organization_id.clone(),
        name: "shop".to_owned(),
        actor: owner(),
        request_id: Uuid::from_u128(5).to_string(),
    };
    let first = keys.create_api_key(request.clone()).await.unwrap().into_inner();
    let second = keys.create_api_key(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.api_key.unwrap().id, request.request_id);
    assert_eq!(second.api_key.unwrap().id, request.request_id);
    assert_eq!(identity.authenticate(&first.secret).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&second.secret).await.is_ok());
    // Tries at the same time leave one key as well.
    let calls = (0..8).map(|n| {
        let mut keys = ApiKeyServiceClient::new(identity.processes()[n % 2].peer());
        let request = request.clone();
        async move { keys.create_api_key(request).await.unwrap().into_inner().secret }
    });
    let mut valid = 0;
    for secret in futures::future::join_all(calls).await {
        valid += usize::from(identity.authenticate(&secret).await.is_ok());
    }
    assert_eq!(valid, 1);
    let invalid = wire::CreateApiKeyRequest { request_id: "x".to_owned(), ..request };
    let rejected = keys.create_api_key(invalid).await.unwrap_err();
    assert_eq!(rejected.code(), Code::InvalidArgument);
}

async fn a_repeated_call_replaces_the_identity_key_of_the_first(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let mut keys = IdentityKeyServiceClient::new(identity.service.peer());
    let request = |request_id: &str| wire::CreateIdentityKeyRequest {
        organization_id: identity.organization_id.clone(),
        actor: owner(),
        request_id: request_id.to_owned(),
    };
    let id = Uuid::from_u128(5).to_string();
    let first = keys.create_identity_key(request(&id)).await.unwrap().into_inner();
    // With two keys, as many as allowed, a retry still succeeds.
    keys.create_identity_key(request("")).await.unwrap();
    let second = keys.create_identity_key(request(&id)).await.unwrap().into_inner();
    assert_eq!(second.identity_key.unwrap().id, id);
    assert_ne!(first.secret, second.secret);
    let list = wire::ListIdentityKeysRequest { organization_id: identity.organization_id.clone() };
    let listed = keys.list_identity_keys(list).await.unwrap().into_inner().identity_keys;
    assert_eq!(listed.len(), 2);
    let third = keys.create_identity_key(request("")).await.unwrap_err();
    assert_eq!(third.code(), Code::FailedPrecondition);
}

async fn a_repeated_call_gives_the_webhook_of_the_first_a_new_secret(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let request = |request_id: &str| wire::CreateWebhookRequest {
        organization_id: identity.organization_id.clone(),
        url: "http://127.0.0.1:9/".to_owned(),
        events: vec![wire::WebhookEvent::ContactCreated.into()],
        actor: owner(),
        request_id: request_id.to_owned(),
    };
    let id = Uuid::from_u128(5).to_string();
    let first = webhooks.create_webhook(request(&id)).await.unwrap().into_inner();
    for _ in 0..9 {
        webhooks.create_webhook(request("")).await.unwrap();
    }
    let second = webhooks.create_webhook(request(&id)).await.unwrap().into_inner();
    assert_eq!(first.webhook, second.webhook);
    assert_ne!(first.secret, second.secret);
    let list = wire::ListWebhooksRequest { organization_id: identity.organization_id.clone() };
    let listed = webhooks.list_webhooks(list).await.unwrap().into_inner().webhooks;
    assert_eq!(listed.len(), 10);
}
