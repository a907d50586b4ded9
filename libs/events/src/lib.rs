//! The bus of hints. A hint notifies readers in this process and, over NATS, in other replicas that
//! something has changed. It carries only ids and numbers; a reader that receives one reads the
//! change from the database. A hint may therefore be lost, late or repeated, and nothing waits for
//! NATS. When hints may have been lost, every listener is notified ([`BusEvent::Missed`]).

mod bus;
mod nats;
mod url;

pub use bus::{Bus, BusEvent, Hint, Listener, is_affected};
pub use nats::TlsFiles;
pub use url::{NatsUrl, ParseNatsUrlError};
