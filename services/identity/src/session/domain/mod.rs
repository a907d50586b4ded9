//! The rules of sessions.

pub(crate) mod login;
pub(crate) mod proof;
pub(crate) mod session;
pub(crate) mod signed;
pub(crate) mod visitor;
