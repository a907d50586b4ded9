//! Settings in messages.

use onethread_core::OrganizationId;
use onethread_errors::{Error, Result};
use onethread_proto::identity as wire;
use prost_types::FieldMask;

use crate::{
    grpc::mask::Mask,
    organization::domain::{
        policy::Policy,
        settings::{Settings, SettingsPatch},
    },
};

/// An organization with its settings.
pub(super) fn organization(id: OrganizationId, settings: Settings) -> wire::Organization {
    let policy = match settings.policy {
        Policy::Optional => wire::IdentityPolicy::Optional,
        Policy::SecurityHash => wire::IdentityPolicy::SecurityHash,
        Policy::Hmac => wire::IdentityPolicy::Hmac,
        Policy::Jwt => wire::IdentityPolicy::Jwt,
    };
    let Settings { name, report_only, .. } = settings;
    wire::Organization { id: id.to_string(), name, policy: policy.into(), report_only }
}

/// The settings that an update changes.
pub(super) fn patch(
    organization: Option<wire::Organization>,
    mask: Option<FieldMask>,
) -> Result<SettingsPatch> {
    let organization = organization.unwrap_or_default();
    let fields = [
        ("name", !organization.name.is_empty()),
        ("policy", organization.policy != 0),
        ("report_only", organization.report_only),
    ];
    let mask = Mask::new(mask, &fields)?;
    let policy = mask.has("policy").then(|| policy(organization.policy())).transpose()?;
    Ok(SettingsPatch {
        policy,
        report_only: mask.has("report_only").then_some(organization.report_only),
        name: mask.has("name").then_some(organization.name),
    })
}

fn policy(policy: wire::IdentityPolicy) -> Result<Policy> {
    match policy {
        wire::IdentityPolicy::Optional => Ok(Policy::Optional),
        wire::IdentityPolicy::SecurityHash => Ok(Policy::SecurityHash),
        wire::IdentityPolicy::Hmac => Ok(Policy::Hmac),
        wire::IdentityPolicy::Jwt => Ok(Policy::Jwt),
        wire::IdentityPolicy::Unspecified => Err(Error::invalid(
            "organization.policy",
            "is not optional, security_hash, hmac or jwt",
        )),
    }
}
