//! Contacts on the wire.

mod contacts;
pub(crate) mod convert;
