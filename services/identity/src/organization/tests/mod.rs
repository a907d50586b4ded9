//! Organizations on a real database, through the service's own calls.

mod applications;
mod blocked_addresses;

use onethread_proto::identity as wire;
use uuid::Uuid;

/// An owner as the gateway names one: identity doesn't check who may call.
pub(crate) fn owner() -> Option<wire::Actor> {
    let id = Uuid::from_u128(1).to_string();
    Some(wire::Actor { kind: wire::ActorKind::Agent.into(), id })
}
