//! The device and the tokens after a login.

use onethread_core::{ContactId, IdentityKeyId};

use super::{Login, state::LoginDevice};
use crate::{
    contact::domain::contact::{Contact, TOUCH_INTERVAL},
    domain::tokens::{CONTACT_LIFE, ContactToken, DeviceToken},
    organization::domain::policy::Verified,
    session::domain::session::Device,
};

/// The device with the contact logged in on it.
pub(super) fn device(login: &Login, state: LoginDevice<'_>, contact: &Contact) -> Device {
    let platform = &login.context.platform;
    match state.device() {
        Some(current) if current.contact_id == Some(contact.id) => {
            let mut device = current.clone();
            let unused = login.now.since(current.last_seen_at);
            if unused >= CONTACT_LIFE {
                // The new session must not make an expired one valid again.
                device.epoch += 1;
            }
            if unused >= TOUCH_INTERVAL {
                device.last_seen_at = login.now;
                device.platform.clone_from(platform);
            }
            device
        }
        Some(current) => Device {
            contact_id: Some(contact.id),
            epoch: current.epoch + 1,
            last_seen_at: login.now,
            platform: platform.clone(),
            ..current.clone()
        },
        None => Device {
            organization_id: login.organization_id,
            id: state.token().map_or(login.new_device, |token| token.device_id),
            contact_id: Some(contact.id),
            epoch: 0,
            platform: platform.clone(),
            last_seen_at: login.now,
            retired: false,
        },
    }
}

pub(super) fn session_token(
    login: &Login,
    device: &Device,
    contact: &Contact,
    (verified, identity_key): (Verified, Option<IdentityKeyId>),
    policy_version: i64,
) -> ContactToken {
    ContactToken {
        organization_id: login.organization_id,
        application_id: login.application_id,
        device_id: device.id,
        contact_id: contact.id,
        epoch: device.epoch,
        claim_version: contact.claim_version,
        proven: verified,
        identity_key,
        policy_version,
        issued: login.now.seconds(),
    }
}

pub(super) fn device_token(login: &Login, device: &Device, visitor_id: ContactId) -> DeviceToken {
    DeviceToken {
        organization_id: login.organization_id,
        device_id: device.id,
        visitor_id,
        clean: false,
        epoch: device.epoch,
        issued: login.now.seconds(),
    }
}
