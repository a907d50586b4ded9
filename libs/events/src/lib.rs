//! The bus of hints: word that something happened, to the readers in this process and, over NATS,
//! to those in the other replicas. A hint carries ids and numbers, and whoever hears it looks at
//! the database, which is the truth. So a hint may be lost, be late or come twice, nobody waits
//! for NATS, and where hints may have been lost every listener is told so ([`Heard::Missed`]).

mod bus;
mod nats;
mod url;

pub use bus::{Bus, Heard, Hint, Listener, may_concern};
pub use nats::TlsFiles;
pub use url::{NatsUrl, ParseNatsUrlError};
