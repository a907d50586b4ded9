//! What every process of Onethread needs around its services: a data folder, listeners, databases,
//! telemetry, and an exit status. Its binaries decide what is served.

mod bind;
mod database;
mod folder;
mod memory;
mod run;

pub use bind::{bind, serving};
pub use database::{migrate, open_beside, open_database};
pub use folder::{DataFolder, write_private};
pub use run::{StartError, run};
