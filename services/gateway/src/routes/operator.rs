//! Calls of the operator, who runs the server and has a token of their own. Without the token, or
//! with a wrong one, the calls don't exist.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use deserr::Deserr;
use http::{StatusCode, request::Parts};
use onethread_errors::{Error, Reason};
use onethread_proto::identity::CreateOrganizationRequest;
use secrecy::ExposeSecret;
use serde::Serialize;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    address,
    app::App,
    authentication::bearer,
    extract::{Body, Faults},
    openapi::{
        Problems, Rejects,
        reasons::{DeadlineExceeded, InvalidArgument, OrganizationExists, Unavailable},
    },
    problem::{ApiError, ApiResult},
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(create_organization))
}

/// The caller who runs the server.
#[derive(Debug)]
struct Operator;

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let config = &app.config;
        // Guesses are counted even if no token is configured.
        let from = address::client(&parts.extensions, &parts.headers, &config.trusted_proxies);
        app.limits.other(from)?;
        let given = bearer(&parts.headers).unwrap_or_default();
        let is_right = config.operator_token.as_ref().is_some_and(|token| {
            bool::from(token.expose_secret().as_bytes().ct_eq(given.as_bytes()))
        });
        if is_right { Ok(Self) } else { Err(Error::not_found().into()) }
    }
}

impl Rejects for Operator {
    fn reasons() -> Vec<Reason> {
        vec![Reason::NotFound, Reason::RateLimited]
    }
}

/// A new organization. Its secrets are shown only this once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedOrganization {
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

/// An organization to create, and its owner.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewOrganization {
    /// The domain that names it, in lower case.
    #[schema(max_length = 253)]
    organization: String,
    #[schema(max_length = 254)]
    agent_email: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    agent_password: String,
}

/// Creates an organization with an application, an owner and an API key.
#[utoipa::path(post, path = "/organizations", operation_id = "createOrganization",
    tag = "organization", security(("operator" = [])), request_body = NewOrganization,
    responses(
        (status = 201, description = "The organization.", body = CreatedOrganization),
        Problems<(Operator, Body<NewOrganization>, InvalidArgument, OrganizationExists, Unavailable,
            DeadlineExceeded)>,
    ))]
async fn create_organization(
    State(app): State<Arc<App>>,
    _: Operator,
    body: Body<NewOrganization>,
) -> ApiResult<(StatusCode, Json<CreatedOrganization>)> {
    let NewOrganization { organization, agent_email, agent_password } = body.content()?;
    let request = CreateOrganizationRequest {
        organization_name: organization.clone(),
        agent_email,
        agent_password: agent_password.clone(),
    };
    let answer = app.clients.organizations().create_organization(request).await?.into_inner();
    let email = answer.agent.unwrap_or_default().email;
    let application = answer.application.unwrap_or_default();
    let created = CreatedOrganization {
        organization,
        application_id: application.number,
        application_secret: application.secret,
        app_id: application.id,
        agent: FirstAgent { email, password: agent_password },
        api_key: answer.api_key_secret,
    };
    Ok((StatusCode::CREATED, Json(created)))
}
