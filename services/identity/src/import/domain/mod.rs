//! The rules of imports.

pub(crate) mod batch;
pub(crate) mod comparison;
pub(crate) mod row;
