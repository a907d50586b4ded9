//! Reads a file record by record, in bounded memory, and checks its structure.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::decoder::{Chunk, TextDecoder};
use crate::domain::{FileError, Format, LineCounter, Position, Record, StructureCheck};

/// Why reading a file failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It isn't well-formed CSV.
    #[error(transparent)]
    File(#[from] FileError),
    /// It isn't UTF-8.
    #[error("Line {line}: the text is not UTF-8.")]
    NotUtf8 {
        /// First line of the record, from 1.
        line: u64,
    },
    /// The storage failed.
    #[error("reading the file")]
    Io(#[from] std::io::Error),
}

/// Reads the records of a file.
#[derive(Debug)]
pub(crate) struct RecordReader<R> {
    decoder: TextDecoder<R>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were read.
    used: usize,
    ended: bool,
    structure: StructureCheck,
    core: Reader,
    /// Offset of the next byte.
    offset: u64,
    lines: LineCounter,
    /// Number of the next record.
    number: u64,
}

impl<R: Read> RecordReader<R> {
    /// Reads from a source whose first byte is at `from`, the start of a record.
    pub(crate) fn new(source: R, from: Position, format: Format) -> Self {
        let mut core = ReaderBuilder::new().delimiter(format.delimiter).build();
        // It would remove a byte order mark from its first input, which may be in the middle of a file.
        core.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            decoder: TextDecoder::new(source, format.encoding),
            buffer: Vec::new(),
            used: 0,
            ended: false,
            structure: StructureCheck::starting_at(from.line, format.delimiter),
            core,
            offset: from.offset,
            lines: LineCounter::starting_at(from.line),
            number: from.record,
        }
    }

    /// Position of the next record.
    pub(crate) fn position(&self) -> Position {
        Position { offset: self.offset, line: self.lines.line, record: self.number }
    }

    /// Reads the next record. False at the end of the file, all of which was checked then.
    ///
    /// # Errors
    ///
    /// When the file isn't well-formed, isn't UTF-8, or can't be read.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, ReadError> {
        if !self.skip_breaks()? {
            return Ok(false);
        }
        record.number = self.number;
        record.line = self.lines.line;
        record.offset = self.offset;
        let mut text = std::mem::take(&mut record.text).into_bytes();
        text.resize(text.capacity().max(256), 0);
        record.ends.resize(record.ends.capacity().max(16), 0);
        let (mut length, mut width) = (0, 0);
        loop {
            if self.used == self.buffer.len() && !self.ended {
                self.fill()?;
            }
            let input = &self.buffer[self.used..];
            let (result, read, wrote, ends) =
                self.core.read_record(input, &mut text[length..], &mut record.ends[width..]);
            self.advance(read);
            length += wrote;
            width += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                // Both are bounded: the structure check limits a record to 1 MiB.
                ReadRecordResult::OutputFull => text.resize(text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => record.ends.resize(width * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        text.truncate(length);
        record.ends.truncate(width);
        let not_utf8 = || ReadError::NotUtf8 { line: record.line };
        record.text = String::from_utf8(text).map_err(|_| not_utf8())?;
        // Two cells with half a character each are not UTF-8, though their text together is.
        if record.ends.iter().any(|end| !record.text.is_char_boundary(*end)) {
            return Err(not_utf8());
        }
        self.number += 1;
        Ok(true)
    }

    /// Skips line breaks and empty lines before the next record. False when there is none.
    fn skip_breaks(&mut self) -> Result<bool, ReadError> {
        loop {
            match self.buffer.get(self.used) {
                Some(b'\r' | b'\n') => self.advance(1),
                Some(_) => return Ok(true),
                None if self.ended => return Ok(false),
                None => self.fill()?,
            }
        }
    }

    fn advance(&mut self, bytes: usize) {
        let encoding = self.decoder.encoding();
        for &byte in &self.buffer[self.used..self.used + bytes] {
            self.lines.advance(byte);
            self.offset += encoding.bytes_in_file(byte);
        }
        self.used += bytes;
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        self.used = 0;
        let (chunk, mark) = self.decoder.read(&mut self.buffer, self.offset == 0)?;
        self.offset += mark as u64;
        self.structure.check(&self.buffer)?;
        match chunk {
            Chunk::Text => Ok(()),
            Chunk::Malformed => {
                let reason = "the text is not UTF-16, as it begins.";
                Err(FileError::new(self.structure.line(), reason).into())
            }
            Chunk::End => {
                self.ended = true;
                Ok(self.structure.finish()?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Encoding;

    type Cells = Vec<Vec<String>>;

    fn read_from(file: &[u8], from: Position) -> Result<(Cells, Vec<Position>), ReadError> {
        read_as(file, from, Format::default())
    }

    fn read_as(
        file: &[u8],
        from: Position,
        format: Format,
    ) -> Result<(Cells, Vec<Position>), ReadError> {
        let start = usize::try_from(from.offset).unwrap();
        let mut records = RecordReader::new(&file[start..], from, format);
        let (mut cells, mut positions) = (Vec::new(), Vec::new());
        let mut record = Record::default();
        while records.read(&mut record)? {
            cells.push(record.cells().map(str::to_owned).collect());
            let (offset, line, number) = (record.offset, record.line, record.number);
            positions.push(Position { offset, line, record: number });
        }
        Ok((cells, positions))
    }

    fn by_csv(file: &[u8]) -> Option<Cells> {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let cells = reader
            .records()
            .map(|record| Some(record.ok()?.iter().map(str::to_owned).collect::<Vec<_>>()));
        cells.collect()
    }

    fn lines_of(file: &str) -> Vec<u64> {
        let (_, positions) = read_from(file.as_bytes(), Position::START).unwrap();
        positions.into_iter().map(|position| position.line).collect()
    }

    #[test]
    fn lines_are_counted_as_editors_do() {
        assert_eq!(lines_of("\u{feff}a\r\n\r\n1\r\n\"x\r\ny\"\r\n2"), [1, 3, 4, 6]);
        assert_eq!(lines_of("a\rb\r\rc"), [1, 2, 4]);
        assert_eq!(lines_of("\n\na\n\"\"\n"), [3, 4]);
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error() {
        for (file, expected) in [(&b"a\nb\n\xe4\n"[..], 3), (b"a,b\n\xc3,\xa4\n", 2)] {
            match read_from(file, Position::START) {
                Err(ReadError::NotUtf8 { line }) => assert_eq!(line, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn records_longer_than_a_chunk_are_read_whole() {
        let long = "x\"\"y\n".repeat(50_000);
        let file = format!("a,b\n1,\"{long}\"\n2,3\n");
        let (cells, positions) = read_from(file.as_bytes(), Position::START).unwrap();
        assert_eq!(cells[1][1], long.replace("\"\"", "\""));
        assert_eq!(positions[2].line, 50_003);
    }

    proptest! {
        /// A file that passes the check is read as the csv crate reads it.
        #[test]
        fn reads_as_the_csv_crate_does(file in "[ab,\"\r\n ä]{0,60}") {
            if let Ok((cells, _)) = read_from(file.as_bytes(), Position::START) {
                prop_assert_eq!(Some(cells), by_csv(file.as_bytes()));
            }
        }

        /// A file written by the csv crate is accepted and read back.
        #[test]
        fn accepts_well_formed_files(
            rows in prop::collection::vec(prop::collection::vec("[ab,\"\r\n ä]{0,6}", 2..4), 1..9)
        ) {
            let mut writer =
                ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let file = writer.into_inner().unwrap();
            prop_assert_eq!(read_from(&file, Position::START).unwrap().0, rows);
        }

        /// Reading can resume at any record, in every encoding.
        #[test]
        fn resumes_at_the_start_of_a_record(text in "\u{feff}?[ab;\"\r\n\u{e4}\u{20ac}\u{1f600}]{0,60}") {
            let one_byte = |c: char| match c {
                '\u{20ac}' => 0x80,
                c => u8::try_from(c).unwrap_or(b'?'),
            };
            for (encoding, file) in [
                (Encoding::Utf8, text.clone().into_bytes()),
                (Encoding::Utf16Le, text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
                (Encoding::Utf16Be, text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
                (Encoding::Windows1252, text.chars().map(one_byte).collect()),
            ] {
                let format = Format { encoding, delimiter: b';' };
                if let Ok((cells, positions)) = read_as(&file, Position::START, format) {
                    for (index, position) in positions.iter().enumerate() {
                        let (rest, there) = read_as(&file, *position, format).unwrap();
                        prop_assert_eq!(&rest[..], &cells[index..]);
                        prop_assert_eq!(&there[..], &positions[index..]);
                    }
                }
            }
        }

        /// A text is read the same from all encodings that have its characters.
        #[test]
        fn encodings_agree(text in "[ab,\"\r\n\u{e4}]{0,60}") {
            let wide = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<_>>();
            let narrow: Vec<_> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let read = |encoding, file: &[u8]| {
                let format = Format { encoding, delimiter: b',' };
                read_as(file, Position::START, format).map(|(cells, positions)| {
                    (cells, positions.into_iter().map(|position| position.line).collect::<Vec<_>>())
                }).map_err(|error| error.to_string())
            };
            let expected = read(Encoding::Utf8, text.as_bytes());
            prop_assert_eq!(&read(Encoding::Utf16Le, &wide(u16::to_le_bytes)), &expected);
            prop_assert_eq!(&read(Encoding::Utf16Be, &wide(u16::to_be_bytes)), &expected);
            prop_assert_eq!(&read(Encoding::Windows1252, &narrow), &expected);
        }

        #[test]
        fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
            for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Windows1252] {
                let _ = read_as(&file, Position::START, Format { encoding, delimiter: b'|' });
            }
        }
    }
}
