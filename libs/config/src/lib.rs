//! The settings of a process: defaults, then the environment, then flags, read by clap, which
//! also writes `--help`. Settings come in groups; a binary takes those that concern it. Every
//! setting is listed with its default in the README.

mod bus;
mod database;
mod dump;
mod exit;
mod gateway;
mod limits;
mod object_store;
mod process;
mod services;
mod settings;
mod transport;

pub use bus::BusArgs;
pub use database::{DatabaseArgs, DatabaseUrl, SharedDatabaseArgs};
pub use dump::{Dump, dump};
pub use exit::{BAD_CONFIGURATION, parse, refuse};
pub use gateway::GatewayArgs;
pub use limits::RateLimits;
pub use object_store::{ObjectStoreArgs, ObjectStoreUrl};
pub use process::{ProcessArgs, Task};
pub use services::{
    ContactImportAddress, ContactImportUrl, ConversationAddress, ConversationUrl, IdentityArgs,
    IdentityUrl,
};
pub use settings::Settings;
pub use transport::{Tls, TransportArgs};
