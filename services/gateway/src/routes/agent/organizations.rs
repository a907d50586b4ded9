//! Organizations are made by whoever runs the server: the operator, with a token of their own.
//! Without it, or with another, there is no such call.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use http::{StatusCode, request::Parts};
use onethread_errors::{Error, Reason};
use onethread_proto::identity::CreateOrganizationRequest;
use secrecy::ExposeSecret;
use serde::Serialize;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::{
    address,
    app::App,
    auth,
    extract::Body,
    json::NewOrganization,
    openapi::{
        Refusals, Refuses,
        reasons::{DeadlineExceeded, InvalidArgument, OrganizationExists, Unavailable},
    },
    problem::{ApiError, ApiResult},
};

/// The one who runs the server.
#[derive(Debug)]
pub(super) struct Operator;

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let config = &app.config;
        // Guesses are counted whether or not there is anything to guess.
        let from = address::client(&parts.extensions, &parts.headers, &config.trusted_proxies);
        app.limits.other(from)?;
        let said = auth::bearer(&parts.headers).unwrap_or_default();
        let right = config.operator_token.as_ref().is_some_and(|token| {
            bool::from(token.expose_secret().as_bytes().ct_eq(said.as_bytes()))
        });
        if right { Ok(Self) } else { Err(Error::not_found().into()) }
    }
}

impl Refuses for Operator {
    fn reasons() -> Vec<Reason> {
        vec![Reason::NotFound, Reason::RateLimited]
    }
}

/// A new organization. Its secrets are shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeOrganization {
    /// Its domain.
    organization: String,
    /// Number of its application.
    application_id: i64,
    application_secret: String,
    /// Public id of the same application.
    #[schema(format = Uuid)]
    app_id: String,
    agent: FirstAgent,
    /// A key for the organization's servers.
    api_key: String,
}

/// Its owner.
#[derive(Debug, Serialize, ToSchema)]
struct FirstAgent {
    email: String,
    password: String,
}

/// Makes an organization with an application, an owner and an API key.
#[utoipa::path(post, path = "/organizations", operation_id = "createOrganization",
    tag = "organization", security(("operator" = [])), request_body = NewOrganization,
    responses(
        (status = 201, description = "The organization.", body = MadeOrganization),
        Refusals<(Operator, Body, InvalidArgument, OrganizationExists, Unavailable, DeadlineExceeded)>,
    ))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    _: Operator,
    body: Body,
) -> ApiResult<(StatusCode, Json<MadeOrganization>)> {
    let organization = body.text("organization")?;
    let password = body.text("agentPassword")?;
    let wanted = CreateOrganizationRequest {
        organization: organization.clone(),
        agent_email: body.text("agentEmail")?,
        agent_password: password.clone(),
    };
    let made = app.organizations().create_organization(wanted).await?.into_inner();
    let email = made.agent.unwrap_or_default().email;
    let made = MadeOrganization {
        organization,
        application_id: made.application_id,
        application_secret: made.application_secret,
        app_id: made.app_id,
        agent: FirstAgent { email, password },
        api_key: made.api_key,
    };
    Ok((StatusCode::CREATED, Json(made)))
}
