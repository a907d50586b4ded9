//! Pages of lists. One ends early when its message would become too large.

use onethread_core::PageSize;

/// Bytes of a page, approximately; a single item may take more.
const PAGE_BYTES: usize = 1024 * 1024;

/// Some items of a list.
#[derive(Debug)]
pub(crate) struct Page<T, K> {
    pub(crate) items: Vec<T>,
    /// Key after which the next page starts; `None` on the last page.
    pub(crate) next: Option<K>,
}

/// How many of the next items of a list are on a page, by their sizes in bytes.
pub(super) fn items_on_page(sizes: impl IntoIterator<Item = usize>, page: PageSize) -> usize {
    let mut bytes = 0_usize;
    let fits = |size: &usize| {
        let fits = bytes < PAGE_BYTES;
        bytes = bytes.saturating_add(*size);
        fits
    };
    sizes.into_iter().take(page.rows()).take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_row_count_or_where_it_becomes_too_large() {
        let page = PageSize::new(3).unwrap();
        assert_eq!(items_on_page([1; 9], page), 3);
        assert_eq!(items_on_page([1; 2], page), 2);
        assert_eq!(items_on_page([PAGE_BYTES / 2, PAGE_BYTES / 2, 1], page), 2);
        // An item that is too large by itself is still sent.
        assert_eq!(items_on_page([PAGE_BYTES * 2, 1], page), 1);
        assert_eq!(items_on_page([], page), 0);
    }
}
