//! Rows that all slices write: what follows from a change, and the deletion of expired rows.

pub(crate) mod clean_up;
pub(crate) mod effects;
mod entries;

/// False for a text that no row can hold. PostgreSQL refuses a NUL even to compare with.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests;
