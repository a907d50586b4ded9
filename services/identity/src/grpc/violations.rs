//! Invalid calls: their errors name the fields as the caller sent them.

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{
    self as wire, agent_service_client::AgentServiceClient,
    application_service_client::ApplicationServiceClient,
    organization_service_client::OrganizationServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;

use crate::testing::{identity, owner, text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    calls_about_contacts_name_the_field_by_its_path_in_the_request,
    calls_of_visitors_name_the_field_by_its_path_in_the_request,
    changes_of_settings_name_the_field_by_its_path_in_the_request,
    calls_about_webhooks_and_agents_name_the_field_by_its_path_in_the_request,
}

/// Makes each call with these fields, and compares the only field that its error names.
macro_rules! violations {
    ($($client:ident.$call:ident($message:ident { $($field:ident: $value:expr),* }) => $path:expr;)*) => {
        $(
            let mut request = wire::$message::default();
            $(request.$field = $value.into();)*
            let error = Error::from($client.$call(request).await.unwrap_err());
            assert_eq!(error.reason, Reason::InvalidArgument, "{}", stringify!($call));
            let named: Vec<_> = error.fields.iter().map(|field| &*field.path).collect();
            assert_eq!(named, [$path], "{}", stringify!($call));
        )*
    };
}

fn mask(path: &str) -> FieldMask {
    FieldMask { paths: vec![path.to_owned()] }
}

async fn calls_about_contacts_name_the_field_by_its_path_in_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let id = identity.organization_id.clone();
    let mut contacts = identity.contacts();
    let user = wire::UserClaims { user_id: text("u"), email: text("no"), ..Default::default() };
    let filter = |field: &str, operator: i32| wire::ContactFilter {
        field: field.to_owned(),
        operator,
        value: text("Ann"),
    };
    let unknown_operator = vec![filter("name", 1), filter("name", 9)];
    violations! {
        contacts.get_contact(GetContactRequest { organization_id: "x" }) => "organization_id";
        contacts.get_contact(GetContactRequest { organization_id: id.clone() }) => "contact_id";
        contacts.batch_get_contacts(BatchGetContactsRequest {
            organization_id: id.clone(), contact_ids: vec![id.clone(), "x".to_owned()]
        }) => "contact_ids[1]";
        contacts.list_contacts(ListContactsRequest { organization_id: id.clone(), page_size: -1 }) => "page_size";
        contacts.list_contacts(ListContactsRequest { organization_id: id.clone(), page_token: "x" }) => "page_token";
        contacts.list_contacts(ListContactsRequest { organization_id: id.clone(), order_by: "createdAt" }) => "order_by";
        contacts.search_contacts(SearchContactsRequest {
            organization_id: id.clone(), filters: unknown_operator
        }) => "filters[1].operator";
        contacts.search_contacts(SearchContactsRequest {
            organization_id: id.clone(), filters: vec![filter("userId", 1)]
        }) => "filters[0].field";
        contacts.search_contacts(SearchContactsRequest {
            organization_id: id.clone(), query: "x".repeat(257)
        }) => "query";
        contacts.upsert_contact(UpsertContactRequest {
            organization_id: id.clone(), actor: owner(),
            changes: wire::ContactChanges { user: Some(user), ..Default::default() }
        }) => "changes.user.email";
        contacts.merge_contacts(MergeContactsRequest {
            organization_id: id.clone(), actor: owner(), source_contact_id: id.clone(), target_contact_id: id.clone()
        }) => "target_contact_id";
        contacts.delete_contact(DeleteContactRequest { organization_id: id.clone(), contact_id: id.clone() }) => "actor";
    }
}

async fn calls_of_visitors_name_the_field_by_its_path_in_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let token = identity.start_session(None, None, "").await.token;
    let mut visitors = identity.visitors();
    let identify = identity.request(Some("null"), None, "");
    let error = Error::from(identity.sessions().identify(identify).await.unwrap_err());
    assert_eq!(error.fields[0].path, "user.user_id");
    let name = ("name".to_owned(), text("Ann").unwrap());
    violations! {
        visitors.track_event(TrackEventRequest { token: token.clone() }) => "name";
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: token.clone(), fields: [("email".to_owned(), text("no").unwrap()), name]
        }) => r#"fields["email"]"#;
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: token.clone(), context: wire::PageContext { platform: 9, ..Default::default() }
        }) => "context.platform";
    }
}

async fn changes_of_settings_name_the_field_by_its_path_in_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let id = identity.organization_id.clone();
    let mut organizations = OrganizationServiceClient::new(identity.service.peer());
    let mut applications = ApplicationServiceClient::new(identity.service.peer());
    let numbered = |number| wire::Application { number, ..Default::default() };
    let field = wire::PreChatField { name: "name".to_owned(), r#type: 9, ..Default::default() };
    let form = wire::PreChatForm { enabled: true, fields: vec![field] };
    let new = wire::CreateOrganizationRequest {
        organization_name: "No domain".to_owned(),
        agent_email: "a@example.com".to_owned(),
        agent_password: "long enough".to_owned(),
    };
    let error = Error::from(organizations.create_organization(new).await.unwrap_err());
    assert_eq!(error.fields[0].path, "organization_name");
    violations! {
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: id.clone(), actor: owner(), update_mask: mask("color")
        }) => "update_mask";
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: id.clone(), actor: owner(), update_mask: mask("name")
        }) => "organization.name";
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: id.clone(), actor: owner(), update_mask: mask("policy")
        }) => "organization.policy";
        applications.create_application(CreateApplicationRequest {
            organization_id: id.clone(), actor: owner(), application: numbered(-1)
        }) => "application.number";
        applications.create_application(CreateApplicationRequest {
            organization_id: id.clone(), actor: owner(),
            application: wire::Application { pre_chat: Some(form), ..Default::default() }
        }) => "application.pre_chat.fields[0].type";
    }
}

async fn calls_about_webhooks_and_agents_name_the_field_by_its_path_in_the_request(
    scratch: ScratchDatabase,
) {
    let identity = identity(scratch).await;
    let id = identity.organization_id.clone();
    let mut webhooks = WebhookServiceClient::new(identity.service.peer());
    let mut agents = AgentServiceClient::new(identity.service.peer());
    let event = i32::from(wire::WebhookEvent::MessageCreated);
    let webhook = wire::Webhook { id: id.clone(), events: vec![event, 9], ..Default::default() };
    let update = wire::UpdateAgentRequest {
        organization_id: id.clone(),
        agent: Some(wire::Agent { id: id.clone(), ..Default::default() }),
        update_mask: Some(mask("role")),
        actor: owner(),
    };
    let error = Error::from(agents.update_agent(update).await.unwrap_err());
    assert_eq!(error.fields[0].path, "agent.role");
    violations! {
        webhooks.create_webhook(CreateWebhookRequest {
            organization_id: id.clone(), actor: owner(), url: "ftp://a.example", events: vec![event]
        }) => "url";
        webhooks.create_webhook(CreateWebhookRequest {
            organization_id: id.clone(), actor: owner(), url: "http://127.0.0.1:9/", events: vec![event, 0]
        }) => "events[1]";
        webhooks.update_webhook(UpdateWebhookRequest {
            organization_id: id.clone(), actor: owner(), webhook: webhook
        }) => "webhook.events[1]";
        agents.create_agent(CreateAgentRequest { organization_id: id.clone(), actor: owner() }) => "role";
    }
}
