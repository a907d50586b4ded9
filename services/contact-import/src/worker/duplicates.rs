//! Finds rows with the key of an earlier row, in a pass before the rows are applied. The result
//! depends only on the file and the mapping, so after a takeover it is the same. It needs the same
//! small amount of memory for every file.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use tokio_util::sync::CancellationToken;

use super::{
    check_canceled,
    records::{ReadError, RecordReader},
    sorter::{Entry, Sorted, Sorter},
};
use crate::domain::{Record, RowParser};

/// Entries of one sorter in memory: 2 MiB.
const ENTRIES_IN_MEMORY: usize = 64 * 1024;
/// The duplicate rows, to be asked for in the order of the file.
#[derive(Debug)]
pub(crate) struct Duplicates {
    duplicates: Sorted,
    next: Option<Entry>,
}

impl Duplicates {
    /// Reads all records of a file from its header on. Blocks.
    ///
    /// # Errors
    ///
    /// When the file can't be read, or `canceled` is canceled.
    pub(crate) fn find<R: Read>(
        mut records: RecordReader<R>,
        parser: &RowParser,
        folder: PathBuf,
        canceled: &CancellationToken,
    ) -> Result<Self, ReadError> {
        let mut keys = Sorter::new(folder.clone(), ENTRIES_IN_MEMORY);
        let mut record = Record::default();
        // The header is not a row.
        records.read(&mut record)?;
        while records.read(&mut record)? {
            if let Some(key) = parser.key(&record) {
                keys.push([key.0[0], key.0[1], record.number, record.line])?;
            }
            check_canceled(canceled, record.number)?;
        }
        drop(records);

        let mut duplicates = Sorter::new(folder, ENTRIES_IN_MEMORY);
        let mut keys = keys.sorted()?;
        let (mut first, mut seen) = (None::<Entry>, 0);
        while let Some(entry) = keys.next()? {
            match first {
                // Entries with equal keys follow each other, the earliest record first.
                Some(first) if first[..2] == entry[..2] => {
                    duplicates.push([entry[2], first[3], 0, 0])?;
                }
                _ => first = Some(entry),
            }
            seen += 1;
            check_canceled(canceled, seen)?;
        }
        drop(keys);
        let mut duplicates = duplicates.sorted()?;
        let next = duplicates.next()?;
        Ok(Self { duplicates, next })
    }

    /// The line of the first row with the key of this record, if this record is a duplicate. Records
    /// are asked for in ascending order; some may be skipped.
    pub(crate) fn first_line(&mut self, record: u64) -> io::Result<Option<u64>> {
        while let Some([number, line, ..]) = self.next {
            if number > record {
                break;
            }
            self.next = self.duplicates.next()?;
            if number == record {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}
