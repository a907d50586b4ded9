//! Cells of CSV files that a spreadsheet would run as formulas. An export makes them harmless, and an
//! import takes off exactly what the export has added.

use std::borrow::Cow;

/// Put before a character that would begin a formula.
const GUARD: char = '\'';

/// Characters that begin a formula, the full-width ones included, which some spreadsheets take for
/// the plain ones. The guard is one of them, so that a text that has it is read back as it is.
fn begins_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | GUARD | '＝' | '＋' | '－' | '＠')
}

/// Characters after which a new cell begins when a program splits a file in another way than it was
/// written.
fn ends_cell(c: char) -> bool {
    matches!(c, ';' | ',' | '\t' | '\r' | '\n')
}

/// Puts a `'` before everything that a spreadsheet would run as a formula: at the beginning of a
/// cell, and after a separator or a line break in it.
pub fn guard_formulas(cell: &str) -> Cow<'_, str> {
    if !boundaries(cell).any(|(_, c)| begins_formula(c)) {
        return Cow::Borrowed(cell);
    }
    let mut guarded = String::with_capacity(cell.len() + 8);
    let mut is_boundary = true;
    for c in cell.chars() {
        if is_boundary && begins_formula(c) {
            guarded.push(GUARD);
        }
        guarded.push(c);
        is_boundary = ends_cell(c);
    }
    Cow::Owned(guarded)
}

/// Removes what [`guard_formulas`] has added.
pub fn unguard_formulas(cell: &str) -> Cow<'_, str> {
    if !boundaries(cell).any(|(_, c)| c == GUARD) {
        return Cow::Borrowed(cell);
    }
    let mut plain = String::with_capacity(cell.len());
    let mut is_boundary = true;
    let mut rest = cell.chars().peekable();
    while let Some(mut c) = rest.next() {
        if is_boundary
            && c == GUARD
            && let Some(guarded) = rest.next_if(|next| begins_formula(*next))
        {
            c = guarded;
        }
        plain.push(c);
        is_boundary = ends_cell(c);
    }
    Cow::Owned(plain)
}

/// The characters at the beginning and after a separator.
fn boundaries(cell: &str) -> impl Iterator<Item = (usize, char)> {
    let mut is_boundary = true;
    cell.char_indices().filter(move |(_, c)| std::mem::replace(&mut is_boundary, ends_cell(*c)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_wherever_a_cell_may_begin() {
        for (cell, guarded) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1", "'+49 30 1"),
            ("a;=1", "a;'=1"),
            ("a,@b", "a,'@b"),
            ("a\n-1", "a\n'-1"),
            ("\t=1", "'\t'=1"),
            ("＝1", "'＝1"),
            ("a;＠b", "a;'＠b"),
            ("'quoted", "''quoted"),
            ("a-b", "a-b"),
            ("a; =1", "a; =1"),
            ("", ""),
        ] {
            assert_eq!(guard_formulas(cell), guarded, "{cell:?}");
            assert_eq!(unguard_formulas(guarded), cell, "{cell:?}");
        }
        // Written by another program: this `'` isn't a guard.
        assert_eq!(unguard_formulas("'hello"), "'hello");
        assert_eq!(unguard_formulas("rock;'n'roll"), "rock;'n'roll");
    }

    proptest! {
        #[test]
        fn a_cell_is_read_back_as_it_was(cell in "[-'=+@;,\t\r\n ab＝]{0,12}") {
            let guarded = guard_formulas(&cell);
            prop_assert_eq!(unguard_formulas(&guarded), cell.as_str());
            let mut parts = guarded.split([';', ',', '\t', '\r', '\n']);
            prop_assert!(parts.all(|part| !part.starts_with(['=', '+', '-', '@', '＝'])));
        }
    }
}
