//! Sessions on the wire.

mod convert;
mod sessions;
