//! The gRPC service.

mod convert;
mod handlers;

pub(crate) use handlers::Handlers;
