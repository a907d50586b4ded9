//! What every process of Onethread needs around its services: a data folder, listeners, databases,
//! telemetry, and an exit status. Its binaries decide what is served.

mod bind;
mod database;
mod descriptors;
mod folder;
mod memory;
mod run;

pub use bind::{announce_and_wait, bind};
pub use database::{migrate, open_database, open_for_command};
pub use descriptors::open_files;
pub use folder::{DataFolder, write_private};
pub use run::{StartError, run};
