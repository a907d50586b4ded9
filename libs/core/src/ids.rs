//! Ids. Each kind has its own type, so that a device's id can't be passed as an agent's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::{Clock, Entropy, Timestamp};

/// Creates a UUID of version 7. Its first 48 bits are the time in milliseconds, so that ids that
/// are created one after another are neighbors in an index.
pub fn new_uuid(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.micros() / 1000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// A text is not an id.
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
            /// Creates an id that sorts after those created in earlier milliseconds.
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
    /// An IP address that an organization has blocked.
    BlockedAddressId
    /// A browser profile on one site, or an app install.
    DeviceId
    /// A contact or a visitor. A visitor has the id of its device.
    ContactId
    /// A conversation. It has the id of its contact.
    ConversationId
    /// A message.
    MessageId
    /// A teammate who replies to contacts.
    AgentId
    /// A key with which an organization's server calls the API.
    ApiKeyId
    /// A key with which an organization proves user ids.
    IdentityKeyId
    /// A URL to which an organization's events are posted.
    WebhookId
    /// An import of contacts.
    ImportId
}

impl ContactId {
    /// Returns the id of the visitor who uses this device.
    pub fn of_visitor(device: DeviceId) -> Self {
        Self(device.0)
    }
}

impl ConversationId {
    /// Returns the id of the contact's only conversation.
    pub fn of_contact(contact: ContactId) -> Self {
        Self(contact.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedClock, SeededEntropy, Timestamp};

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let clock = FixedClock::new(Timestamp::from_micros(1_700_000_000_000_000));
        let entropy = SeededEntropy::new(7);
        let first = MessageId::generate(&clock, &entropy);
        clock.advance(std::time::Duration::from_millis(1));
        assert!(first < MessageId::generate(&clock, &entropy));
        assert_eq!(first.0.get_version_num(), 7);
    }

    #[test]
    fn a_text_that_is_no_uuid_is_rejected() {
        assert_eq!("12345".parse::<ContactId>(), Err(ParseIdError));
    }
}
