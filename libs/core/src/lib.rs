//! Types that every service shares and that need no I/O: typed ids, time, random bytes, generated
//! names, names of attributes, page tokens. No wire types, no SQL.

mod attribute_key;
mod backoff;
mod clock;
mod entropy;
mod formulas;
mod ids;
mod names;
mod page;
mod secret_url;

pub use attribute_key::{AttributeKey, BadAttributeKey};
pub use backoff::Backoff;
pub use clock::{Clock, FixedClock, SystemClock, Timestamp};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use formulas::{guard_formulas, unguard_formulas};
pub use ids::{
    AgentId, ApiKeyId, ApplicationId, BlockedAddressId, ContactId, ConversationId, DeviceId,
    IdentityKeyId, ImportId, MessageId, OrganizationId, ParseIdError, WebhookId, new_uuid,
};
pub use names::generated_name;
pub use page::{BadPageToken, PageSize, PageToken};
pub use secret_url::{SecretUrl, hide_secrets};
