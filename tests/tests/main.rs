//! The system tests: one file a theme, each test with a server of its own. They run over the built
//! binary (`cargo build --workspace` first, or `ONETHREAD_BIN`).

mod apart;
mod bad_input;
mod blocking;
mod browsers;
mod callers;
mod claims;
mod faults;
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
mod passwords;
mod policies;
mod postgres_faults;
mod proofs;
mod replicas;
mod secrets;
mod sessions;
mod starting;
mod streams;
mod tenants;
mod tracing;
mod user_fields;
mod visitors;
mod webhooks;
