//! The settings of a process. Flags override environment variables, which override defaults; clap
//! reads them and writes `--help`. Settings come in groups, and each binary uses those it needs.
//! The README of `services/onethread` lists every setting with its default.

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
