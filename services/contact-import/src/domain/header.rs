//! The first record: which columns there are.

use onethread_core::unguard_formulas;

use super::{FileError, Record};

/// Most columns of a file.
const MAX_COLUMNS: usize = 1000;
/// Largest header: every message about the import contains it.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Columns that a file of rejected rows has in addition. They are ignored, so that such a file can be
/// corrected and loaded any number of times.
const REJECTION_COLUMNS: [&str; 3] = ["rejected_line", "rejected_column", "rejected_reason"];

/// The columns of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Columns with a name, without ignored ones.
    pub(crate) columns: Vec<Column>,
    /// Cells of each record.
    pub(crate) width: usize,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Index of its cell in a record.
    pub(crate) position: usize,
}

impl Header {
    /// Reads the header. Columns without a name are left out: spreadsheets add such columns at the
    /// end. Of several columns with one name, the first keeps it and the others get a number, so
    /// that each can be mapped.
    pub(crate) fn read(record: &Record) -> Result<Self, FileError> {
        let error = |reason: &str| Err(FileError::new(record.line, reason));
        if record.width() > MAX_COLUMNS {
            return error("there are more than 1,000 columns.");
        }
        if record.text.len() > MAX_HEADER_BYTES {
            return error("the header is over 64 KiB.");
        }
        if record.text.contains('\0') {
            return error("a NUL byte: this is not a text file.");
        }
        let names: Vec<_> = record.cells().map(|cell| unguard_formulas(cell.trim())).collect();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let mut columns: Vec<Column> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            if name.is_empty() || Self::is_added_by_us(name) {
                continue;
            }
            let is_first = !names[..position].contains(name);
            let name = if is_first { (*name).to_owned() } else { numbered(name, &names, &columns) };
            columns.push(Column { name, position });
        }
        if columns.is_empty() {
            return error("no column has a name.");
        }
        Ok(Self { columns, width: record.width() })
    }

    /// True when files of rejected rows add a column of this name.
    pub(crate) fn is_added_by_us(name: &str) -> bool {
        REJECTION_COLUMNS.contains(&name)
    }

    /// True when there is a column of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// The cells of a record in the columns' order, then those beyond the header's width.
    pub(crate) fn cells<'r>(&'r self, record: &'r Record) -> impl Iterator<Item = &'r str> {
        let known = self.columns.iter().map(|column| column.position);
        let known = known.filter(|position| *position < record.width());
        let extra = self.width..record.width();
        known.chain(extra).map(|position| record.cell(position))
    }
}

/// The name with the first number after it that makes it unlike all other columns' names.
fn numbered(name: &str, names: &[&str], columns: &[Column]) -> String {
    let is_taken = |wanted: &str| {
        names.contains(&wanted) || columns.iter().any(|column| column.name == wanted)
    };
    let free = (2..).map(|number| format!("{name} ({number})")).find(|name| !is_taken(name));
    free.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cells: &[&str]) -> Vec<String> {
        let mut record = Record::default();
        for cell in cells {
            record.text.push_str(cell);
            record.ends.push(record.text.len());
        }
        Header::read(&record).unwrap().columns.into_iter().map(|column| column.name).collect()
    }

    #[test]
    fn column_names_are_unique() {
        assert_eq!(names(&["a", " a ", "a (2)", "a"]), ["a", "a (3)", "a (2)", "a (4)"]);
        assert_eq!(names(&["Mail", "mail"]), ["Mail", "mail"]);
        assert_eq!(names(&["", "rejected_line", "'=a", "=a"]), ["=a", "=a (2)"]);
    }
}
