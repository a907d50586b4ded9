//! What an init does: a pure decision over what the database holds. Every call by which a widget
//! names an identity comes through [`decide`], the one place where proofs are checked.

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};

use crate::domain::{
    contact::{Contact, Context, Source, TOUCH_EVERY},
    join::with_visitor,
    keys::{Match, ServerKeys},
    policy::{Policy, Rules, Verified},
    profile::{ProfilePatch, Warning},
    proof::UserId,
    said::{Proofs, UserClaims, read_profile},
    session::Device,
    signed,
    tokens::{CONTACT_LIFE, ContactToken, DeviceToken},
};

/// A page names a user.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) organization_id: OrganizationId,
    pub(crate) application_id: ApplicationId,
    pub(crate) user_id: UserId,
    pub(crate) proofs: Proofs,
    pub(crate) profile: ProfilePatch,
    /// What was left out of the profile.
    pub(crate) warnings: Vec<Warning>,
    /// The token the page held, if it is one of ours.
    pub(crate) device: Option<DeviceToken>,
    pub(crate) context: Context,
    pub(crate) now: Timestamp,
    /// For a contact that has to be made, or for the joining of a visitor with a known one.
    pub(crate) new_contact: ContactId,
    /// For a device, or a visitor on one, that has to be made.
    pub(crate) new_device: DeviceId,
    /// For the visitor that a device goes on with once its own has become somebody.
    pub(crate) new_visitor: ContactId,
}

impl Login {
    /// The device to look up: the page's own, or one that can't be there yet.
    pub(crate) fn device_id(&self) -> DeviceId {
        self.device.as_ref().filter(|token| !token.clean).map_or(self.new_device, |t| t.device_id)
    }

    /// The visitor to look up, likewise.
    pub(crate) fn visitor_id(&self) -> ContactId {
        let token = self.device.as_ref().filter(|token| !token.clean);
        token.map_or(ContactId::of_visitor(self.new_device), |token| token.visitor_id)
    }
}

/// What the database holds of those who take part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    /// What the organization asks for.
    pub(crate) rules: Rules,
    /// The contact with the user id.
    pub(crate) contact: Option<Contact>,
    /// The device of the page's token.
    pub(crate) device: Option<Device>,
    /// The row behind the token's visitor, whatever has become of it.
    pub(crate) visitor: Option<Contact>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The identity needs a proof that did not come. Nothing is written.
    Refused,
    /// The person is in.
    In(Box<LoggedIn>),
}

impl Decision {
    /// True when the policy refuses it, or would where it does more than report.
    pub(crate) fn is_counted(&self) -> bool {
        match self {
            Self::Refused => true,
            Self::In(person) => person.reported,
        }
    }
}

/// The person is in, once this is written.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) contact: Contact,
    /// How the contact's row changes.
    pub(crate) contact_write: Write,
    /// The visitor who ends here: their thread goes on as the contact's.
    pub(crate) joined: Option<Joined>,
    pub(crate) device: Device,
    /// The device's row changes.
    pub(crate) device_changed: bool,
    /// Contacts and devices whose sessions have to be looked at again.
    pub(crate) revoked: Vec<uuid::Uuid>,
    /// The user id is claimed from now on.
    pub(crate) claims: bool,
    /// The session.
    pub(crate) session: ContactToken,
    /// What the page keeps.
    pub(crate) device_token: DeviceToken,
    pub(crate) warnings: Vec<Warning>,
    /// The policy, which only reports, would have refused it.
    pub(crate) reported: bool,
}

impl LoggedIn {
    /// True when nothing has to be written.
    pub(crate) fn is_as_held(&self) -> bool {
        self.contact_write == Write::None && !self.device_changed && self.revoked.is_empty()
    }
}

/// A visitor turned out to be somebody known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Of the joining.
    pub(crate) id: uuid::Uuid,
    /// Who ends.
    pub(crate) visitor: ContactId,
}

/// How a row changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    None,
    Insert,
    Update,
}

/// Decides a login.
pub(crate) fn decide(login: &Login, held: &Held, keys: &ServerKeys) -> Decision {
    let now = login.now;
    // A token of a device that logged out, or that came with a refusal, begins anew.
    let device_held = held.device.as_ref();
    let token = login
        .device
        .as_ref()
        .filter(|token| !token.clean && !device_held.is_some_and(|device| device.retired));
    let carried = device_held.and_then(|device| device.contact_id);
    // The token's visitor may be this person: nobody else was on the device since it was made.
    let own = token.filter(|token| match (carried, device_held) {
        (Some(carried), Some(device)) => {
            held.contact.as_ref().is_some_and(|contact| contact.id == carried)
                && token.epoch == device.epoch
        }
        _ => true,
    });
    let left = held.visitor.as_ref().filter(|visitor| own.is_some() && visitor.is_visitor());
    // The first login on a device takes its visitor along even where there is no row yet: what is
    // on its way is refused then, rather than stored where nobody would find it.
    let taken = own.filter(|_| left.is_some() || carried.is_none());

    let mut revoked = Vec::new();
    if let Some(token) = taken {
        // The visitor's token speaks for nobody any longer.
        revoked.push(token.visitor_id.0);
    }
    let mut joined = None;
    let (before, mut contact) = match (&held.contact, left) {
        (Some(known), Some(visitor)) => {
            joined = Some(Joined { id: login.new_contact.0, visitor: visitor.id });
            (Some(known), with_visitor(known, visitor))
        }
        (Some(known), None) => (Some(known), known.clone()),
        (None, Some(visitor)) => (Some(visitor), visitor.clone()),
        (None, None) => {
            let of = login.organization_id;
            let visitor = taken.filter(|token| token.is_first() && held.visitor.is_none());
            let id = visitor.map_or(login.new_contact, |token| token.visitor_id);
            (None, Contact::new(of, id, Source::Identified, now))
        }
    };

    let settings = &held.rules.settings;
    let reported = settings.report_only
        && matches!(
            check(settings.policy, &mut contact.clone(), login, held, keys),
            Proof::Refused
        );
    let mut claims = false;
    let (mut profile, mut warnings) = (login.profile.clone(), login.warnings.clone());
    let proven = match check(settings.enforced(), &mut contact, login, held, keys) {
        Proof::Refused => return Decision::Refused,
        Proof::Nothing => Verified::None,
        Proof::Claims => {
            revoked.push(contact.id.0);
            claims = true;
            Verified::SecurityHash
        }
        Proof::Claimed => Verified::SecurityHash,
        Proof::Hash => Verified::Hmac,
        Proof::Token(claims) => {
            // What else the page says is not vouched for.
            (profile, warnings) = read_profile(&claims);
            Verified::Jwt
        }
    };
    if proven != Verified::None {
        contact.verified = proven;
    }

    contact.identify(&login.user_id);
    warnings.extend(contact.apply(&profile));
    contact.touch(&login.context, now);
    let contact_write = match before {
        None => Write::Insert,
        Some(before) if *before != contact => Write::Update,
        Some(_) => Write::None,
    };

    let device = carry(login, token, device_held, &contact, &mut revoked);
    let device_changed = device_held != Some(&device);

    // The page keeps its visitor, unless that one has become somebody, or was another person's.
    let kept = own.filter(|token| {
        taken.is_none()
            && !token.is_first()
            && token.visitor_id != contact.id
            && held.visitor.is_none()
    });
    let visitor_id = kept.map_or(login.new_visitor, |token| token.visitor_id);

    let session = ContactToken {
        organization_id: login.organization_id,
        application_id: login.application_id,
        device_id: device.id,
        contact_id: contact.id,
        epoch: device.epoch,
        claim_version: contact.claim_version,
        proven,
        issued: now.seconds(),
    };
    let device_token = DeviceToken {
        organization_id: login.organization_id,
        device_id: device.id,
        visitor_id,
        clean: false,
        epoch: device.epoch,
        issued: now.seconds(),
    };
    Decision::In(Box::new(LoggedIn {
        contact,
        contact_write,
        joined,
        device,
        device_changed,
        revoked,
        claims,
        session,
        device_token,
        warnings,
        reported,
    }))
}

/// How the proof stands.
enum Proof {
    Refused,
    /// None is needed.
    Nothing,
    /// The user id is claimed from now on.
    Claims,
    /// It is the claimed `security_hash`.
    Claimed,
    /// The `user_hash` is right.
    Hash,
    /// The `user_jwt` is, and says this of the person.
    Token(Box<UserClaims>),
}

/// The check, under any policy.
fn check(
    policy: Policy,
    contact: &mut Contact,
    login: &Login,
    held: &Held,
    keys: &ServerKeys,
) -> Proof {
    match policy {
        Policy::Optional => check_claim(contact, login, keys, Proof::Nothing),
        Policy::SecurityHash => check_claim(contact, login, keys, Proof::Refused),
        Policy::Hmac => match &login.proofs.user_hash {
            Some(said) if signed::hash_is_right(&held.rules.keys, &login.user_id, said) => {
                Proof::Hash
            }
            _ => Proof::Refused,
        },
        Policy::Jwt => {
            let said = login.proofs.user_jwt.as_ref();
            said.and_then(|said| signed::read_jwt(&held.rules, &login.user_id, said, login.now))
                .map_or(Proof::Refused, |claims| Proof::Token(Box::new(claims)))
        }
    }
}

/// The first `security_hash` claims, from then on the same one is needed. `without` is what comes
/// of none where nobody has claimed the user id.
fn check_claim(contact: &mut Contact, login: &Login, keys: &ServerKeys, without: Proof) -> Proof {
    let (of, user_id) = (login.organization_id, login.user_id.as_str());
    match (&contact.claim, &login.proofs.security_hash) {
        (None, None) => without,
        (None, Some(proof)) => {
            contact.claim_with(keys.claim(of, user_id, proof.as_str()));
            Proof::Claims
        }
        (Some(_), None) => Proof::Refused,
        (Some(claim), Some(proof)) => match keys.check(claim, of, user_id, proof.as_str()) {
            Match::No => Proof::Refused,
            Match::Yes => Proof::Claimed,
            Match::Stale => {
                contact.claim = Some(keys.claim(of, user_id, proof.as_str()));
                Proof::Claimed
            }
        },
    }
}

/// The device, carrying the person from now on.
fn carry(
    login: &Login,
    token: Option<&DeviceToken>,
    held: Option<&Device>,
    contact: &Contact,
    revoked: &mut Vec<uuid::Uuid>,
) -> Device {
    let platform = &login.context.platform;
    match (token, held) {
        (Some(_), Some(held)) if held.contact_id == Some(contact.id) => {
            let mut device = held.clone();
            if login.now.since(held.last_seen_at) >= CONTACT_LIFE {
                // What had run out must not come to life again with the new session.
                device.epoch += 1;
            }
            if login.now.since(held.last_seen_at) >= TOUCH_EVERY {
                device.last_seen_at = login.now;
                device.platform.clone_from(platform);
            }
            device
        }
        (Some(_), Some(held)) => {
            // Another person on the device: the first one's session there ends.
            if held.contact_id.is_some() {
                revoked.push(held.id.0);
            }
            Device {
                contact_id: Some(contact.id),
                epoch: held.epoch + 1,
                last_seen_at: login.now,
                platform: platform.clone(),
                ..held.clone()
            }
        }
        (token, _) => Device {
            organization_id: login.organization_id,
            id: token.map_or(login.new_device, |token| token.device_id),
            contact_id: Some(contact.id),
            epoch: 0,
            platform: platform.clone(),
            last_seen_at: login.now,
            retired: false,
        },
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
