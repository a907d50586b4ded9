//! Sessions and visitors on the wire.

mod convert;
mod sessions;
mod visitors;
