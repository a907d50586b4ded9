//! Imports on a real database, through the service's own calls.

mod batches;
mod comparison;
mod rows;
