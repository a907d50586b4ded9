//! `ApplicationService`.

use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::identity::{
    self as wire, application_service_server::ApplicationService,
    list_origins_request::Application as Name,
};
use prost_types::{FieldMask, Struct};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use super::audit::actor;
use crate::{
    grpc::{
        Handlers,
        json::{from_wire, to_struct},
        mask::Mask,
    },
    organization::{
        app::applications::{ApplicationName, ListedApplication, NewApplication},
        domain::application::{Application, ApplicationPatch, PreChatField},
        store::refusals::RefusedHour,
    },
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ApplicationService for Handlers {
    async fn list_applications(
        &self,
        request: Request<wire::ListApplicationsRequest>,
    ) -> Answer<wire::ListApplicationsResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.list_applications(organization, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListApplicationsResponse {
            applications: found.into_iter().map(listed).collect(),
            next_page_token,
        }))
    }

    async fn create_application(
        &self,
        request: Request<wire::CreateApplicationRequest>,
    ) -> Answer<wire::CreateApplicationResponse> {
        let request = request.into_inner();
        let created = async {
            let organization = organization_id(&request.organization_id)?;
            let actor = actor(request.actor)?;
            let new = new_application(request.application.unwrap_or_default());
            self.app.create_application(organization, actor, new).await
        };
        answer(
            created.await.map(|created| wire::CreateApplicationResponse {
                application: Some(created.into()),
            }),
        )
    }

    async fn list_origins(
        &self,
        request: Request<wire::ListOriginsRequest>,
    ) -> Answer<wire::ListOriginsResponse> {
        let request = request.into_inner();
        let origins = async {
            let missing = || Error::invalid("application", "is missing");
            let application = match request.application.ok_or_else(missing)? {
                Name::Number(number) => ApplicationName::Number(number),
                Name::ApplicationId(text) => ApplicationName::Id(id("application_id", &text)?),
            };
            self.app.origins(&request.organization_name, application).await
        };
        answer(origins.await.map(|origins| wire::ListOriginsResponse { origins }))
    }

    async fn update_application(
        &self,
        request: Request<wire::UpdateApplicationRequest>,
    ) -> Answer<wire::UpdateApplicationResponse> {
        let request = request.into_inner();
        let changed = async {
            let organization = organization_id(&request.organization_id)?;
            let application = request.application.unwrap_or_default();
            let application_id = id("application.id", &application.id)?;
            let patch = patch(application, request.update_mask)?;
            let actor = actor(request.actor)?;
            self.app.change_application(organization, actor, application_id, patch).await
        };
        answer(
            changed
                .await
                .map(|now| wire::UpdateApplicationResponse { application: Some(listed(now)) }),
        )
    }
}

fn listed(listed: ListedApplication) -> wire::Application {
    let hour = |hour: RefusedHour| wire::RefusedHour {
        hour: Some(timestamp(hour.hour)),
        count: hour.count,
    };
    let refused = listed.refused.into_iter().map(hour).collect();
    wire::Application { refused, ..listed.application.into() }
}

fn new_application(application: wire::Application) -> NewApplication {
    let (enabled, fields) = match application.pre_chat {
        Some(form) => (Some(form.enabled), Some(form.fields)),
        None => (None, None),
    };
    NewApplication {
        number: application.number,
        secret: application.secret,
        settings: ApplicationPatch {
            name: Some(application.name).filter(|name| !name.is_empty()),
            origins: Some(application.origins),
            look: application.look.map(look),
            form_enabled: enabled,
            form_fields: fields
                .filter(|fields| !fields.is_empty())
                .map(|fields| fields.into_iter().map(Into::into).collect()),
        },
    }
}

/// The settings that an update changes.
fn patch(application: wire::Application, mask: Option<FieldMask>) -> Result<ApplicationPatch> {
    let form = application.pre_chat.unwrap_or_default();
    let fields = [
        ("name", !application.name.is_empty()),
        ("origins", !application.origins.is_empty()),
        ("look", application.look.is_some()),
        ("pre_chat.enabled", form.enabled),
        ("pre_chat.fields", !form.fields.is_empty()),
    ];
    let mask = Mask::new(mask, &fields)?;
    let look = application.look.map(look).unwrap_or_default();
    let form_fields = form.fields.into_iter().map(Into::into).collect();
    Ok(ApplicationPatch {
        name: mask.has("name").then_some(application.name),
        origins: mask.has("origins").then_some(application.origins),
        look: mask.has("look").then_some(look),
        form_enabled: mask.has("pre_chat.enabled").then_some(form.enabled),
        form_fields: mask.has("pre_chat.fields").then_some(form_fields),
    })
}

fn look(wire: Struct) -> Map<String, Value> {
    wire.fields.into_iter().map(|(name, value)| (name, from_wire(value))).collect()
}

impl From<wire::PreChatField> for PreChatField {
    fn from(field: wire::PreChatField) -> Self {
        use wire::PreChatFieldType as Type;
        let kind = match Type::try_from(field.r#type) {
            Ok(Type::Unspecified) => "",
            Ok(Type::Text) => "text",
            Ok(Type::Email) => "email",
            Ok(Type::Tel) => "tel",
            // No type, so the field is invalid.
            Err(_) => "unknown",
        };
        let (name, label, required) = (field.name, field.label, field.required);
        Self { name, label, kind: kind.to_owned(), required }
    }
}

impl From<Application> for wire::Application {
    fn from(application: Application) -> Self {
        let fields = application.form.fields.into_iter().map(Into::into).collect();
        Self {
            id: application.id.to_string(),
            number: application.number,
            secret: application.secret,
            organization_name: application.organization,
            name: application.name,
            origins: application.origins,
            pre_chat: Some(wire::PreChatForm { enabled: application.form.enabled, fields }),
            look: Some(to_struct(&application.look)),
            refused: Vec::new(),
        }
    }
}

impl From<PreChatField> for wire::PreChatField {
    fn from(field: PreChatField) -> Self {
        let kind = match field.kind.as_str() {
            "text" => wire::PreChatFieldType::Text,
            "email" => wire::PreChatFieldType::Email,
            "tel" => wire::PreChatFieldType::Tel,
            _ => wire::PreChatFieldType::Unspecified,
        };
        let (name, label, required) = (field.name, field.label, field.required);
        Self { name, label, r#type: kind.into(), required }
    }
}
