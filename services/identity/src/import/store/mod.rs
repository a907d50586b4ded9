//! Batches of imported rows in the database.
//!
//! A function without an `# Errors` section fails only when the database does.

mod answers;
pub(crate) mod batches;
pub(crate) mod comparison;
pub(crate) mod contacts;
mod rows;
