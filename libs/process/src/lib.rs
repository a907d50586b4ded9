//! What every process of Onethread has around its services: a data folder of its own, listeners,
//! its database, telemetry, and a status to end with. What is served is the binaries' affair.

mod bind;
mod database;
mod folder;
mod memory;
mod run;

pub use bind::{bind, serving};
pub use database::{migrate, open_beside, open_database};
pub use folder::{DataFolder, write_private};
pub use run::{StartError, run};
