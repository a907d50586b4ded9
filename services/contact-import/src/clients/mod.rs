//! Clients of the services that this one calls.

mod contacts;

pub(crate) use contacts::{ContactsClient, ImportStream, MAX_IN_FLIGHT};
