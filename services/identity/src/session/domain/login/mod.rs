//! What an init with a user id does: a pure decision over the rows of the database. Each identity
//! that a widget names goes through [`decide`], the one place where proofs are checked.

mod assemble;
mod authorize;
mod candidate;
mod state;

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use uuid::Uuid;

use self::{
    authorize::{Verdict, authorize},
    candidate::Candidate,
    state::{LoginDevice, LoginVisitor},
};
use super::{proof::UserId, session::Device};
use crate::{
    contact::domain::{
        changes::{self, RowWrite},
        contact::{Contact, Context},
        merge::Merge,
        profile::{ProfilePatch, Warning},
        user_details::Proofs,
    },
    domain::{
        effects::Effects,
        keys::ServerKeys,
        tokens::{ContactToken, DeviceToken},
    },
    organization::domain::policy::Rules,
};

/// An init with a user id.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) organization_id: OrganizationId,
    pub(crate) application_id: ApplicationId,
    pub(crate) user_id: UserId,
    pub(crate) proofs: Proofs,
    pub(crate) profile: ProfilePatch,
    /// Fields of the profile that are ignored.
    pub(crate) warnings: Vec<Warning>,
    /// The token of the page, if it has a valid one.
    pub(crate) device: Option<DeviceToken>,
    pub(crate) context: Context,
    pub(crate) now: Timestamp,
    /// Id for a new contact, or for the merge of a visitor into a known one.
    pub(crate) new_contact: ContactId,
    /// Id for a new device.
    pub(crate) new_device: DeviceId,
    /// Id for the visitor that the device gets when its present one has become a contact.
    pub(crate) new_visitor: ContactId,
}

impl Login {
    /// The device to read: the page's, or a new one, which has no row.
    pub(crate) fn device_id(&self) -> DeviceId {
        self.usable_token().map_or(self.new_device, |token| token.device_id)
    }

    /// The visitor to read: the page's, or a new one, which has no row.
    pub(crate) fn visitor_id(&self) -> ContactId {
        let new = ContactId::of_visitor(self.new_device);
        self.usable_token().map_or(new, |token| token.visitor_id)
    }

    /// The token, unless it came with a rejection.
    fn usable_token(&self) -> Option<&DeviceToken> {
        self.device.as_ref().filter(|token| !token.clean)
    }
}

/// The rows that a login is decided on.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoginRows {
    /// The policy, and the keys that it is checked with.
    pub(crate) rules: Rules,
    /// The contact with the user id.
    pub(crate) contact: Option<Contact>,
    /// The device of the page's token.
    pub(crate) device: Option<Device>,
    /// The row of the token's visitor, even when it has become a contact.
    pub(crate) visitor: Option<Contact>,
}

/// The outcome of a login.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The identity needs a proof that was missing or wrong. Nothing is written.
    Rejected,
    /// The contact is logged in.
    Accepted(Box<AcceptedLogin>),
}

impl Decision {
    /// True when the policy rejects it, or would reject it if it did not only report.
    pub(crate) fn is_counted(&self) -> bool {
        match self {
            Self::Rejected => true,
            Self::Accepted(login) => login.is_reported,
        }
    }
}

/// A login that is complete once its changes are written.
#[derive(Debug)]
pub(crate) struct AcceptedLogin {
    pub(crate) contact: Contact,
    pub(crate) contact_write: RowWrite,
    /// The merge of the visitor into the contact.
    pub(crate) merge: Option<Merge>,
    pub(crate) device: Device,
    pub(crate) device_write: RowWrite,
    /// Contacts and devices whose sessions end. The effects revoke them, too.
    pub(crate) ended: Vec<Uuid>,
    pub(crate) effects: Effects,
    /// The session.
    pub(crate) session: ContactToken,
    /// The token that the page stores.
    pub(crate) device_token: DeviceToken,
    pub(crate) warnings: Vec<Warning>,
    /// The policy, which only reports, would have rejected it.
    pub(crate) is_reported: bool,
}

impl AcceptedLogin {
    /// True when nothing has to be written.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.contact_write == RowWrite::None
            && self.device_write == RowWrite::None
            && self.effects == Effects::none()
    }
}

/// Decides a login.
pub(crate) fn decide(login: &Login, rows: &LoginRows, keys: &ServerKeys) -> Decision {
    let device_state = LoginDevice::of(login, rows);
    let visitor = LoginVisitor::of(device_state, rows);
    let Candidate { before, mut contact, merge } = Candidate::of(login, rows, visitor);

    let settings = &rows.rules.settings;
    let check = |policy| authorize(policy, &contact, login, &rows.rules, keys);
    let is_reported = settings.report_only && matches!(check(settings.policy), Verdict::Rejected);
    let verdict = check(settings.enforced());
    if matches!(verdict, Verdict::Rejected) {
        return Decision::Rejected;
    }

    let mut effects = Effects::none();
    if let Some(token) = visitor.ended() {
        effects = effects.revoke(token.visitor_id.0);
    }
    let identity_key = verdict.identity_key();
    let (verified, claim_effects, trusted_profile) = verdict.apply(&mut contact);
    effects = effects.and(claim_effects);
    let (profile, mut warnings) =
        trusted_profile.unwrap_or_else(|| (login.profile.clone(), login.warnings.clone()));
    contact.identify(&login.user_id);
    warnings.extend(contact.apply(&profile));
    contact.touch(&login.context, login.now);

    let device = assemble::device(login, device_state, &contact);
    if let LoginDevice::OtherContact(_, current) = device_state
        && current.contact_id != Some(contact.id)
    {
        // The other contact's session on the device is revoked.
        effects = effects.revoke(current.id.0);
    }
    let ended = effects.revoked.clone();
    effects = effects.and(changes::effects(before, &contact));
    if let Some(merge) = &merge {
        effects = effects.and(merge.effects());
    }
    Decision::Accepted(Box::new(AcceptedLogin {
        contact_write: RowWrite::of(before, &contact),
        device_write: RowWrite::of(device_state.device(), &device),
        session: assemble::session_token(
            login,
            &device,
            &contact,
            (verified, identity_key),
            settings.history.version,
        ),
        device_token: assemble::device_token(login, &device, visitor.next(login, rows, contact.id)),
        contact,
        merge,
        device,
        ended,
        effects,
        warnings,
        is_reported,
    }))
}

#[cfg(test)]
mod tests;
