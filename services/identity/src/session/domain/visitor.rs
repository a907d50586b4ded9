//! What a device token still gives access to without a login.

use super::session::Device;
use crate::{contact::domain::contact::Contact, domain::tokens::DeviceToken};

/// The rows that a device token refers to.
#[derive(Debug, Clone)]
pub(crate) struct VisitorRows {
    pub(crate) device: Option<Device>,
    pub(crate) visitor: Option<Contact>,
    /// The row that a visitor other than the device's first leaves among devices. Read only where
    /// the visitor has no row.
    pub(crate) visitor_device: Option<Device>,
}

/// The state of a token's visitor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum VisitorState {
    /// The device logged out, or its visitor was erased: the page gets a new device.
    DeviceRetired,
    /// The visitor became a contact. The device gets another visitor, at the device's epoch.
    Ended { epoch: i64 },
    /// The token may act as the visitor, with a row or without.
    Active(Option<Box<Contact>>),
}

impl VisitorRows {
    /// The state of the token's visitor.
    pub(crate) fn state(self, token: &DeviceToken) -> VisitorState {
        let device = self.device.as_ref();
        if device.is_some_and(|device| device.retired) {
            return VisitorState::DeviceRetired;
        }
        let epoch = device.map_or(0, |device| device.epoch);
        let own_device = if token.is_first() { device } else { self.visitor_device.as_ref() };
        // A login on a device ends its first visitor, whether that one had a row or not.
        let has_ended = own_device.is_some_and(Device::ends_visitor);
        match self.visitor {
            Some(visitor) if !visitor.is_visitor() => VisitorState::Ended { epoch },
            _ if has_ended => VisitorState::Ended { epoch },
            visitor => VisitorState::Active(visitor.map(Box::new)),
        }
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::contact::domain::contact::Source;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn token(visitor: u128) -> DeviceToken {
        DeviceToken {
            organization_id: OrganizationId(Uuid::from_u128(1)),
            device_id: DeviceId(Uuid::from_u128(7)),
            visitor_id: ContactId(Uuid::from_u128(visitor)),
            clean: false,
            epoch: 0,
            issued: NOW.seconds(),
        }
    }

    fn device(id: u128, contact: Option<u128>, retired: bool) -> Option<Device> {
        Some(Device {
            organization_id: OrganizationId(Uuid::from_u128(1)),
            id: DeviceId(Uuid::from_u128(id)),
            contact_id: contact.map(|id| ContactId(Uuid::from_u128(id))),
            epoch: 3,
            platform: "web".into(),
            last_seen_at: NOW,
            retired,
        })
    }

    fn contact(id: u128, user_id: Option<&str>) -> Option<Contact> {
        let (organization, id) =
            (OrganizationId(Uuid::from_u128(1)), ContactId(Uuid::from_u128(id)));
        let user_id = user_id.map(str::to_owned);
        Some(Contact { user_id, ..Contact::new(organization, id, Source::Visitor, NOW) })
    }

    #[test]
    fn each_token_and_the_state_of_its_visitor() {
        let open = |row: Option<Contact>| VisitorState::Active(row.map(Box::new));
        // case, token, device, visitor, device row of the visitor, state
        let matrix = [
            ("never seen", token(7), None, None, None, open(None)),
            (
                "before the device row",
                token(7),
                None,
                contact(7, None),
                None,
                open(contact(7, None)),
            ),
            (
                "wrote",
                token(7),
                device(7, None, false),
                contact(7, None),
                None,
                open(contact(7, None)),
            ),
            (
                "logged out",
                token(7),
                device(7, None, true),
                contact(7, None),
                None,
                VisitorState::DeviceRetired,
            ),
            (
                "became U",
                token(7),
                device(7, Some(7), false),
                contact(7, Some("u")),
                None,
                VisitorState::Ended { epoch: 3 },
            ),
            (
                "merged into U, or never wrote",
                token(7),
                device(7, Some(5), false),
                None,
                None,
                VisitorState::Ended { epoch: 3 },
            ),
            ("while U is logged in", token(9), device(7, Some(5), false), None, None, open(None)),
            (
                "while U is logged in, wrote",
                token(9),
                device(7, Some(5), false),
                contact(9, None),
                None,
                open(contact(9, None)),
            ),
            (
                "while U is logged in, ended",
                token(9),
                device(7, Some(5), false),
                None,
                device(9, None, true),
                VisitorState::Ended { epoch: 3 },
            ),
        ];
        for (case, token, device, visitor, visitor_device, state) in matrix {
            let rows = VisitorRows { device, visitor, visitor_device };
            assert_eq!(rows.state(&token), state, "{case}");
        }
    }
}
