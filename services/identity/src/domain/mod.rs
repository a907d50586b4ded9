//! The rules of identity, pure: who somebody is, what proves it, what a login changes. No I/O, no
//! wire message, no SQL.

pub(crate) mod attributes;
pub(crate) mod contact;
pub(crate) mod effects;
pub(crate) mod events;
pub(crate) mod fields;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod profile;
pub(crate) mod proof;
pub(crate) mod said;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod signed;
pub(crate) mod tokens;
pub(crate) mod visitor;

// Names that the files outside of the slices still use.
pub(crate) use crate::organization::domain::{application, audit};
pub(crate) use crate::webhook::domain::event as webhook;
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
