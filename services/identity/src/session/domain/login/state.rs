//! What the page's device token means for a login: who is logged in on the device, and what becomes
//! of the token's visitor.

use onethread_core::ContactId;

use super::{Login, LoginRows};
use crate::{
    contact::domain::contact::Contact, domain::tokens::DeviceToken,
    session::domain::session::Device,
};

/// The device of the page's token.
#[derive(Clone, Copy)]
pub(super) enum LoginDevice<'s> {
    /// No token, one that came with a rejection, or one of a device that logged out.
    New,
    /// No contact is logged in on the device, which may have no row.
    Unused(&'s DeviceToken, Option<&'s Device>),
    /// The same contact is logged in, and was the only one since the token was issued.
    SameContact(&'s DeviceToken, &'s Device),
    /// Another contact is logged in, or was since the token was issued.
    OtherContact(&'s DeviceToken, &'s Device),
}

impl<'s> LoginDevice<'s> {
    pub(super) fn of(login: &'s Login, rows: &'s LoginRows) -> Self {
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

    pub(super) fn token(self) -> Option<&'s DeviceToken> {
        match self {
            Self::New => None,
            Self::Unused(token, _) | Self::SameContact(token, _) | Self::OtherContact(token, _) => {
                Some(token)
            }
        }
    }

    pub(super) fn device(self) -> Option<&'s Device> {
        match self {
            Self::New => None,
            Self::Unused(_, device) => device,
            Self::SameContact(_, device) | Self::OtherContact(_, device) => Some(device),
        }
    }
}

/// The visitor of the page's token.
#[derive(Clone, Copy)]
pub(super) enum LoginVisitor<'s> {
    /// No visitor, or one from before another contact was logged in on the device.
    Unrelated,
    /// It has a row: it becomes the contact, or is merged into it.
    Stored(&'s DeviceToken, &'s Contact),
    /// It has no row, and this is the first login on the device. It ends, so that a first message
    /// on its way is rejected instead of stored where nobody finds it.
    Ending(&'s DeviceToken),
    /// It has no row, and the contact was logged in on the device before it: it goes on.
    Separate(&'s DeviceToken),
}

impl<'s> LoginVisitor<'s> {
    pub(super) fn of(device: LoginDevice<'s>, rows: &'s LoginRows) -> Self {
        let visitor = rows.visitor.as_ref().filter(|visitor| visitor.is_visitor());
        match (device, visitor) {
            (LoginDevice::New | LoginDevice::OtherContact(..), _) => Self::Unrelated,
            (LoginDevice::Unused(token, _) | LoginDevice::SameContact(token, _), Some(visitor)) => {
                Self::Stored(token, visitor)
            }
            (LoginDevice::Unused(token, _), None) => Self::Ending(token),
            (LoginDevice::SameContact(token, _), None) => Self::Separate(token),
        }
    }

    /// The token of a visitor that ends with this login.
    pub(super) fn ended(self) -> Option<&'s DeviceToken> {
        match self {
            Self::Stored(token, _) | Self::Ending(token) => Some(token),
            Self::Unrelated | Self::Separate(_) => None,
        }
    }

    /// The visitor of the page's new token: the present one while it is separate from the contact,
    /// else a new one.
    pub(super) fn next(self, login: &Login, rows: &LoginRows, contact: ContactId) -> ContactId {
        match self {
            Self::Separate(token)
                if !token.is_first() && token.visitor_id != contact && rows.visitor.is_none() =>
            {
                token.visitor_id
            }
            _ => login.new_visitor,
        }
    }
}
