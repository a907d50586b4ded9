//! gRPC between services: the layers around every call, [`Server`] with health and reflection,
//! [`Peer`] as the transport of generated clients, and conversions of common message fields.

mod addresses;
mod answer;
mod body;
mod certificates;
mod deadline;
mod incoming;
mod lazy;
mod methods;
mod peer;
mod remote;
mod replicas;
mod server;
mod trace;
mod wire;

pub use addresses::{Addresses, ParseAddressesError};
pub use answer::{answer, log_failure};
pub use certificates::{CertificateError, Certificates};
pub use deadline::{DEFAULT as DEFAULT_DEADLINE, NoDeadline};
pub use incoming::Listener;
pub use peer::Peer;
pub use server::Server;
pub use wire::{id, optional_id, organization_id, page_size, timestamp, to_timestamp};
