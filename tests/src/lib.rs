//! Helpers for the system tests in `tests/`. They start and kill the built binary and call it as its
//! clients do. They use only the public API, never the code of the services.

mod actors;
mod bucket;
mod collector;
mod contacts_csv;
mod contract;
mod database;
mod history;
mod http;
mod large_csv;
mod memory;
mod process;
mod proofs;
mod random;
mod raw;
mod rows;
mod rpc;
mod sse;
mod wait;
mod webhook_receiver;

pub use actors::{Agent, Device, Tenant, TestServer, Widget};
pub use bucket::Bucket;
pub use collector::{Collector, DataPoint, Span, kind};
pub use contacts_csv::{contact_row, contacts_csv};
pub use contract::{check_webhook_body, documented_operations};
pub use database::PostgresDatabase;
pub use history::{Fault, History, SentMessage, StoredMessage, View};
pub use http::{Api, ApiResponse};
pub use large_csv::write_large_csv;
pub use memory::resident_mib;
pub use process::{ExitOutput, Onethread, Options, binary, run_to_exit};
pub use proofs::{jwt, signed_jwt, user_hash};
pub use random::Random;
pub use raw::{RawConnection, raise_open_files};
pub use rows::row_counts;
pub use rpc::{Health, channel, health, services_v1, services_v1alpha};
pub use sse::{Event, Events};
pub use wait::{LONG_TIMEOUT, SHORT_TIMEOUT, wait_until};
pub use webhook_receiver::{Delivery, WebhookReceiver};
