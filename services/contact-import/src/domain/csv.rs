//! Rules for well-formed CSV files. `csv-core` splits records into cells, but accepts any input: an
//! open quote would silently swallow half a file. [`StructureCheck`] checks the same bytes and
//! rejects such files.

/// Largest record.
const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// Why a file can't be read as CSV.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Line {line}: {reason}")]
pub(crate) struct FileError {
    /// Line with the error, from 1.
    pub(crate) line: u64,
    /// A sentence without its first capital letter.
    pub(crate) reason: String,
}

impl FileError {
    pub(crate) fn new(line: u64, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

/// Counts lines. LF, CRLF and CR each end one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineCounter {
    /// Line of the next byte, from 1.
    pub(crate) line: u64,
    after_cr: bool,
}

impl LineCounter {
    pub(crate) fn starting_at(line: u64) -> Self {
        Self { line, after_cr: false }
    }

    pub(crate) fn advance(&mut self, byte: u8) {
        match byte {
            b'\n' if self.after_cr => self.after_cr = false,
            b'\n' => self.line += 1,
            b'\r' => {
                self.line += 1;
                self.after_cr = true;
            }
            _ => self.after_cr = false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, or the first of two quotes.
    Closing,
}

/// Checks quoting and the length of records, of text that comes in chunks.
#[derive(Debug)]
pub(crate) struct StructureCheck {
    delimiter: u8,
    state: State,
    lines: LineCounter,
    record_line: u64,
    quote_line: u64,
    record_bytes: usize,
}

impl StructureCheck {
    /// Starts at a record that begins on this line.
    pub(crate) fn starting_at(line: u64, delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::RecordStart,
            lines: LineCounter::starting_at(line),
            record_line: line,
            quote_line: line,
            record_bytes: 0,
        }
    }

    /// Checks the next bytes.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        for &byte in bytes {
            self.check_byte(byte)?;
            self.lines.advance(byte);
        }
        Ok(())
    }

    fn check_byte(&mut self, byte: u8) -> Result<(), FileError> {
        if self.state == State::RecordStart {
            self.record_line = self.lines.line;
            self.record_bytes = 0;
        }
        self.record_bytes += 1;
        if self.record_bytes > MAX_RECORD_BYTES {
            return Err(self.too_long());
        }
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::Closing,
            (State::Quoted, _) => State::Quoted,
            (_, b'\n' | b'\r') => State::RecordStart,
            (_, byte) if byte == self.delimiter => State::CellStart,
            (State::RecordStart | State::CellStart, b'"') => {
                self.quote_line = self.lines.line;
                State::Quoted
            }
            (State::Closing, b'"') => State::Quoted,
            (State::Closing, _) => {
                let reason = "text follows the closing quote of a value that begins here; quotes inside a value are doubled.";
                return Err(FileError::new(self.quote_line, reason));
            }
            (State::RecordStart | State::CellStart | State::Plain, _) => State::Plain,
        };
        Ok(())
    }

    fn too_long(&self) -> FileError {
        if self.state == State::Quoted {
            self.open_quote()
        } else {
            FileError::new(self.record_line, "the record that begins here is over 1 MiB.")
        }
    }

    fn open_quote(&self) -> FileError {
        FileError::new(self.quote_line, "the quote of a value that begins here is not closed.")
    }

    /// Line of the next byte.
    pub(crate) fn line(&self) -> u64 {
        self.lines.line
    }

    /// Checks that the file may end here.
    pub(crate) fn finish(&self) -> Result<(), FileError> {
        if self.state == State::Quoted { Err(self.open_quote()) } else { Ok(()) }
    }
}

/// One record: its cells, unquoted, and its position. Readers fill the same one again and again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Number of the record: the header is 0.
    pub(crate) number: u64,
    /// Its first line, from 1.
    pub(crate) line: u64,
    /// Bytes of the file before it.
    pub(crate) offset: u64,
    /// Its cells, one after another.
    pub(crate) text: String,
    /// End of each cell in `text`.
    pub(crate) ends: Vec<usize>,
}

impl Record {
    /// Number of cells.
    pub(crate) fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell; empty when the record is shorter.
    pub(crate) fn cell(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    /// The cells, in order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.width()).map(|index| self.cell(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), FileError> {
        let mut structure = StructureCheck::starting_at(1, b',');
        // A byte at a time: the result must not depend on the chunks.
        for byte in text.as_bytes() {
            structure.check(std::slice::from_ref(byte))?;
        }
        structure.finish()
    }

    #[test]
    fn well_formed_files_pass() {
        for text in [
            "",
            "a,b\n1,2\n",
            "a,b\r\n\"1\",\"x\"\"y\"\r\n",
            "\"\"",
            "a\n\"two\nlines\"\n",
            "5\" pipe,b",
            ",,\n,,",
            "a,\"b\"\r",
            "a\nb\0\n",
        ] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn errors_have_their_line() {
        for (text, line) in [
            ("a,b\n1,\"2", 2),
            ("a,b\r\n1,2\r\n\"x\ny\nz", 3),
            ("a\rb\r\"c", 3),
            ("a,b\n\"1\"x,2", 2),
            // The quote of line 2 is open; the first one of line 3 closes it.
            ("a,b\n1,\"2\n3,\"4\"\n", 2),
        ] {
            assert_eq!(check(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn a_record_has_at_most_1_mib() {
        let fits = format!("a\n{}\n", "x".repeat(MAX_RECORD_BYTES - 1));
        assert_eq!(check(&fits), Ok(()));
        let long = format!("a\n{}\n", "x,".repeat(MAX_RECORD_BYTES));
        assert_eq!(check(&long).unwrap_err().line, 2);
        let open = format!("a\nb\n\"{}", "x\n".repeat(MAX_RECORD_BYTES));
        assert!(check(&open).unwrap_err().to_string().starts_with("Line 3: the quote"));
    }
}
