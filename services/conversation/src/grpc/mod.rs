//! The service as gRPC: [`handlers`] call the use cases, [`convert`] turns messages into values of
//! the domain and back. No rule lives here.

mod convert;
mod handlers;

pub(crate) use handlers::Handlers;
