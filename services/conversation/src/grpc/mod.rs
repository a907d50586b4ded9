//! The gRPC services: [`handlers`] call the use cases, [`convert`] turns proto messages into values
//! of the domain and back. No rule is here.

mod convert;
mod handlers;

pub(crate) use handlers::Handlers;
