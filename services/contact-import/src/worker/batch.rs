//! Divides a file into batches. The end of a batch depends only on the file, the mapping and its
//! start: a batch that is sent again after a crash is the same batch.

use std::io::Read;

use super::{
    duplicates::Duplicates,
    records::{ReadError, RecordReader},
};
use crate::domain::{Position, Record, RejectedRow, Rejection, Row, RowParser};

/// Most records of a batch.
pub(crate) const MAX_BATCH_RECORDS: usize = 2000;
/// Largest batch, unless its only record is larger.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Some records.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Records to send, with their rows.
    pub(crate) rows: Vec<(Record, Row)>,
    /// Records that are not sent.
    pub(crate) rejected: Vec<RejectedRow>,
    /// Start of the next batch; `None` at the end of the file.
    pub(crate) next: Option<Position>,
}

type Parsed = (Record, Result<Row, Rejection>);

/// Reads the batches of a file.
#[derive(Debug)]
pub(crate) struct BatchReader<R> {
    records: RecordReader<R>,
    parser: RowParser,
    duplicates: Duplicates,
    /// The record that did not fit into the last batch.
    carried_over: Option<Parsed>,
}

impl<R: Read> BatchReader<R> {
    pub(crate) fn new(records: RecordReader<R>, parser: RowParser, duplicates: Duplicates) -> Self {
        Self { records, parser, duplicates, carried_over: None }
    }

    /// Reads the next batch; empty at the end of the file. Blocks.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub(crate) fn read(&mut self) -> Result<Batch, ReadError> {
        let mut batch = Batch { rows: Vec::new(), rejected: Vec::new(), next: None };
        let (mut count, mut bytes) = (0, 0);
        while let Some((record, row)) = self.next_record()? {
            let size = row.as_ref().map_or(record.text.len(), Row::size);
            if count == MAX_BATCH_RECORDS || (count > 0 && bytes + size > MAX_BATCH_BYTES) {
                let Record { offset, line, number, .. } = record;
                batch.next = Some(Position { offset, line, record: number });
                self.carried_over = Some((record, row));
                break;
            }
            count += 1;
            bytes += size;
            match row {
                Ok(row) => batch.rows.push((record, row)),
                Err(rejection) => batch.rejected.push(self.parser.rejected(&record, rejection)),
            }
        }
        Ok(batch)
    }

    fn next_record(&mut self) -> Result<Option<Parsed>, ReadError> {
        if let Some(parsed) = self.carried_over.take() {
            return Ok(Some(parsed));
        }
        let mut record = Record::default();
        if !self.records.read(&mut record)? {
            return Ok(None);
        }
        // It stays in memory until its batch is stored, and its buffers have spare capacity.
        record.text.shrink_to_fit();
        record.ends.shrink_to_fit();
        let first_line = self.duplicates.first_line(record.number)?;
        let row = self.parser.parse(&record, first_line);
        Ok(Some((record, row)))
    }

    /// The parser of its records.
    pub(crate) fn parser(&self) -> &RowParser {
        &self.parser
    }
}
