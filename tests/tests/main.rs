//! The system tests: one file for each topic. Each test starts its own server from the built binary
//! (run `cargo build --workspace` first, or set `ONETHREAD_BIN`).

#![expect(clippy::too_many_lines, reason = "a journey is read from top to bottom")]

mod apart;
mod bad_input;
mod blocking;
mod browsers;
mod callers;
mod claims;
mod databases;
mod erasing;
mod faults;
mod filters;
mod full_disk;
mod grpc;
mod import_corpus;
mod import_faults;
mod import_round_trip;
mod import_store;
mod imports;
mod inbox;
mod join_faults;
mod joining;
mod journey;
mod limits;
mod messages;
mod metrics;
mod overload;
mod pages;
mod passwords;
mod policies;
mod postgres_faults;
mod profiles;
mod proofs;
mod recorded;
mod replicas;
mod secrets;
mod sessions;
mod starting;
mod streams;
mod tenants;
mod trace_trees;
mod tracing;
mod user_fields;
mod visitors;
mod webhooks;
