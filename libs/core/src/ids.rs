//! Ids with a type each, so that a device can't be passed where an agent belongs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::{Clock, Entropy, Timestamp};

/// A UUID of version 7: its first 48 bits are the time in milliseconds, so that ids made one
/// after the other lie together in an index.
pub fn new_uuid(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.micros() / 1000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// A text that is no UUID where an id belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a UUID")]
pub struct ParseIdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, later than those before it.
            pub fn generate(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(new_uuid(clock.now(), entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| ParseIdError)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    OrganizationId
    /// An installed widget or app of an organization.
    ApplicationId
    /// An address from which an organization's widgets are not served.
    BlockedAddressId
    /// A browser profile on one site, or an app install.
    DeviceId
    /// A person, a visitor included. A visitor's is its device's id.
    ContactId
    /// A thread, whose id is its contact's.
    ConversationId
    /// A message.
    MessageId
    /// A teammate who answers.
    AgentId
    /// A key of a company's server.
    ApiKeyId
    /// A key that a company proves user ids with.
    IdentityKeyId
    /// An address that an organization is told at.
    WebhookId
    /// An import of contacts.
    ImportId
}

impl ContactId {
    /// The contact that a device's visitor is.
    pub fn of_visitor(device: DeviceId) -> Self {
        Self(device.0)
    }
}

impl ConversationId {
    /// The one conversation of a contact.
    pub fn of(contact: ContactId) -> Self {
        Self(contact.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedClock, SeededEntropy, Timestamp};

    #[test]
    fn later_ids_sort_behind_earlier_ones() {
        let clock = FixedClock::new(Timestamp::from_micros(1_700_000_000_000_000));
        let entropy = SeededEntropy::new(7);
        let first = MessageId::generate(&clock, &entropy);
        clock.advance(std::time::Duration::from_millis(1));
        assert!(first < MessageId::generate(&clock, &entropy));
        assert_eq!(first.0.get_version_num(), 7);
    }

    #[test]
    fn a_text_that_is_no_uuid_is_refused() {
        assert_eq!("12345".parse::<ContactId>(), Err(ParseIdError));
    }
}
