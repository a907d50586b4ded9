//! What a device token still opens for whoever has not logged in.

use crate::domain::{contact::Contact, session::Device, tokens::DeviceToken};

/// What the database holds behind a device token.
#[derive(Debug, Clone)]
pub(crate) struct VisitorRows {
    pub(crate) device: Option<Device>,
    pub(crate) visitor: Option<Contact>,
    /// The row that a visitor other than the device's first leaves among devices. Read only where
    /// there is no visitor.
    pub(crate) mark: Option<Device>,
}

/// What becomes of the token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Slot {
    /// The device logged out, or its visitor was erased: the page begins anew.
    Retired,
    /// The visitor has become somebody: the device, whose epoch this is, goes on with another one.
    Over(i64),
    /// The visitor is there, with a row or without.
    Open(Option<Box<Contact>>),
}

impl VisitorRows {
    /// Says what the token opens.
    pub(crate) fn slot(self, token: &DeviceToken) -> Slot {
        let device = self.device.as_ref();
        if device.is_some_and(|device| device.retired) {
            return Slot::Retired;
        }
        let epoch = device.map_or(0, |device| device.epoch);
        let mark = if token.is_first() { device } else { self.mark.as_ref() };
        // Whoever logs in on a device takes its first visitor along, whether there was a row or not.
        let marked = mark.is_some_and(Device::ends_visitor);
        match self.visitor {
            Some(visitor) if !visitor.is_visitor() => Slot::Over(epoch),
            _ if marked => Slot::Over(epoch),
            visitor => Slot::Open(visitor.map(Box::new)),
        }
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::domain::contact::Source;

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

    fn device(id: u128, carries: Option<u128>, retired: bool) -> Option<Device> {
        Some(Device {
            organization_id: OrganizationId(Uuid::from_u128(1)),
            id: DeviceId(Uuid::from_u128(id)),
            contact_id: carries.map(|id| ContactId(Uuid::from_u128(id))),
            epoch: 3,
            platform: "web".into(),
            last_seen_at: NOW,
            retired,
        })
    }

    fn person(id: u128, user_id: Option<&str>) -> Option<Contact> {
        let (of, id) = (OrganizationId(Uuid::from_u128(1)), ContactId(Uuid::from_u128(id)));
        let user_id = user_id.map(str::to_owned);
        Some(Contact { user_id, ..Contact::new(of, id, Source::Visitor, NOW) })
    }

    #[test]
    fn what_each_token_opens() {
        let open = |row: Option<Contact>| Slot::Open(row.map(Box::new));
        // what, token, device, visitor, mark, slot
        let matrix = [
            ("never seen", token(7), None, None, None, open(None)),
            ("before the device row", token(7), None, person(7, None), None, open(person(7, None))),
            (
                "wrote",
                token(7),
                device(7, None, false),
                person(7, None),
                None,
                open(person(7, None)),
            ),
            ("logged out", token(7), device(7, None, true), person(7, None), None, Slot::Retired),
            (
                "became U",
                token(7),
                device(7, Some(7), false),
                person(7, Some("u")),
                None,
                Slot::Over(3),
            ),
            (
                "joined U, or never wrote",
                token(7),
                device(7, Some(5), false),
                None,
                None,
                Slot::Over(3),
            ),
            ("beside U", token(9), device(7, Some(5), false), None, None, open(None)),
            (
                "beside U, wrote",
                token(9),
                device(7, Some(5), false),
                person(9, None),
                None,
                open(person(9, None)),
            ),
            (
                "beside U, ended",
                token(9),
                device(7, Some(5), false),
                None,
                device(9, None, true),
                Slot::Over(3),
            ),
        ];
        for (what, token, device, visitor, mark, slot) in matrix {
            assert_eq!(VisitorRows { device, visitor, mark }.slot(&token), slot, "{what}");
        }
    }
}
