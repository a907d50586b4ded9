//! Invalid calls: their errors name the fields as the caller sent them.

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{
    self as wire, application_service_client::ApplicationServiceClient,
    organization_service_client::OrganizationServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;

use crate::testing::{identity, owner, text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_error_names_the_field_by_its_path_in_the_request,
}

async fn an_error_names_the_field_by_its_path_in_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = identity.organization_id.clone();
    let peer = || identity.service.peer();
    let (mut contacts, mut sessions) = (identity.contacts(), identity.sessions());
    let mut visitors = identity.visitors();
    let mut organizations = OrganizationServiceClient::new(peer());
    let mut applications = ApplicationServiceClient::new(peer());
    let mut webhooks = WebhookServiceClient::new(peer());
    let visitor = identity.start_session(None, None, "").await.token;
    macro_rules! violations {
        ($($client:ident.$call:ident($message:ident { $($field:ident: $value:expr),* }) => $path:expr;)*) => {
            $(
                let request = wire::$message { $($field: $value.into(),)* ..Default::default() };
                let error = Error::from($client.$call(request).await.unwrap_err());
                assert_eq!(error.reason, Reason::InvalidArgument, "{}", stringify!($call));
                let named: Vec<_> = error.fields.iter().map(|field| &*field.path).collect();
                assert_eq!(named, [$path], "{}", stringify!($call));
            )*
        };
    }
    let user = |user_id: &str, email: &str| wire::UserClaims {
        user_id: text(user_id),
        email: text(email),
        ..Default::default()
    };
    let filter = |operator: i32| wire::ContactFilter {
        field: "name".to_owned(),
        operator,
        value: text("Ann"),
    };
    let unknown_field = FieldMask { paths: vec!["color".to_owned()] };
    let name = FieldMask { paths: vec!["name".to_owned()] };
    let identify = identity.request(Some("null"), None, "");
    let error = Error::from(sessions.identify(identify).await.unwrap_err());
    assert_eq!(error.fields[0].path, "user.user_id");
    violations! {
        contacts.get_contact(GetContactRequest { organization_id: "x" }) => "organization_id";
        contacts.get_contact(GetContactRequest { organization_id: organization_id.clone(), contact_id: "x" })
            => "contact_id";
        contacts.batch_get_contacts(BatchGetContactsRequest {
            organization_id: organization_id.clone(), contact_ids: vec![organization_id.clone(), "x".to_owned()]
        }) => "contact_ids[1]";
        contacts.list_contacts(ListContactsRequest { organization_id: organization_id.clone(), page_size: -1 })
            => "page_size";
        contacts.list_contacts(ListContactsRequest { organization_id: organization_id.clone(), page_token: "x" })
            => "page_token";
        contacts.search_contacts(SearchContactsRequest {
            organization_id: organization_id.clone(), filters: vec![filter(1), filter(9)]
        }) => "filters[1].operator";
        contacts.upsert_contact(UpsertContactRequest {
            organization_id: organization_id.clone(), actor: owner(),
            changes: wire::ContactChanges { user: Some(user("u", "no")), ..Default::default() }
        }) => "changes.user.email";
        visitors.track_event(TrackEventRequest { token: visitor.clone() }) => "name";
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: visitor.clone(), fields: [("email".to_owned(), text("no").unwrap()), ("name".to_owned(), text("Ann").unwrap())]
        }) => r#"fields["email"]"#;
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: visitor.clone(), context: wire::PageContext { platform: 9, ..Default::default() }
        }) => "context.platform";
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: organization_id.clone(), actor: owner(), update_mask: unknown_field
        }) => "update_mask";
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: organization_id.clone(), actor: owner(), organization: wire::Organization::default(), update_mask: name
        }) => "organization.name";
        applications.create_application(CreateApplicationRequest {
            organization_id: organization_id.clone(), actor: owner(),
            application: wire::Application { number: -1, secret: "secret".to_owned(), ..Default::default() }
        }) => "application.number";
        webhooks.create_webhook(CreateWebhookRequest {
            organization_id: organization_id.clone(), actor: owner(), url: "ftp://a.example", events: vec![i32::from(wire::WebhookEvent::MessageCreated)]
        }) => "url";
    }
}
