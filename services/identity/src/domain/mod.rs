//! Rules that all slices share: what follows from a change, the server's keys, and tokens.

pub(crate) mod effects;
pub(crate) mod keys;
pub(crate) mod tokens;
