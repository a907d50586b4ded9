//! System tests of the built binary: this library starts it, kills it and speaks to it as its
//! clients do; the tests themselves lie in `tests/`, one file a theme. Nothing here reaches into
//! the services' code: what it knows of them is the public contract.

mod actors;
mod bucket;
mod chance;
mod collector;
mod contract;
mod crowd;
mod database;
mod history;
mod hook;
mod http;
mod memory;
mod people;
mod process;
mod proofs;
mod rows;
mod rpc;
mod sse;
mod wait;

pub use actors::{Agent, Device, Stage, Tenant, Widget};
pub use bucket::Bucket;
pub use chance::Chance;
pub use collector::{Collector, Point, Span, kind};
pub use contract::{check_notice, documented};
pub use crowd::write_crowd;
pub use database::PostgresDatabase;
pub use history::{Fault, History, Sent, Stored, View};
pub use hook::{Hook, Told};
pub use http::{Api, Reply};
pub use memory::resident_mib;
pub use people::{people_csv, person_row};
pub use process::{Onethread, Options, Refusal, binary, refused};
pub use proofs::{jwt, jwt_of, user_hash};
pub use rows::row_counts;
pub use rpc::{Health, channel, health, services_v1, services_v1alpha};
pub use sse::{Event, Events};
pub use wait::{LONG, SHORT, until};
