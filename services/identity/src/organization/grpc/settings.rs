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
        Policy::Optional => wire::Policy::Optional,
        Policy::SecurityHash => wire::Policy::SecurityHash,
        Policy::Hmac => wire::Policy::Hmac,
        Policy::Jwt => wire::Policy::Jwt,
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

fn policy(policy: wire::Policy) -> Result<Policy> {
    match policy {
        wire::Policy::Optional => Ok(Policy::Optional),
        wire::Policy::SecurityHash => Ok(Policy::SecurityHash),
        wire::Policy::Hmac => Ok(Policy::Hmac),
        wire::Policy::Jwt => Ok(Policy::Jwt),
        wire::Policy::Unspecified => Err(Error::invalid(
            "organization.policy",
            "is not optional, security_hash, hmac or jwt",
        )),
    }
}
