//! Sessions: what a widget starts with, who a credential authenticates, and when a session is valid.

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use serde_json::{Map, Value};

use crate::{
    contact::domain::{contact::Contact, profile::Warning},
    domain::tokens::{CONTACT_LIFE, ContactToken},
    organization::domain::{
        application::PreChatForm,
        policy::{Policy, PolicyHistory, Verified},
    },
    team::domain::{agent::Agent, api_key::ApiKey},
};

/// A device on which a contact logged in, or that logged out. A visitor with a row has one, too,
/// under its own id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: DeviceId,
    /// The contact that is logged in on it.
    pub(crate) contact_id: Option<ContactId>,
    /// Number of logouts and changes of contact.
    pub(crate) epoch: i64,
    pub(crate) platform: String,
    pub(crate) last_seen_at: Timestamp,
    /// Logged out: no session begins on it again.
    pub(crate) retired: bool,
}

impl Device {
    /// True when the visitor of this id logged in, was merged or was erased.
    pub(crate) fn ends_visitor(&self) -> bool {
        self.retired || self.contact_id.is_some()
    }
}

/// What a widget needs to start, except messages.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) device_token: String,
    /// The contact. A visitor without a row has the row that it would get.
    pub(crate) contact: Contact,
    /// A contact's session rather than a visitor's.
    pub(crate) identified: bool,
    /// The contact has a row.
    pub(crate) stored: bool,
    pub(crate) form: PreChatForm,
    pub(crate) show_form: bool,
    /// What the widget shows of the application's settings.
    pub(crate) settings: Map<String, Value>,
    pub(crate) warnings: Vec<Warning>,
}

/// Who a credential authenticates.
#[derive(Debug)]
pub(crate) enum Caller {
    Visitor { contact: Contact, stored: bool, device_id: DeviceId, form_required: bool },
    Contact { contact: Contact, device_id: DeviceId },
    Agent(Agent),
    Server(ApiKey),
}

/// What a session is checked against, besides its device and contact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRules {
    /// The policy that is enforced.
    pub(crate) enforced: Policy,
    pub(crate) history: PolicyHistory,
    /// The identity key that proved the session's user id has not been revoked.
    pub(crate) has_key: bool,
}

impl SessionRules {
    /// False for a session that an earlier policy has ended, or whose identity key was revoked.
    pub(crate) fn allow(&self, token: &ContactToken) -> bool {
        !self.history.has_ended(token.policy_version, token.proven)
            && (self.has_key || token.identity_key.is_none())
    }
}

/// True while a contact's session is valid: the contact is still logged in on the device, it was
/// used within a day, the user id was not claimed or reset since it began, and what its init
/// verified is enough for the policy that is enforced now.
pub(crate) fn is_session_valid(
    token: &ContactToken,
    device: &Device,
    contact: &Contact,
    enforced: Policy,
    now: Timestamp,
) -> bool {
    let is_logged_in = !device.retired
        && device.contact_id == Some(token.contact_id)
        && device.epoch == token.epoch;
    let is_verified = match enforced {
        Policy::Optional => true,
        Policy::SecurityHash => token.proven >= Verified::SecurityHash,
        Policy::Hmac => token.proven >= Verified::Hmac,
        Policy::Jwt => token.proven >= Verified::Jwt,
    };
    let is_same_claim = contact.claim_version == token.claim_version;
    is_logged_in && is_verified && is_same_claim && now.since(device.last_seen_at) < CONTACT_LIFE
}
