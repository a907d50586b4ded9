//! What an init with a user id does: a pure decision over the rows of the database. Each identity
//! that a widget names goes through [`decide`], the one place where proofs are checked.

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::{proof::UserId, session::Device, signed};
use crate::{
    contact::domain::{
        changes::{self, RowWrite},
        contact::{Contact, Context, Source, TOUCH_INTERVAL},
        merge::{Merge, merge_visitor},
        profile::{ProfilePatch, Warning},
        user_details::{Proofs, UserClaims, read_profile},
    },
    domain::{
        audit::Actor,
        effects::Effects,
        keys::{Claim, Match, ServerKeys},
        policy::{Policy, Rules, Verified},
        tokens::{CONTACT_LIFE, ContactToken, DeviceToken},
    },
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
    /// The token of the page, if it is a valid one.
    pub(crate) device: Option<DeviceToken>,
    pub(crate) context: Context,
    pub(crate) now: Timestamp,
    /// Id for a new contact, or for the merge of a visitor into a known one.
    pub(crate) new_contact: ContactId,
    /// Id for a new device.
    pub(crate) new_device: DeviceId,
    /// Id for the visitor that the device gets when its own one has become a contact.
    pub(crate) new_visitor: ContactId,
}

impl Login {
    /// The device to read: the page's, or a new one, which has no row.
    pub(crate) fn device_id(&self) -> DeviceId {
        self.usable_token().map_or(self.new_device, |token| token.device_id)
    }

    /// The visitor to read, likewise.
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
    /// The row of the token's visitor, even when it is a visitor no more.
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
    /// True when the policy rejects it, or would if it did more than report.
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
    /// The visitor that becomes one with the contact.
    pub(crate) merge: Option<Merge>,
    pub(crate) device: Device,
    pub(crate) device_write: RowWrite,
    /// Contacts and devices whose sessions end. They are among the effects' revocations.
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

/// What the page's device token means for this login.
#[derive(Clone, Copy)]
enum DeviceState<'s> {
    /// No token, one that came with a rejection, or one of a device that logged out.
    New,
    /// Nobody is logged in on the device, which may have no row.
    Unused(&'s DeviceToken, Option<&'s Device>),
    /// The same contact is logged in, and was the only one since the token was made.
    SameContact(&'s DeviceToken, &'s Device),
    /// Another contact is logged in, or was since the token was made.
    OtherContact(&'s DeviceToken, &'s Device),
}

impl<'s> DeviceState<'s> {
    fn of(login: &'s Login, rows: &'s LoginRows) -> Self {
        let device = rows.device.as_ref();
        let Some(token) = login.usable_token() else { return Self::New };
        let Some(device) = device else { return Self::Unused(token, None) };
        match device.contact_id {
            _ if device.retired => Self::New,
            None => Self::Unused(token, Some(device)),
            Some(current) => {
                let is_same = rows.contact.as_ref().is_some_and(|contact| contact.id == current);
                if is_same && token.epoch == device.epoch {
                    Self::SameContact(token, device)
                } else {
                    Self::OtherContact(token, device)
                }
            }
        }
    }

    fn token(self) -> Option<&'s DeviceToken> {
        match self {
            Self::New => None,
            Self::Unused(token, _) | Self::SameContact(token, _) | Self::OtherContact(token, _) => {
                Some(token)
            }
        }
    }

    fn device(self) -> Option<&'s Device> {
        match self {
            Self::New => None,
            Self::Unused(_, device) => device,
            Self::SameContact(_, device) | Self::OtherContact(_, device) => Some(device),
        }
    }
}

/// What the token's visitor means for this login.
#[derive(Clone, Copy)]
enum VisitorState<'s> {
    /// There is none, or another contact was on the device since.
    Unrelated,
    /// It has a row: it becomes the contact, or is merged into it.
    Stored(&'s DeviceToken, &'s Contact),
    /// It has no row of a visitor, and is the first login's on the device: it ends all the same.
    /// What is on its way to it is then rejected instead of stored where nobody would find it.
    Ending(&'s DeviceToken),
    /// Beside the contact, who is logged in on the device, and without a row.
    Beside(&'s DeviceToken),
}

impl<'s> VisitorState<'s> {
    fn of(device: DeviceState<'s>, rows: &'s LoginRows) -> Self {
        let visitor = rows.visitor.as_ref().filter(|visitor| visitor.is_visitor());
        match (device, visitor) {
            (DeviceState::New | DeviceState::OtherContact(..), _) => Self::Unrelated,
            (DeviceState::Unused(token, _) | DeviceState::SameContact(token, _), Some(visitor)) => {
                Self::Stored(token, visitor)
            }
            (DeviceState::Unused(token, _), None) => Self::Ending(token),
            (DeviceState::SameContact(token, _), None) => Self::Beside(token),
        }
    }

    /// The token of a visitor that ends with this login.
    fn ended(self) -> Option<&'s DeviceToken> {
        match self {
            Self::Stored(token, _) | Self::Ending(token) => Some(token),
            Self::Unrelated | Self::Beside(_) => None,
        }
    }

    /// The visitor that the page goes on with: its own, while that one is still a visitor beside
    /// the contact, else a new one.
    fn next(self, login: &Login, rows: &LoginRows, contact: ContactId) -> ContactId {
        match self {
            Self::Beside(token)
                if !token.is_first() && token.visitor_id != contact && rows.visitor.is_none() =>
            {
                token.visitor_id
            }
            _ => login.new_visitor,
        }
    }
}

/// The contact before the proof is checked.
struct Candidate<'s> {
    /// Its row, if there is one.
    before: Option<&'s Contact>,
    contact: Contact,
    merge: Option<Merge>,
}

impl<'s> Candidate<'s> {
    fn of(login: &Login, rows: &'s LoginRows, visitor: VisitorState<'s>) -> Self {
        match (&rows.contact, visitor) {
            (Some(known), VisitorState::Stored(_, visitor)) => {
                let id = login.new_contact.0;
                let merge = Merge { id, source: visitor.id, target: known.id };
                let contact = merge_visitor(known, visitor);
                Self { before: Some(known), contact, merge: Some(merge) }
            }
            (Some(known), _) => Self { before: Some(known), contact: known.clone(), merge: None },
            (None, VisitorState::Stored(_, visitor)) => {
                Self { before: Some(visitor), contact: visitor.clone(), merge: None }
            }
            (None, _) => {
                let taken = visitor.ended().filter(|token| token.is_first());
                let taken = taken.filter(|_| rows.visitor.is_none());
                let id = taken.map_or(login.new_contact, |token| token.visitor_id);
                let organization = login.organization_id;
                let contact = Contact::new(organization, id, Source::Identified, login.now);
                Self { before: None, contact, merge: None }
            }
        }
    }
}

/// Decides a login.
pub(crate) fn decide(login: &Login, rows: &LoginRows, keys: &ServerKeys) -> Decision {
    let device_state = DeviceState::of(login, rows);
    let visitor = VisitorState::of(device_state, rows);
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
    let (verified, claim_effects, trusted_profile) = verdict.apply(&mut contact);
    effects = effects.and(claim_effects);
    let (profile, mut warnings) =
        trusted_profile.unwrap_or_else(|| (login.profile.clone(), login.warnings.clone()));
    contact.identify(&login.user_id);
    warnings.extend(contact.apply(&profile));
    contact.touch(&login.context, login.now);

    let device = log_in_on(login, device_state, &contact);
    if let DeviceState::OtherContact(_, current) = device_state
        && current.contact_id != Some(contact.id)
    {
        // The other contact's session on the device ends.
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
        session: session_token(login, &device, &contact, verified),
        device_token: device_token(login, &device, visitor.next(login, rows, contact.id)),
        contact,
        merge,
        device,
        ended,
        effects,
        warnings,
        is_reported,
    }))
}

/// The verdict on the proof that came with a user id.
enum Verdict {
    Rejected,
    /// No proof is needed.
    Unverified,
    /// The first `security_hash` of the user id, which claims it.
    Claims(Claim),
    /// The claimed `security_hash`; with the claim under the newest server key, where the stored
    /// one is under an older key.
    Claimed(Option<Claim>),
    /// The right `user_hash`.
    Hmac,
    /// A valid `user_jwt`, and the profile in it.
    Jwt(Box<UserClaims>),
}

impl Verdict {
    /// Writes it to the contact. Returns how the user id is verified, what follows from a claim,
    /// and the profile to use instead of the page's.
    fn apply(
        self,
        contact: &mut Contact,
    ) -> (Verified, Effects, Option<(ProfilePatch, Vec<Warning>)>) {
        let mut effects = Effects::none();
        let mut profile = None;
        let verified = match self {
            Self::Rejected | Self::Unverified => Verified::None,
            Self::Claims(claim) => {
                effects = contact.set_claim(claim, Actor::Widget);
                Verified::SecurityHash
            }
            Self::Claimed(renewed) => {
                contact.claim = renewed.or_else(|| contact.claim.take());
                Verified::SecurityHash
            }
            Self::Hmac => Verified::Hmac,
            Self::Jwt(claims) => {
                // The rest of what the page says is not signed.
                profile = Some(read_profile(&claims));
                Verified::Jwt
            }
        };
        if verified != Verified::None {
            contact.verified = verified;
        }
        (verified, effects, profile)
    }
}

/// Checks the proof under a policy.
fn authorize(
    policy: Policy,
    contact: &Contact,
    login: &Login,
    rules: &Rules,
    keys: &ServerKeys,
) -> Verdict {
    let proofs = &login.proofs;
    match policy {
        Policy::Optional => check_claim(contact, login, keys, Verdict::Unverified),
        Policy::SecurityHash => check_claim(contact, login, keys, Verdict::Rejected),
        Policy::Hmac => match &proofs.user_hash {
            Some(proof) if signed::is_right_hash(&rules.keys, &login.user_id, proof) => {
                Verdict::Hmac
            }
            _ => Verdict::Rejected,
        },
        Policy::Jwt => {
            let token = proofs.user_jwt.as_ref();
            token
                .and_then(|token| signed::read_jwt(rules, &login.user_id, token, login.now))
                .map_or(Verdict::Rejected, |claims| Verdict::Jwt(Box::new(claims)))
        }
    }
}

/// The first `security_hash` claims the user id, from then on the same one is needed.
/// `without_proof` is the verdict where neither a proof nor a claim exists.
fn check_claim(
    contact: &Contact,
    login: &Login,
    keys: &ServerKeys,
    without_proof: Verdict,
) -> Verdict {
    let (organization, user_id) = (login.organization_id, login.user_id.as_str());
    match (&contact.claim, &login.proofs.security_hash) {
        (None, None) => without_proof,
        (None, Some(proof)) => Verdict::Claims(keys.claim(organization, user_id, proof.as_str())),
        (Some(_), None) => Verdict::Rejected,
        (Some(claim), Some(proof)) => {
            match keys.check(claim, organization, user_id, proof.as_str()) {
                Match::No => Verdict::Rejected,
                Match::Yes => Verdict::Claimed(None),
                Match::Stale => {
                    Verdict::Claimed(Some(keys.claim(organization, user_id, proof.as_str())))
                }
            }
        }
    }
}

/// The device with the contact logged in on it.
fn log_in_on(login: &Login, state: DeviceState<'_>, contact: &Contact) -> Device {
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

fn session_token(
    login: &Login,
    device: &Device,
    contact: &Contact,
    verified: Verified,
) -> ContactToken {
    ContactToken {
        organization_id: login.organization_id,
        application_id: login.application_id,
        device_id: device.id,
        contact_id: contact.id,
        epoch: device.epoch,
        claim_version: contact.claim_version,
        proven: verified,
        issued: login.now.seconds(),
    }
}

fn device_token(login: &Login, device: &Device, visitor_id: ContactId) -> DeviceToken {
    DeviceToken {
        organization_id: login.organization_id,
        device_id: device.id,
        visitor_id,
        clean: false,
        epoch: device.epoch,
        issued: login.now.seconds(),
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
