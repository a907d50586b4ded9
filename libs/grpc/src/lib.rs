//! How services speak gRPC: the layers around every call in one order, [`Server`] that carries a
//! service with health and reflection, [`Peer`] that a generated client sits on, and the small
//! conversions that every service's messages need.

mod addresses;
mod answer;
mod body;
mod certificates;
mod deadline;
mod incoming;
mod keeper;
mod lazily;
mod peer;
mod remote;
mod server;
mod trace;
mod wire;

pub use addresses::{Addresses, ParseAddressesError};
pub use answer::{answer, log_failure};
pub use certificates::{CertificateError, Certificates};
pub use deadline::{DEFAULT as DEFAULT_DEADLINE, Unhurried};
pub use incoming::Listener;
pub use peer::Peer;
pub use server::Server;
pub use wire::{id, optional_id, page_size, timestamp, to_timestamp};
