//! Organizations on a real database, through the service's own calls.

mod applications;
mod blocked_addresses;
mod identity_keys;
mod settings;

use onethread_core::AgentId;
use uuid::Uuid;

use super::domain::audit::Actor;

/// An owner who changes settings.
pub(crate) const OWNER: Actor = Actor::Agent(AgentId(Uuid::from_u128(7)));
