//! Updates without a mask: they change the fields that have a value, as AIP-134 says.

use onethread_proto::identity::{
    self as wire, agent_service_client::AgentServiceClient,
    application_service_client::ApplicationServiceClient,
    organization_service_client::OrganizationServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::{identity, owner};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_organization_is_updated_without_a_mask,
    an_agent_is_updated_without_a_mask,
    an_application_is_updated_without_a_mask,
    a_webhook_is_updated_without_a_mask,
    a_contact_is_not_changed_without_an_actor,
}

async fn an_organization_is_updated_without_a_mask(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = identity.organization_id.clone();
    let mut organizations = OrganizationServiceClient::new(identity.service.peer());
    let request = wire::UpdateOrganizationRequest {
        organization_id: organization_id.clone(),
        organization: Some(wire::Organization { report_only: true, ..Default::default() }),
        update_mask: None,
        actor: owner(),
    };
    let changed = organizations.update_organization(request).await.unwrap().into_inner();
    let expected = wire::Organization {
        id: organization_id,
        name: "demo".to_owned(),
        policy: wire::IdentityPolicy::Optional.into(),
        report_only: true,
    };
    assert_eq!(changed.organization, Some(expected));
}

async fn an_agent_is_updated_without_a_mask(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = identity.organization_id.clone();
    let mut agents = AgentServiceClient::new(identity.service.peer());
    let list =
        wire::ListAgentsRequest { organization_id: organization_id.clone(), ..Default::default() };
    let before = agents.list_agents(list).await.unwrap().into_inner().agents.remove(0);
    let request = wire::UpdateAgentRequest {
        organization_id,
        agent: Some(wire::Agent {
            id: before.id.clone(),
            name: "Ann".to_owned(),
            ..Default::default()
        }),
        update_mask: None,
        actor: owner(),
    };
    let changed = agents.update_agent(request).await.unwrap().into_inner();
    assert_eq!(changed.agent, Some(wire::Agent { name: "Ann".to_owned(), ..before }));
}

async fn an_application_is_updated_without_a_mask(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = identity.organization_id.clone();
    let mut applications = ApplicationServiceClient::new(identity.service.peer());
    let list = wire::ListApplicationsRequest {
        organization_id: organization_id.clone(),
        ..Default::default()
    };
    let list = applications.list_applications(list).await.unwrap().into_inner();
    let before = list.applications.into_iter().next().unwrap();
    let request = wire::UpdateApplicationRequest {
        organization_id,
        application: Some(wire::Application {
            id: before.id.clone(),
            name: "Shop".to_owned(),
            ..Default::default()
        }),
        update_mask: None,
        actor: owner(),
    };
    let changed = applications.update_application(request).await.unwrap().into_inner();
    let expected = wire::Application { name: "Shop".to_owned(), ..before };
    assert_eq!(changed.application, Some(expected));
}

async fn a_webhook_is_updated_without_a_mask(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = identity.organization_id.clone();
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let request = wire::CreateWebhookRequest {
        organization_id: organization_id.clone(),
        url: "http://127.0.0.1:9/a".to_owned(),
        events: vec![wire::WebhookEvent::ContactCreated.into()],
        actor: owner(),
        request_id: String::new(),
    };
    let created = webhooks.create_webhook(request).await.unwrap().into_inner();
    let before = created.webhook.unwrap();
    let request = wire::UpdateWebhookRequest {
        organization_id,
        webhook: Some(wire::Webhook {
            id: before.id.clone(),
            url: "http://127.0.0.1:9/b".to_owned(),
            ..Default::default()
        }),
        update_mask: None,
        actor: owner(),
    };
    let changed = webhooks.update_webhook(request).await.unwrap().into_inner();
    let expected = wire::Webhook { url: "http://127.0.0.1:9/b".to_owned(), ..before };
    assert_eq!(changed.webhook, Some(expected));
}

async fn a_contact_is_not_changed_without_an_actor(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let session = identity.start_session(Some("u"), None, "").await;
    let request = wire::UpdateContactRequest {
        organization_id: session.organization_id,
        contact_id: session.person.unwrap().id,
        changes: None,
        actor: None,
    };
    let rejected = identity.contacts().update_contact(request).await.unwrap_err();
    assert_eq!(rejected.code(), Code::InvalidArgument);
}
