//! Pages of lists that are read in the order of their ids.

use onethread_core::{PageSize, PageToken};
use onethread_errors::{Error, Result};
use uuid::Uuid;

/// The id behind which the page begins. `None` on the first page.
///
/// # Errors
///
/// `InvalidArgument` when the token is none of a list.
pub(crate) fn page_start(page_token: &str) -> Result<Option<Uuid>> {
    let invalid = |_| Error::invalid("page_token", "is not a cursor of this list");
    PageToken::decode(page_token).map_err(invalid)
}

/// Removes the row beyond the page and returns the token of the next page. It is empty on the last
/// page, which has no such row.
pub(crate) fn next_page_token<T>(
    rows: &mut Vec<T>,
    size: PageSize,
    id: impl Fn(&T) -> Uuid,
) -> String {
    let more = rows.len() > size.rows();
    rows.truncate(size.rows());
    let last = rows.last().filter(|_| more);
    last.map(|last| PageToken::encode(&id(last))).unwrap_or_default()
}
