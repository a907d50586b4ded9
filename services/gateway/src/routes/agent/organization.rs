//! What an organization has settled. For owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{self, GetOrganizationRequest, UpdateOrganizationRequest};
use prost_types::FieldMask;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::Owner,
    extract::Body,
    json::OrganizationChange,
    openapi::{Refusals, reasons::OrganizationExists},
    problem::ApiResult,
};

/// What an organization has settled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    /// The domain that names it.
    name: String,
    policy: Policy,
    /// The policy only counts what it would refuse; `optional` is enforced.
    report_only: bool,
}

/// What is needed with a `user_id`, weakest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Policy {
    Optional,
    SecurityHash,
    Hmac,
    Jwt,
}

impl From<identity::Organization> for Organization {
    fn from(organization: identity::Organization) -> Self {
        use identity::Policy as Wire;
        let policy = match organization.policy() {
            Wire::Optional | Wire::Unspecified => Policy::Optional,
            Wire::SecurityHash => Policy::SecurityHash,
            Wire::Hmac => Policy::Hmac,
            Wire::Jwt => Policy::Jwt,
        };
        Self { policy, report_only: organization.report_only, name: organization.name }
    }
}

/// The organization.
#[utoipa::path(get, path = "/organization", operation_id = "getOrganization", tag = "organization",
    responses((status = 200, description = "What it has settled.", body = Organization),
        Refusals<(Owner,)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<Json<Organization>> {
    let request = GetOrganizationRequest { organization_id: owner.organization };
    let answer = app.organizations().get_organization(request).await?.into_inner();
    Ok(Json(answer.organization.unwrap_or_default().into()))
}

/// Changes it. Sessions that did not prove what is needed from now on are over.
#[utoipa::path(patch, path = "/organization", operation_id = "updateOrganization",
    tag = "organization", request_body = OrganizationChange,
    responses((status = 200, description = "What it has settled.", body = Organization),
        Refusals<(Owner, Body, OrganizationExists)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body,
) -> ApiResult<Json<Organization>> {
    let (organization, paths) = change(&body)?;
    let request = UpdateOrganizationRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.clone(),
        organization: Some(organization),
        update_mask: Some(FieldMask { paths }),
    };
    let answer = app.organizations().update_organization(request).await?.into_inner();
    app.revocations.forget(&owner.organization, []);
    Ok(Json(answer.organization.unwrap_or_default().into()))
}

/// The members that are given, and their names.
fn change(body: &Body) -> Result<(identity::Organization, Vec<String>)> {
    use identity::Policy as Wire;
    let mut wanted = identity::Organization::default();
    let mut paths = Vec::new();
    if let Some(name) = body.optional_text("name")? {
        wanted.name = name;
        paths.push("name".to_owned());
    }
    if let Some(policy) = body.optional_text("policy")? {
        let policy = match policy.as_str() {
            "optional" => Wire::Optional,
            "security_hash" => Wire::SecurityHash,
            "hmac" => Wire::Hmac,
            "jwt" => Wire::Jwt,
            _ => {
                let detail = "is not optional, security_hash, hmac or jwt";
                return Err(Error::invalid("/policy", detail));
            }
        };
        wanted.set_policy(policy);
        paths.push("policy".to_owned());
    }
    if let Some(report_only) = body.optional_truth("reportOnly")? {
        wanted.report_only = report_only;
        paths.push("report_only".to_owned());
    }
    Ok((wanted, paths))
}
