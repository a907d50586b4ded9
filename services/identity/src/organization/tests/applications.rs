//! Applications on a real database, through the service's own calls.

use std::time::Duration;

use onethread_core::{ApplicationId, Clock, OrganizationId, SystemClock};
use onethread_grpc::Peer;
use onethread_proto::identity::{
    self as wire, Application, PreChatField, PreChatForm,
    application_service_client::ApplicationServiceClient, audit_service_client::AuditServiceClient,
    identify_request, identify_response::Outcome,
    organization_service_client::OrganizationServiceClient,
    session_service_client::SessionServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    organization::store::refusals,
    testing::{Identity, identity, owner, session_of, text},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_application_is_created_with_the_number_and_secret_it_had,
    numbers_are_unique_and_the_next_free_one_is_found,
    only_masked_fields_change_and_only_in_the_organization,
    pages_of_other_origins_are_rejected,
    without_a_form_a_visitor_may_write,
    changes_of_applications_are_audited,
    failed_verifications_are_counted_by_hour_for_a_week,
    origins_are_listed_for_the_snippet,
}

struct Fixture {
    identity: Identity,
}

impl Fixture {
    fn client(&self) -> ApplicationServiceClient<Peer> {
        ApplicationServiceClient::new(self.identity.service.peer())
    }

    async fn create(
        &self,
        organization: &str,
        application: Application,
    ) -> Result<Application, Status> {
        let request = wire::CreateApplicationRequest {
            organization_id: organization.to_owned(),
            application: Some(application),
            actor: owner(),
        };
        let created = self.client().create_application(request).await?;
        Ok(created.into_inner().application.unwrap())
    }

    async fn update(
        &self,
        organization: &str,
        new: Application,
        paths: &[&str],
    ) -> Result<Application, Code> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = wire::UpdateApplicationRequest {
            organization_id: organization.to_owned(),
            application: Some(new),
            update_mask: Some(FieldMask { paths }),
            actor: owner(),
        };
        let changed = self.client().update_application(request).await;
        changed.map(|now| now.into_inner().application.unwrap()).map_err(|status| status.code())
    }

    async fn list(&self, organization: &str, page_size: i32) -> Vec<Application> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let organization_id = organization.to_owned();
            let request = wire::ListApplicationsRequest { organization_id, page_size, page_token };
            let page = self.client().list_applications(request).await.unwrap().into_inner();
            all.extend(page.applications);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// Another organization on the same server.
    async fn other(&self) -> wire::CreateOrganizationResponse {
        let request = wire::CreateOrganizationRequest {
            organization_name: "other.example".to_owned(),
            agent_email: "owner@other.example".to_owned(),
            agent_password: "long enough".to_owned(),
        };
        let mut client = OrganizationServiceClient::new(self.identity.service.peer());
        client.create_organization(request).await.unwrap().into_inner()
    }

    async fn start(&self, from: &Application, origin: &str) -> Result<wire::Session, Status> {
        let number_and_secret =
            wire::ApplicationNumberAndSecret { number: from.number, secret: from.secret.clone() };
        let request = wire::IdentifyRequest {
            application: Some(identify_request::Application::NumberAndSecret(number_and_secret)),
            origin: origin.to_owned(),
            ..self.identity.request(Some("u"), None, "")
        };
        let outcome = self.identity.sessions().identify(request).await?.into_inner().outcome;
        Ok(session_of(outcome.unwrap()))
    }
}

fn imported(number: i64) -> Application {
    Application { number, secret: "old secret".to_owned(), ..Application::default() }
}

async fn an_application_is_created_with_the_number_and_secret_it_had(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let created =
        fixture.create(&fixture.identity.organization_id, imported(987_654)).await.unwrap();
    assert_eq!((created.number, &*created.secret), (987_654, "old secret"));
    assert_eq!((&*created.name, &*created.organization_name), ("demo", "demo"));
    assert_eq!(created.pre_chat.as_ref().unwrap().fields.len(), 2);
    let session = fixture.start(&created, "").await.unwrap();
    assert_eq!(session.organization_id, fixture.identity.organization_id);
    let wrong = Application { secret: "other".to_owned(), ..created };
    assert_eq!(fixture.start(&wrong, "").await.unwrap_err().code(), Code::Unauthenticated);
    for (number, secret) in [(-1, "s"), (1 << 53, "s"), (5, "a\0b"), (5, &"x".repeat(256))] {
        let secret = secret.to_owned();
        let invalid = Application { number, secret, ..Default::default() };
        let rejected =
            fixture.create(&fixture.identity.organization_id, invalid).await.unwrap_err();
        assert_eq!(rejected.code(), Code::InvalidArgument, "{number}");
    }
}

async fn numbers_are_unique_and_the_next_free_one_is_found(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let other = fixture.other().await;
    fixture.create(&fixture.identity.organization_id, imported(3)).await.unwrap();
    let duplicate =
        fixture.create(&fixture.identity.organization_id, imported(3)).await.unwrap_err();
    assert_eq!(duplicate.code(), Code::AlreadyExists);
    // Numbers of other organizations don't matter.
    fixture.create(&other.organization.unwrap().id, imported(3)).await.unwrap();
    let largest = (1 << 53) - 1;
    fixture.create(&fixture.identity.organization_id, imported(largest)).await.unwrap();

    let calls =
        (0..8).map(|_| fixture.create(&fixture.identity.organization_id, Application::default()));
    let created = futures::future::join_all(calls).await;
    let mut numbers: Vec<_> = created.into_iter().map(|created| created.unwrap().number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 4, 5, 6, 7, 8, 9, 10]);
    let listed = fixture.list(&fixture.identity.organization_id, 3).await;
    let mut listed: Vec<_> = listed.iter().map(|one| one.number).collect();
    listed.sort_unstable();
    assert_eq!(listed, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, largest]);
}

async fn only_masked_fields_change_and_only_in_the_organization(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let before = fixture.list(&fixture.identity.organization_id, 0).await.remove(0);
    let look = [("colour".to_owned(), text("#123456").unwrap())].into();
    let new = Application {
        id: before.id.clone(),
        name: "Shop".to_owned(),
        look: Some(prost_types::Struct { fields: look }),
        secret: "not read".to_owned(),
        ..Application::default()
    };
    let now =
        fixture.update(&fixture.identity.organization_id, new.clone(), &["look"]).await.unwrap();
    assert_eq!(now, Application { look: new.look.clone(), ..before.clone() });
    let session = fixture.start(&now, "").await.unwrap();
    let settings = session.settings.unwrap().fields;
    let kind = prost_types::value::Kind::StructValue(new.look.clone().unwrap());
    assert_eq!(settings["look"].kind, Some(kind));

    let wrong = fixture.update(&fixture.identity.organization_id, new.clone(), &["secret"]).await;
    assert_eq!(wrong.unwrap_err(), Code::InvalidArgument);
    let unnamed = Application { name: " ".to_owned(), ..new.clone() };
    let unnamed = fixture.update(&fixture.identity.organization_id, unnamed, &["name"]).await;
    assert_eq!(unnamed.unwrap_err(), Code::InvalidArgument);
    let other = fixture.other().await.organization.unwrap().id;
    assert_eq!(fixture.update(&other, new.clone(), &["name"]).await.unwrap_err(), Code::NotFound);
    let unknown = Application { id: Uuid::from_u128(9).to_string(), ..new };
    assert_eq!(
        fixture.update(&fixture.identity.organization_id, unknown, &["name"]).await.unwrap_err(),
        Code::NotFound
    );
    assert_eq!(fixture.list(&fixture.identity.organization_id, 0).await, [now]);
    assert!(fixture.list(&other, 0).await.iter().all(|one| one.id != before.id));
}

async fn pages_of_other_origins_are_rejected(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let created = Application { origins: vec!["https://Shop.example/".to_owned()], ..imported(7) };
    let created = fixture.create(&fixture.identity.organization_id, created).await.unwrap();
    assert_eq!(created.origins, ["https://shop.example"]);
    let foreign = "https://evil.example";
    let rejected = fixture.start(&created, foreign).await.unwrap_err();
    assert_eq!(rejected.code(), Code::PermissionDenied);
    let contacts = wire::ListContactsRequest {
        organization_id: fixture.identity.organization_id.clone(),
        ..wire::ListContactsRequest::default()
    };
    let contacts = fixture.identity.contacts().list_contacts(contacts).await.unwrap().into_inner();
    assert!(contacts.contacts.is_empty(), "a rejected page writes nothing");

    let session = fixture.start(&created, "https://shop.example").await.unwrap();
    let visitor = fixture.identity.start_session(None, None, "").await;
    let ask = async |token: &str, origin: &str| {
        let (credential, origin) = (token.to_owned(), origin.to_owned());
        let request = wire::AuthenticateRequest { credential, origin, ..Default::default() };
        let mut client = SessionServiceClient::new(fixture.identity.other.peer());
        client.authenticate(request).await.map(drop).map_err(|status| status.code())
    };
    assert_eq!(ask(&session.token, "").await, Ok(()));
    assert_eq!(ask(&session.token, "https://shop.example").await, Ok(()));
    assert_eq!(ask(&session.token, foreign).await, Err(Code::PermissionDenied));
    assert_eq!(ask(&visitor.token, foreign).await, Ok(()), "its application lists no origins");

    // A change applies to existing sessions.
    let open = Application { id: created.id, ..Application::default() };
    fixture.update(&fixture.identity.organization_id, open, &["origins"]).await.unwrap();
    assert_eq!(ask(&session.token, foreign).await, Ok(()));
}

async fn without_a_form_a_visitor_may_write(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let application = fixture.list(&fixture.identity.organization_id, 0).await.remove(0);
    let due = async |token: &str| {
        let caller = fixture.identity.authenticate(token).await.unwrap().caller.unwrap();
        let wire::authenticate_response::Caller::Visitor(visitor) = caller else { panic!() };
        visitor.pre_chat_required
    };
    let asked = fixture.identity.start_session(None, None, "").await;
    assert!(asked.pre_chat.unwrap().show && due(&asked.token).await);
    let field = PreChatField { name: "custom.size".to_owned(), ..PreChatField::default() };
    for (form, path, shown) in [
        (PreChatForm { enabled: false, fields: Vec::new() }, "pre_chat.enabled", false),
        (PreChatForm { enabled: true, fields: Vec::new() }, "pre_chat.enabled", true),
        (PreChatForm { enabled: true, fields: Vec::new() }, "pre_chat.fields", false),
        (PreChatForm { enabled: true, fields: vec![field] }, "pre_chat.fields", true),
    ] {
        let id = application.id.clone();
        let new = Application { id, pre_chat: Some(form), ..Application::default() };
        fixture.update(&fixture.identity.organization_id, new, &[path]).await.unwrap();
        let session = fixture.identity.start_session(None, None, "").await;
        assert_eq!(session.pre_chat.unwrap().show, shown);
        assert_eq!(due(&session.token).await, shown);
        assert_eq!(due(&asked.token).await, shown);
    }
    let answer = text("XL").unwrap();
    let form = wire::SubmitPreChatRequest {
        token: asked.token.clone(),
        fields: [("custom.size".to_owned(), answer.clone())].into(),
        ..Default::default()
    };
    let done = fixture.identity.visitors().submit_pre_chat(form).await.unwrap().into_inner();
    let person = done.session.unwrap().person.unwrap();
    assert_eq!(person.custom_data.unwrap().fields, [("size".to_owned(), answer)].into());
}

async fn changes_of_applications_are_audited(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let created = fixture.create(&fixture.identity.organization_id, imported(7)).await.unwrap();
    let new = Application { name: "Shop".to_owned(), ..created.clone() };
    fixture.update(&fixture.identity.organization_id, new, &["name"]).await.unwrap();
    fixture.create(&fixture.identity.organization_id, imported(7)).await.unwrap_err();
    let request = wire::ListAuditEntriesRequest {
        organization_id: fixture.identity.organization_id.clone(),
        ..wire::ListAuditEntriesRequest::default()
    };
    let mut client = AuditServiceClient::new(fixture.identity.service.peer());
    let entries = client.list_audit_entries(request).await.unwrap().into_inner().entries;
    let changes: Vec<_> = entries.iter().map(|one| (&*one.action, &one.subject)).collect();
    let id = &created.id;
    assert_eq!(changes, [("application.change", id), ("application.create", id)]);
    assert!(entries.iter().all(|entry| entry.actor == owner()));
}

async fn failed_verifications_are_counted_by_hour_for_a_week(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let created = fixture.create(&fixture.identity.organization_id, imported(7)).await.unwrap();
    assert!(created.refused.is_empty());
    fixture.other().await;
    // Logins without the right claim are rejected, one of them at the other application.
    fixture.identity.start_session(Some("u"), Some("right"), "").await;
    for _ in 0..2 {
        fixture.identity.identify(Some("u"), Some("wrong"), "").await;
    }
    let by_id = identify_request::Application::ApplicationId(created.id.clone());
    let other = wire::IdentifyRequest {
        application: Some(by_id),
        ..fixture.identity.request(Some("u"), None, "")
    };
    let rejected = fixture.identity.sessions().identify(other).await.unwrap().into_inner();
    assert_eq!(rejected.application_id, created.id);
    assert!(matches!(rejected.outcome, Some(Outcome::Refused(_))));
    let settings = wire::UpdateOrganizationRequest {
        organization_id: fixture.identity.organization_id.clone(),
        organization: Some(wire::Organization {
            policy: wire::IdentityPolicy::Hmac.into(),
            report_only: true,
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["policy".to_owned(), "report_only".to_owned()] }),
        actor: owner(),
    };
    let mut client = OrganizationServiceClient::new(fixture.identity.service.peer());
    client.update_organization(settings).await.unwrap();
    // This login succeeds, and is counted because the policy would reject it.
    fixture.identity.start_session(Some("other"), None, "").await;

    let app = &fixture.identity.service.app;
    let organization: OrganizationId = fixture.identity.organization_id.parse().unwrap();
    let id: ApplicationId = created.id.parse().unwrap();
    let now = SystemClock.now();
    for days in [6, 8] {
        let then = now.minus(Duration::from_secs(days * 24 * 3600));
        for _ in 0..2 {
            let mut conn = app.db.writer("test").await.unwrap();
            refusals::count(&mut conn, organization, id, then).await.unwrap();
        }
    }
    let listed = fixture.list(&fixture.identity.organization_id, 1).await;
    let count = |n: usize| -> i64 { listed[n].refused.iter().map(|hour| hour.count).sum() };
    assert_eq!((count(0), count(1), listed.len()), (3, 3, 2));
    let hour = listed[1].refused[0].hour.unwrap();
    assert!(listed[1].refused.len() == 2 && hour.seconds % 3600 == 0 && hour.nanos == 0);
    assert!(hour.seconds > listed[1].refused[1].hour.unwrap().seconds, "newest first");
    let changed =
        fixture.update(&fixture.identity.organization_id, created, &["name"]).await.unwrap();
    assert_eq!(changed.refused, listed[1].refused);
}

async fn origins_are_listed_for_the_snippet(scratch: ScratchDatabase) {
    use wire::list_origins_request::Application as Named;
    let fixture = Fixture { identity: identity(scratch).await };
    let listed = vec!["https://a.example".to_owned(), "https://b.example:8443".to_owned()];
    let created = Application { origins: listed.clone(), ..imported(7) };
    let created = fixture.create(&fixture.identity.organization_id, created).await.unwrap();
    fixture.other().await;
    let origins = async |organization: &str, application: Option<Named>| {
        let organization_name = organization.to_owned();
        let request = wire::ListOriginsRequest { organization_name, application };
        let answer = fixture.client().list_origins(request).await;
        answer.map(|found| found.into_inner().origins).map_err(|status| status.code())
    };
    let by_number = |number| Some(Named::Number(number));
    let by_id = |id: &str| Some(Named::ApplicationId(id.to_owned()));
    assert_eq!(origins("demo", by_number(7)).await, Ok(listed.clone()));
    assert_eq!(origins("demo", by_id(&created.id)).await, Ok(listed));
    let none = Ok(Vec::new());
    for (organization, application) in [
        ("demo", by_number(1)),
        ("demo", by_number(9)),
        ("other.example", by_number(7)),
        ("other.example", by_id(&created.id)),
        ("a\0b", by_number(7)),
    ] {
        assert_eq!(origins(organization, application).await, none, "{organization}");
    }
    assert_eq!(origins("demo", by_id("nonsense")).await, Err(Code::InvalidArgument));
    assert_eq!(origins("demo", None).await, Err(Code::InvalidArgument));
}
