//! Statements on the tables of imports. Functions take the connection, then the organization, and
//! decide nothing; use cases open connections and transactions. Two kinds of statements have no
//! organization: the work queue, where a [`Lease`](crate::domain::Lease) names it, and the search
//! for files that may be deleted.

pub(crate) mod imports;
pub(crate) mod jobs;
pub(crate) mod rejected_rows;
mod rows;
mod sql;
