//! Batches of imported rows in the database.

mod answers;
pub(crate) mod batches;
pub(crate) mod comparison;
pub(crate) mod contacts;
mod rows;
