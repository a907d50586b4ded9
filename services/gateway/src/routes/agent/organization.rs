//! Settings of an organization. For owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use onethread_proto::identity::{self, GetOrganizationRequest, UpdateOrganizationRequest};
use prost_types::FieldMask;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::Owner,
    extract::{Body, Faults},
    openapi::{Problems, reasons::OrganizationExists},
    problem::ApiResult,
};

/// Settings of an organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    /// The domain that names it.
    name: String,
    policy: Policy,
    /// The policy only counts what it would reject; `optional` is enforced.
    report_only: bool,
}

/// What is needed with a `user_id`, weakest first.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[deserr(error = Faults, rename_all = lowercase)]
enum Policy {
    Optional,
    #[deserr(rename = "security_hash")]
    SecurityHash,
    Hmac,
    Jwt,
}

impl Policy {
    fn to_wire(self) -> identity::IdentityPolicy {
        match self {
            Self::Optional => identity::IdentityPolicy::Optional,
            Self::SecurityHash => identity::IdentityPolicy::SecurityHash,
            Self::Hmac => identity::IdentityPolicy::Hmac,
            Self::Jwt => identity::IdentityPolicy::Jwt,
        }
    }
}

impl From<identity::Organization> for Organization {
    fn from(organization: identity::Organization) -> Self {
        let policy = match organization.policy() {
            identity::IdentityPolicy::Optional | identity::IdentityPolicy::Unspecified => {
                Policy::Optional
            }
            identity::IdentityPolicy::SecurityHash => Policy::SecurityHash,
            identity::IdentityPolicy::Hmac => Policy::Hmac,
            identity::IdentityPolicy::Jwt => Policy::Jwt,
        };
        Self { policy, report_only: organization.report_only, name: organization.name }
    }
}

/// The organization's settings.
#[utoipa::path(get, path = "/organization", operation_id = "getOrganization", tag = "organization",
    responses((status = 200, description = "The settings.", body = Organization),
        Problems<(Owner,)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<Json<Organization>> {
    let request = GetOrganizationRequest { organization_id: owner.organization.to_string() };
    let answer = app.clients.organizations().get_organization(request).await?.into_inner();
    Ok(Json(answer.organization.unwrap_or_default().into()))
}

/// Changes of an organization. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct OrganizationChange {
    /// The domain that names it. Change snippets, logins and `aud` of tokens with it.
    #[deserr(default)]
    #[schema(max_length = 253)]
    name: Option<String>,
    /// `optional`, `security_hash`, `hmac` or `jwt`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    policy: Option<Policy>,
    /// The policy only counts what it would reject; `optional` is enforced.
    #[deserr(default)]
    report_only: Option<bool>,
}

impl OrganizationChange {
    /// The new settings, with the mask of those that are given.
    fn into_wire(self) -> (identity::Organization, FieldMask) {
        let given = [
            ("name", self.name.is_some()),
            ("policy", self.policy.is_some()),
            ("report_only", self.report_only.is_some()),
        ];
        let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
        let organization = identity::Organization {
            name: self.name.unwrap_or_default(),
            policy: self.policy.map(|policy| policy.to_wire().into()).unwrap_or_default(),
            report_only: self.report_only.unwrap_or_default(),
            ..identity::Organization::default()
        };
        (organization, FieldMask { paths: paths.collect() })
    }
}

/// Changes the settings. Sessions without the proof that is now needed end.
#[utoipa::path(patch, path = "/organization", operation_id = "updateOrganization",
    tag = "organization", request_body = OrganizationChange,
    responses((status = 200, description = "The settings.", body = Organization),
        Problems<(Owner, Body<OrganizationChange>, OrganizationExists)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body<OrganizationChange>,
) -> ApiResult<Json<Organization>> {
    let (organization, mask) = body.content()?.into_wire();
    let request = UpdateOrganizationRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        organization: Some(organization),
        update_mask: Some(mask),
    };
    let answer = app.clients.organizations().update_organization(request).await?.into_inner();
    app.revocations.note_organization(owner.organization);
    Ok(Json(answer.organization.unwrap_or_default().into()))
}
