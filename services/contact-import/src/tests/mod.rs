//! The whole service over gRPC, with a fake of identity's contacts.

mod fake_contacts;
mod faults;
mod jobs;
mod journeys;
mod queue;
mod stack;
