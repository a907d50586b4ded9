//! The first record: which columns there are.

use super::{Broken, Record};

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
    /// spreadsheets leave such ones at the end.
    pub(crate) fn read(record: &Record) -> Result<Self, Broken> {
        let broken = |reason: &str| Err(Broken::new(record.line, reason));
        if record.width() > COLUMNS {
            return broken("there are more than 1,000 columns.");
        }
        if record.text.len() > HEADER_BYTES {
            return broken("the header is over 64 KiB.");
        }
        let mut columns: Vec<Column> = Vec::new();
        for (position, name) in record.cells().map(str::trim).enumerate() {
            if name.is_empty() || Self::is_ours(name) {
                continue;
            }
            if columns.iter().any(|column| column.name == name) {
                return broken(&format!("two columns are named {name:?}; rename one of them."));
            }
            columns.push(Column { name: name.to_owned(), position });
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
