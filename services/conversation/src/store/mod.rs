//! Reading and writing the tables. Functions take a connection and the organization first; they
//! decide nothing and open no transaction, the use cases do.

pub(crate) mod batch;
pub(crate) mod conversations;
pub(crate) mod effects;
pub(crate) mod heads;
pub(crate) mod interests;
pub(crate) mod list;
pub(crate) mod merges;
pub(crate) mod messages;
mod rows;
mod sql;

pub(crate) use heads::{Head, RecentConversation};
pub(crate) use list::{AssigneeFilter, ListKey, ListQuery};
pub(crate) use messages::{MessagePage, PagePosition};

use onethread_db::{Error, Result};

/// Bytes after which a page ends, so that it stays far below the limit of a gRPC message.
const MAX_PAGE_BYTES: i64 = 1 << 20;

/// Turns a broken unique key into a conflict: another process has written the row since this
/// transaction looked for it.
fn conflict_if_exists<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| if error.is_unique_violation() { Error::Conflict } else { error })
}
