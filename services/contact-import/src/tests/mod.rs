//! The whole service over its own protocol, with contacts that live in memory.

mod contacts;
mod faults;
mod journeys;
mod queue;
mod stack;
mod store;
