//! Sessions: what a widget gets to begin with, and who a credential speaks for.

use onethread_core::{DeviceId, OrganizationId, Timestamp};
use serde_json::{Map, Value};

use crate::domain::{
    application::PreChatForm,
    contact::Contact,
    people::{Agent, ApiKey},
    policy::{Policy, Verified},
    profile::Warning,
    tokens::{CONTACT_LIFE, ContactToken},
};

/// A device that carried an identity, or that logged out; or a visitor with a row, under whose id it
/// then stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: DeviceId,
    /// Who is logged in on it.
    pub(crate) contact_id: Option<onethread_core::ContactId>,
    /// Counts logouts and changes of person.
    pub(crate) epoch: i64,
    pub(crate) platform: String,
    pub(crate) last_seen_at: Timestamp,
    /// Logged out: nothing begins on it any more.
    pub(crate) retired: bool,
}

impl Device {
    /// True when the visitor of this id is one no more: logged in, or ended otherwise.
    pub(crate) fn ends_visitor(&self) -> bool {
        self.retired || self.contact_id.is_some()
    }
}

/// All that a widget needs to begin, messages aside.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) device_token: String,
    /// The person; for a visitor without a row, as they would be.
    pub(crate) contact: Contact,
    /// Identified, rather than a visitor.
    pub(crate) identified: bool,
    /// There is a row.
    pub(crate) stored: bool,
    pub(crate) form: PreChatForm,
    pub(crate) show_form: bool,
    /// What the widget shows of the application's settings.
    pub(crate) settings: Map<String, Value>,
    pub(crate) warnings: Vec<Warning>,
}

/// Who a credential speaks for.
#[derive(Debug)]
pub(crate) enum Caller {
    Visitor { contact: Contact, stored: bool, device_id: DeviceId, form_due: bool },
    Contact { contact: Contact, device_id: DeviceId },
    Agent(Agent),
    Server(ApiKey),
}

/// Whether a contact's session still stands: the device still carries the person, was used within
/// a day, nobody has claimed or reset the user id since it began, and what its init proved is
/// enough for the policy that is enforced now.
pub(crate) fn stands(
    token: &ContactToken,
    device: &Device,
    contact: &Contact,
    enforced: Policy,
    now: Timestamp,
) -> bool {
    let carried = !device.retired
        && device.contact_id == Some(token.contact_id)
        && device.epoch == token.epoch;
    let proven = match enforced {
        Policy::Optional => true,
        Policy::SecurityHash => token.proven >= Verified::SecurityHash,
        Policy::Hmac => token.proven >= Verified::Hmac,
        Policy::Jwt => token.proven >= Verified::Jwt,
    };
    let same_claim = contact.claim_version == token.claim_version;
    carried && proven && same_claim && now.since(device.last_seen_at) < CONTACT_LIFE
}
