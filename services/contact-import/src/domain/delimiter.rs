//! Detection of a file's delimiter.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Encoding, Header, Mapping, Record};

/// Delimiters that a file may have, the most likely first.
pub(crate) const DELIMITERS: [u8; 4] = *b",;\t|";
/// Records after the header that are compared with it.
const MAX_RECORDS: usize = 50;

/// The delimiter that fits best to the beginning of a file, without a byte order mark. Of equally
/// good ones, the most likely.
pub(crate) fn detect(head: &[u8], encoding: Encoding) -> u8 {
    let text = Beginning::decode(head, encoding);
    // `max_by_key` takes the last of equal ones.
    let from_least_likely = DELIMITERS.into_iter().rev();
    from_least_likely.max_by_key(|delimiter| fit(&text, *delimiter)).unwrap_or(DELIMITERS[0])
}

/// How well a delimiter fits, compared from the first part on: columns with known names, whether
/// there are several columns at all, records as wide as the header, columns.
type Fit = (usize, bool, usize, usize);

fn fit(text: &Beginning, delimiter: u8) -> Fit {
    let mut records = Records::new(text, delimiter);
    let mut record = Record::default();
    if !records.next(&mut record) {
        return (0, false, 0, 0);
    }
    let width = record.width();
    let proposed = Header::read(&record).map_or(0, |header| Mapping::propose(&header).0.len());
    let added_by_us = record.cells().filter(|name| Header::is_added_by_us(name.trim())).count();
    let mut equally_wide = 0;
    for _ in 0..MAX_RECORDS {
        if !records.next(&mut record) {
            break;
        }
        equally_wide += usize::from(record.width() == width);
    }
    (proposed + added_by_us, width > 1, equally_wide, width)
}

/// The beginning of a file as text.
struct Beginning {
    text: String,
    /// True when it ends within a character, so that its last record isn't whole.
    is_cut: bool,
}

impl Beginning {
    fn decode(head: &[u8], encoding: Encoding) -> Self {
        let mut decoder = encoding.decoder();
        let capacity = decoder.max_utf8_buffer_length_without_replacement(head.len());
        let mut text = String::with_capacity(capacity.unwrap_or(head.len() * 3) + 8);
        let (result, _) = decoder.decode_to_string_without_replacement(head, &mut text, false);
        if result != encoding_rs::DecoderResult::InputEmpty {
            // Malformed: nothing in it is a record.
            return Self { text: String::new(), is_cut: true };
        }
        let (result, _) = decoder.decode_to_string_without_replacement(b"", &mut text, true);
        Self { text, is_cut: result != encoding_rs::DecoderResult::InputEmpty }
    }
}

/// Records of a text, which need not be well-formed CSV: its errors are reported later, with the
/// delimiter that is detected here.
struct Records<'t> {
    rest: &'t [u8],
    is_cut: bool,
    core: Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<'t> Records<'t> {
    fn new(text: &'t Beginning, delimiter: u8) -> Self {
        let mut core = ReaderBuilder::new().delimiter(delimiter).build();
        // It would remove a byte order mark from its first input.
        core.read_record(b"\n", &mut [0], &mut [0]);
        let rest = text.text.as_bytes();
        // Cells are never longer than what they are read from.
        let (output, ends) = (vec![0; rest.len() + 1], vec![0; rest.len() + 1]);
        Self { rest, is_cut: text.is_cut, core, output, ends }
    }

    /// Reads the next record. False when there is none.
    fn next(&mut self, record: &mut Record) -> bool {
        let breaks = self.rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.rest = &self.rest[breaks..];
        if self.rest.is_empty() {
            return false;
        }
        let (mut length, mut width) = (0, 0);
        loop {
            let (output, ends) = (&mut self.output[length..], &mut self.ends[width..]);
            let (result, read, written, cells) = self.core.read_record(self.rest, output, ends);
            self.rest = &self.rest[read..];
            length += written;
            width += cells;
            match result {
                // An empty input, next, means the end of the text.
                ReadRecordResult::InputEmpty if !self.is_cut => {}
                ReadRecordResult::Record => break,
                _ => return false,
            }
        }
        let Ok(text) = str::from_utf8(&self.output[..length]) else { return false };
        text.clone_into(&mut record.text);
        self.ends[..width].clone_into(&mut record.ends);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detected(file: &str) -> char {
        detect(file.as_bytes(), Encoding::Windows1252).into()
    }

    #[test]
    fn delimiters_are_detected() {
        for (file, expected) in [
            ("", ','),
            ("email\na@b.c\n", ','),
            ("email;name\na@b.c;\"A, B, C\"\n", ';'),
            ("email\tname, first\na@b.c\tA\n", '\t'),
            ("user_id|tags\n7|a,b;c\n", '|'),
            ("colour;size\n1,5;2\n2,5;3\n", ';'),
            ("title\none; two\n", ','),
            ("\"a;b\",email\n1,2\n", ','),
            ("Prénom;Née\nZoë;1,5\n", ';'),
            ("a;b,rejected_line,rejected_column,rejected_reason\n1;2,2,,x\n", ','),
            ("email;name\n\"open\n", ';'),
            ("email,name\n1,\"shut\" behind\n", ','),
        ] {
            assert_eq!(detected(file), expected, "{file:?}");
        }
    }

    #[test]
    fn a_character_that_is_cut_at_the_end_hides_only_its_record() {
        let text = "a;b\n1;2\n\u{1f600}";
        let utf16: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&utf16[..utf16.len() - 2], Encoding::Utf16Le), b';');
    }

    proptest! {
        /// A file is read with the delimiter that it was written with, whatever is in its cells.
        #[test]
        fn the_delimiter_of_a_written_file_is_detected(
            delimiter in prop::sample::select(DELIMITERS.to_vec()),
            rows in prop::collection::vec(prop::collection::vec("[a-c,;\t| \"\n]{0,6}", 3), 0..60),
        ) {
            let mut writer =
                ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(["email", "Full name", "custom.plan"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let file = writer.into_inner().unwrap();
            prop_assert_eq!(detect(&file, Encoding::Windows1252), delimiter);
        }

        #[test]
        fn any_text_has_a_delimiter(text in ".{0,200}") {
            prop_assert!(DELIMITERS.contains(&detect(text.as_bytes(), Encoding::Windows1252)));
            prop_assert!(DELIMITERS.contains(&detect(text.as_bytes(), Encoding::Utf16Le)));
        }
    }
}
