//! What a CSV file has to be for its records to be trusted. Splitting into cells is `csv-core`'s;
//! it prefers any reading over none, so that an open quote would swallow half a file in silence.
//! [`Structure`] goes over the same bytes and says no.

/// Bytes that one record may take.
const RECORD_BYTES: usize = 1024 * 1024;

/// The file can't be read as CSV.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Line {line}: {reason}")]
pub(crate) struct Broken {
    /// Line at fault, from 1.
    pub(crate) line: u64,
    /// Why, in a sentence.
    pub(crate) reason: String,
}

impl Broken {
    pub(crate) fn new(line: u64, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

/// Counts lines: LF, CRLF and CR end one each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// The line that the next byte stands on, from 1.
    pub(crate) line: u64,
    after_cr: bool,
}

impl Lines {
    pub(crate) fn from(line: u64) -> Self {
        Self { line, after_cr: false }
    }

    pub(crate) fn pass(&mut self, byte: u8) {
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
    /// Behind a quote inside a quoted cell: its end, or the first half of a doubled one.
    Closing,
}

/// Checks quoting and the length of records, whatever pieces they come in.
#[derive(Debug)]
pub(crate) struct Structure {
    delimiter: u8,
    state: State,
    lines: Lines,
    record_line: u64,
    quote_line: u64,
    record_bytes: usize,
}

impl Structure {
    /// Begins where a record begins, on this line.
    pub(crate) fn from(line: u64, delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::RecordStart,
            lines: Lines::from(line),
            record_line: line,
            quote_line: line,
            record_bytes: 0,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        for &byte in bytes {
            self.take(byte)?;
            self.lines.pass(byte);
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), Broken> {
        if self.state == State::RecordStart {
            self.record_line = self.lines.line;
            self.record_bytes = 0;
        }
        self.record_bytes += 1;
        if self.record_bytes > RECORD_BYTES {
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
                return Err(Broken::new(self.quote_line, reason));
            }
            (State::RecordStart | State::CellStart | State::Plain, _) => State::Plain,
        };
        Ok(())
    }

    fn too_long(&self) -> Broken {
        if self.state == State::Quoted {
            self.open_quote()
        } else {
            Broken::new(self.record_line, "the record that begins here is over 1 MiB.")
        }
    }

    fn open_quote(&self) -> Broken {
        Broken::new(self.quote_line, "the quote of a value that begins here is not closed.")
    }

    /// The line that it has come to.
    pub(crate) fn line(&self) -> u64 {
        self.lines.line
    }

    /// Says that the file ends here.
    pub(crate) fn finish(&self) -> Result<(), Broken> {
        if self.state == State::Quoted { Err(self.open_quote()) } else { Ok(()) }
    }
}

/// One record as read: its cells, unquoted, and where it stands. Meant to be used again and again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Number of the record: the header is 0.
    pub(crate) number: u64,
    /// Line that it begins on, from 1.
    pub(crate) line: u64,
    /// Byte of the file that it begins at.
    pub(crate) offset: u64,
    /// The cells one after the other.
    pub(crate) text: String,
    /// Where each cell ends in it.
    pub(crate) ends: Vec<usize>,
}

impl Record {
    /// How many cells there are.
    pub(crate) fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell; empty where there is none.
    pub(crate) fn cell(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    /// The cells in order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.width()).map(|index| self.cell(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), Broken> {
        let mut structure = Structure::from(1, b',');
        // A byte at a time: no state may depend on how the bytes come.
        for byte in text.as_bytes() {
            structure.check(std::slice::from_ref(byte))?;
        }
        structure.finish()
    }

    #[test]
    fn sound_files_pass() {
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
    fn broken_files_are_told_with_their_line() {
        for (text, line) in [
            ("a,b\n1,\"2", 2),
            ("a,b\r\n1,2\r\n\"x\ny\nz", 3),
            ("a\rb\r\"c", 3),
            ("a,b\n\"1\"x,2", 2),
            // The quote of line 2 is open; the one of line 3 seems to close it.
            ("a,b\n1,\"2\n3,\"4\"\n", 2),
        ] {
            assert_eq!(check(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn a_record_has_a_bound() {
        let fits = format!("a\n{}\n", "x".repeat(RECORD_BYTES - 1));
        assert_eq!(check(&fits), Ok(()));
        let long = format!("a\n{}\n", "x,".repeat(RECORD_BYTES));
        assert_eq!(check(&long).unwrap_err().line, 2);
        let open = format!("a\nb\n\"{}", "x\n".repeat(RECORD_BYTES));
        assert!(check(&open).unwrap_err().to_string().starts_with("Line 3: the quote"));
    }
}
