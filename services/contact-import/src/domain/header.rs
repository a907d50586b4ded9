//! The first record: which columns there are.

use super::{Broken, Record, unguard};

/// Columns of a file at most.
const COLUMNS: usize = 1000;
/// Bytes of the header at most: it goes with every message about the import.
const HEADER_BYTES: usize = 64 * 1024;
/// Columns that a list of rejected rows adds. A file that brings them back loses them, so that it
/// can be mended and loaded any number of times.
const IGNORED: [&str; 3] = ["rejected_line", "rejected_column", "rejected_reason"];

/// The columns of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Those that have a name and are not ignored.
    pub(crate) columns: Vec<Column>,
    /// Cells that each record has.
    pub(crate) width: usize,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Which cell of a record it is, from 0.
    pub(crate) position: usize,
}

impl Header {
    /// Reads the header. A column without a name is left out: nothing can be said about it, and
    /// spreadsheets leave such ones at the end. Of several with one name the first has it; the
    /// others have a number behind it, so that each can be chosen.
    pub(crate) fn read(record: &Record) -> Result<Self, Broken> {
        let broken = |reason: &str| Err(Broken::new(record.line, reason));
        if record.width() > COLUMNS {
            return broken("there are more than 1,000 columns.");
        }
        if record.text.len() > HEADER_BYTES {
            return broken("the header is over 64 KiB.");
        }
        if record.text.contains('\0') {
            return broken("a NUL byte: this is not a text file.");
        }
        let names: Vec<_> = record.cells().map(|cell| unguard(cell.trim())).collect();
        let mut columns: Vec<Column> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            if name.is_empty() || Self::is_ours(name) {
                continue;
            }
            let is_first = !names[..position].contains(name);
            let name = if is_first { (*name).to_owned() } else { numbered(name, &names, &columns) };
            columns.push(Column { name, position });
        }
        if columns.is_empty() {
            return broken("no column has a name.");
        }
        Ok(Self { columns, width: record.width() })
    }

    /// True when a list of rejected rows adds a column of this name.
    pub(crate) fn is_ours(name: &str) -> bool {
        IGNORED.contains(&name)
    }

    /// True when there is a column of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// The cells of a record in the columns' order, and behind them those that are too many.
    pub(crate) fn cells<'r>(&'r self, record: &'r Record) -> impl Iterator<Item = &'r str> {
        let known = self.columns.iter().map(|column| column.position);
        let known = known.filter(|position| *position < record.width());
        let extra = self.width..record.width();
        known.chain(extra).map(|position| record.cell(position))
    }
}

/// A name that no other column has or gets: the name with the first number that is free behind it.
fn numbered(name: &str, names: &[&str], columns: &[Column]) -> String {
    let taken = |wanted: &str| {
        names.contains(&wanted) || columns.iter().any(|column| column.name == wanted)
    };
    let free = (2..).map(|number| format!("{name} ({number})")).find(|name| !taken(name));
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
    fn each_column_has_a_name_of_its_own() {
        assert_eq!(names(&["a", " a ", "a (2)", "a"]), ["a", "a (3)", "a (2)", "a (4)"]);
        assert_eq!(names(&["Mail", "mail"]), ["Mail", "mail"]);
        assert_eq!(names(&["", "rejected_line", "'=a", "=a"]), ["=a", "=a (2)"]);
    }
}
