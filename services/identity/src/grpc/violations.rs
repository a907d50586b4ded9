//! Invalid calls: their errors name the fields as the caller sent them.

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{
    self as wire, application_service_client::ApplicationServiceClient,
    organization_service_client::OrganizationServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;
use tonic::Status;

use crate::testing::{identity, owner, text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    errors_of_contacts_name_the_fields_of_the_request,
    errors_of_visitors_name_the_fields_of_the_request,
    errors_of_settings_name_the_fields_of_the_request,
}

/// Makes calls with these fields. Each has to fail, and to name the one path.
macro_rules! violations {
    ($($client:ident.$call:ident($message:ident { $($field:ident: $value:expr),* $(,)? }) => $path:expr;)*) => {
        $({
            let mut request: wire::$message = empty();
            $(request.$field = $value.into();)*
            let failed = $client.$call(request).await.unwrap_err();
            assert_eq!(violation(failed), $path, "{}", stringify!($call));
        })*
    };
}

fn empty<T: Default>() -> T {
    T::default()
}

/// The one field that an error names.
fn violation(failed: Status) -> String {
    let mut error = Error::from(failed);
    assert_eq!((error.reason, error.fields.len()), (Reason::InvalidArgument, 1), "{error}");
    error.fields.remove(0).path
}

async fn errors_of_contacts_name_the_fields_of_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = &identity.organization_id;
    let mut contacts = identity.contacts();
    let user = wire::UserClaims { user_id: text("u"), email: text("no"), ..Default::default() };
    let filter = |operator: i32| wire::ContactFilter {
        field: "name".to_owned(),
        operator,
        value: text("Ann"),
    };
    violations! {
        contacts.get_contact(GetContactRequest { organization_id: "x" }) => "organization_id";
        contacts.get_contact(GetContactRequest {
            organization_id: organization.clone(), contact_id: "x",
        }) => "contact_id";
        contacts.batch_get_contacts(BatchGetContactsRequest {
            organization_id: organization.clone(),
            contact_ids: vec![organization.clone(), "x".to_owned()],
        }) => "contact_ids[1]";
        contacts.list_contacts(ListContactsRequest {
            organization_id: organization.clone(), page_size: -1,
        }) => "page_size";
        contacts.list_contacts(ListContactsRequest {
            organization_id: organization.clone(), page_token: "x",
        }) => "page_token";
        contacts.search_contacts(SearchContactsRequest {
            organization_id: organization.clone(), filters: vec![filter(1), filter(9)],
        }) => "filters[1].operator";
        contacts.upsert_contact(UpsertContactRequest {
            organization_id: organization.clone(), actor: owner(),
            changes: wire::ContactChanges { user: Some(user), ..Default::default() },
        }) => "changes.user.email";
    }
}

async fn errors_of_visitors_name_the_fields_of_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let (mut sessions, mut visitors) = (identity.sessions(), identity.visitors());
    let token = identity.start_session(None, None, "").await.token;
    let accidental = identity.request(Some("null"), None, "");
    assert_eq!(violation(sessions.identify(accidental).await.unwrap_err()), "user.user_id");
    let answer = |name: &str, value: &str| (name.to_owned(), text(value).unwrap());
    violations! {
        visitors.track_event(TrackEventRequest { token: token.clone() }) => "name";
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: token.clone(), fields: [answer("email", "no"), answer("name", "Ann")],
        }) => r#"fields["email"]"#;
        visitors.submit_pre_chat(SubmitPreChatRequest {
            token: token, context: wire::PageContext { platform: 9, ..Default::default() },
        }) => "context.platform";
    }
}

async fn errors_of_settings_name_the_fields_of_the_request(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization_id = &identity.organization_id;
    let peer = || identity.service.peer();
    let mut organizations = OrganizationServiceClient::new(peer());
    let mut applications = ApplicationServiceClient::new(peer());
    let mut webhooks = WebhookServiceClient::new(peer());
    let mask = |path: &str| FieldMask { paths: vec![path.to_owned()] };
    let numbered = wire::Application {
        number: -1,
        secret: "secret".to_owned(),
        ..wire::Application::default()
    };
    violations! {
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: organization_id.clone(), actor: owner(), update_mask: mask("color"),
        }) => "update_mask";
        organizations.update_organization(UpdateOrganizationRequest {
            organization_id: organization_id.clone(), actor: owner(),
            organization: wire::Organization::default(), update_mask: mask("name"),
        }) => "organization.name";
        applications.create_application(CreateApplicationRequest {
            organization_id: organization_id.clone(), actor: owner(), application: numbered,
        }) => "application.number";
        webhooks.create_webhook(CreateWebhookRequest {
            organization_id: organization_id.clone(), actor: owner(), url: "ftp://a.example",
            events: vec![i32::from(wire::WebhookEvent::MessageCreated)],
        }) => "url";
    }
}
