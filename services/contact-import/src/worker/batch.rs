//! Cuts a file into batches. Where one ends follows from the file, the mapping and the place it
//! begins at alone: a batch that is sent again after a crash is the same batch.

use std::io::Read;

use super::{
    duplicates::Duplicates,
    records::{ReadError, Records},
};
use crate::domain::{Plan, Position, Record, RejectedRow, Rejection, Row};

/// Records of a batch.
pub(crate) const RECORDS: usize = 2000;
/// Bytes of a batch, unless its only record is longer.
const BYTES: usize = 1024 * 1024;

/// Some records, read.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Those that go to the contacts.
    pub(crate) rows: Vec<(Record, Row)>,
    /// Those that don't.
    pub(crate) rejected: Vec<RejectedRow>,
    /// Where the next batch begins; `None` at the end of the file.
    pub(crate) next: Option<Position>,
}

type Taken = (Record, Result<Row, Rejection>);

/// The batches of a file.
#[derive(Debug)]
pub(crate) struct Batches<R> {
    records: Records<R>,
    plan: Plan,
    duplicates: Duplicates,
    /// The record that did not fit into the last batch.
    left: Option<Taken>,
}

impl<R: Read> Batches<R> {
    pub(crate) fn new(records: Records<R>, plan: Plan, duplicates: Duplicates) -> Self {
        Self { records, plan, duplicates, left: None }
    }

    /// Reads the next one; empty at the end of the file. Blocks.
    pub(crate) fn read(&mut self) -> Result<Batch, ReadError> {
        let mut batch = Batch { rows: Vec::new(), rejected: Vec::new(), next: None };
        let (mut count, mut bytes) = (0, 0);
        while let Some((record, row)) = self.take()? {
            let size = row.as_ref().map_or(record.text.len(), Row::size);
            if count == RECORDS || (count > 0 && bytes + size > BYTES) {
                let Record { offset, line, number, .. } = record;
                batch.next = Some(Position { offset, line, record: number });
                self.left = Some((record, row));
                break;
            }
            count += 1;
            bytes += size;
            match row {
                Ok(row) => batch.rows.push((record, row)),
                Err(rejection) => batch.rejected.push(self.plan.rejected(&record, rejection)),
            }
        }
        Ok(batch)
    }

    fn take(&mut self) -> Result<Option<Taken>, ReadError> {
        if let Some(left) = self.left.take() {
            return Ok(Some(left));
        }
        let mut record = Record::default();
        if !self.records.read(&mut record)? {
            return Ok(None);
        }
        // It is kept until its batch is stored, and was read into room to spare.
        record.text.shrink_to_fit();
        record.ends.shrink_to_fit();
        let first_line = self.duplicates.first_line(record.number)?;
        let row = self.plan.row(&record, first_line);
        Ok(Some((record, row)))
    }

    /// What is read of each record.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}
