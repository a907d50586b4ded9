//! Rows that all slices write: what follows from a change, and the deletion of expired rows.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod clean_up;
pub(crate) mod effects;
mod entries;

/// False for a text with NUL. PostgreSQL neither stores nor compares it.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests;
