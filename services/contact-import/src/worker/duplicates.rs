//! Finds the rows that repeat an earlier row's key. A pass of its own before the rows are applied:
//! it depends on the file and the mapping alone, so that whoever goes on with an import finds the
//! same, and it needs the same little memory for any file.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use tokio_util::sync::CancellationToken;

use super::{
    records::{ReadError, Records},
    sorter::{Entry, Sorted, Sorter},
};
use crate::domain::{Plan, Record};

/// Entries that one sorting keeps in memory: 2 MiB.
const HOLD: usize = 64 * 1024;
/// How often it looks whether somebody still waits for it.
const LOOK: u64 = 4096;

/// The rows that repeat an earlier one, to be asked for in the order of the file.
#[derive(Debug)]
pub(crate) struct Duplicates {
    repeats: Sorted,
    next: Option<Entry>,
}

impl Duplicates {
    /// Reads all records of a file, the header first, and finds them. Blocks; stops early with an error when `halt` is said.
    pub(crate) fn find<R: Read>(
        mut records: Records<R>,
        plan: &Plan,
        folder: PathBuf,
        halt: &CancellationToken,
    ) -> Result<Self, ReadError> {
        let mut keys = Sorter::new(folder.clone(), HOLD);
        let mut record = Record::default();
        // The header is nobody's row.
        records.read(&mut record)?;
        while records.read(&mut record)? {
            if let Some(key) = plan.key(&record) {
                keys.push([key.0[0], key.0[1], record.number, record.line])?;
            }
            look(halt, record.number)?;
        }
        drop(records);

        let mut repeats = Sorter::new(folder, HOLD);
        let mut keys = keys.sorted()?;
        let (mut first, mut seen) = (None::<Entry>, 0);
        while let Some(entry) = keys.next()? {
            match first {
                // Equal keys stand together, the earliest record before the others.
                Some(first) if first[..2] == entry[..2] => {
                    repeats.push([entry[2], first[3], 0, 0])?;
                }
                _ => first = Some(entry),
            }
            seen += 1;
            look(halt, seen)?;
        }
        drop(keys);
        let mut repeats = repeats.sorted()?;
        let next = repeats.next()?;
        Ok(Self { repeats, next })
    }

    /// The line of the earlier row that this record repeats. Records are asked for in ascending
    /// order; any may be left out.
    pub(crate) fn first_line(&mut self, record: u64) -> io::Result<Option<u64>> {
        while let Some([number, line, ..]) = self.next {
            if number > record {
                break;
            }
            self.next = self.repeats.next()?;
            if number == record {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

/// Stops work whose result nobody waits for any more.
pub(crate) fn look(halt: &CancellationToken, count: u64) -> io::Result<()> {
    if count.is_multiple_of(LOOK) && halt.is_cancelled() {
        return Err(io::Error::other("nobody waits for it any more"));
    }
    Ok(())
}
