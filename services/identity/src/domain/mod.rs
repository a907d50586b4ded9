//! Rules that all slices share: what follows from a change, the server's keys, and tokens.

pub(crate) mod effects;
pub(crate) mod keys;
pub(crate) mod tokens;

// Short names of what the slices use of each other.
pub(crate) use crate::{
    contact::domain::{attributes, contact, fields},
    organization::domain::{application, audit},
    webhook::domain::event as webhook,
};
/// Policies, settings and identity keys.
pub(crate) mod policy {
    pub(crate) use crate::organization::domain::{
        identity_key::IdentityKey,
        policy::{Policy, Rules, Verified},
        settings::Settings,
    };
}
/// Agents and API keys.
pub(crate) mod people {
    pub(crate) use crate::team::domain::{
        agent::{Agent, Role},
        api_key::ApiKey,
    };
}
