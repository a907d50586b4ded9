//! The protocol's two sides: the service that is offered, and the contacts that are called.

mod contacts;
mod convert;
mod handlers;

pub(crate) use contacts::{Contacts, ContactsImport};
pub(crate) use handlers::Handlers;
