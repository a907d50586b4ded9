//! Settings in messages.

use onethread_core::OrganizationId;
use onethread_errors::{Error, Result};
use onethread_proto::identity as wire;

use crate::organization::domain::{
    policy::Policy,
    settings::{Settings, SettingsPatch},
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

/// The fields that a mask names.
pub(super) fn patch(
    organization: Option<wire::Organization>,
    mask: Option<prost_types::FieldMask>,
) -> Result<SettingsPatch> {
    let organization = organization.unwrap_or_default();
    let mut patch = SettingsPatch::default();
    for path in mask.unwrap_or_default().paths {
        match path.as_str() {
            "name" => patch.name = Some(organization.name.clone()),
            "policy" => patch.policy = Some(policy(organization.policy())?),
            "report_only" => patch.report_only = Some(organization.report_only),
            _ => return Err(Error::invalid("update_mask", "names a field that can't change")),
        }
    }
    Ok(patch)
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
