//! The first pass: all of the file is read before anything is written.

use std::io::{Read, Seek};

use tokio_util::sync::CancellationToken;

use super::{
    check_canceled,
    records::{ReadError, RecordReader},
};
use crate::domain::{
    DETECTION_BYTES, FileError, Format, Header, MAX_PREVIEW_BYTES, MAX_SHOWN_BYTES,
    PREVIEW_RECORDS, Position, Record, ScanResult, truncate,
};

/// Detects the format of a file and reads all of it. Blocks.
///
/// # Errors
///
/// When the file can't be read, or `canceled` is canceled.
pub(crate) fn scan<R: Read + Seek>(
    mut file: R,
    canceled: &CancellationToken,
) -> Result<ScanResult, ReadError> {
    let mut head = Vec::with_capacity(DETECTION_BYTES);
    file.by_ref().take(DETECTION_BYTES as u64).read_to_end(&mut head)?;
    let format = Format::detect(&head);
    file.rewind()?;
    let scanned = scan_as(&mut file, format, canceled);
    let not_utf8 = matches!(scanned, Err(ReadError::NotUtf8 { .. }));
    match format.fallback(&head).filter(|_| not_utf8) {
        Some(fallback) => {
            file.rewind()?;
            scan_as(&mut file, fallback, canceled)
        }
        None => scanned,
    }
}

fn scan_as<R: Read>(
    file: R,
    format: Format,
    canceled: &CancellationToken,
) -> Result<ScanResult, ReadError> {
    let mut records = RecordReader::new(file, Position::START, format);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(FileError::new(1, "the file is empty.").into());
    }
    let header = Header::read(&record)?;
    let mut preview = Vec::new();
    let (mut preview_bytes, mut rows, mut first) = (0, 0, None);
    while records.read(&mut record)? {
        let Record { offset, line, number, .. } = record;
        first.get_or_insert(Position { offset, line, record: number });
        rows += 1;
        if preview.len() < PREVIEW_RECORDS {
            let cells: Vec<_> = header
                .cells(&record)
                .map(|cell| truncate(cell, MAX_SHOWN_BYTES).to_owned())
                .collect();
            preview_bytes += cells.iter().map(|cell| cell.len() + 8).sum::<usize>();
            if preview_bytes <= MAX_PREVIEW_BYTES {
                preview.push(cells);
            }
        }
        check_canceled(canceled, number)?;
    }
    let first = first.unwrap_or_else(|| records.position());
    Ok(ScanResult { format, header, rows, preview, first })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn scanned(file: &str) -> Result<ScanResult, String> {
        scan(Cursor::new(file), &CancellationToken::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scan_finds_columns_and_rows() {
        let found = scanned("\u{feff}email, name ,,rejected_line\r\na@b.c,A,,7\r\n\r\nb@b.c\r\n");
        let found = found.unwrap();
        let names: Vec<_> = found.header.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!((names, found.header.width, found.rows), (vec!["email", "name"], 4, 2));
        assert_eq!(found.preview, [vec!["a@b.c", "A"], vec!["b@b.c"]]);
        assert_eq!(found.first, Position { offset: 32, line: 2, record: 1 });
    }

    #[test]
    fn files_that_cannot_be_read_have_a_reason() {
        for (file, why) in [
            ("", "Line 1: the file is empty."),
            ("\r\n\n", "Line 1: the file is empty."),
            (" ,\n1,2\n", "Line 1: no column has a name."),
            ("rejected_line\n1\n", "Line 1: no column has a name."),
            ("em\0ail\n", "Line 1: a NUL byte: this is not a text file."),
            ("a\n1\n\"2", "Line 3: the quote of a value that begins here is not closed."),
        ] {
            assert_eq!(scanned(file).unwrap_err(), why, "{file:?}");
        }
        let wide = "a,".repeat(1001);
        assert!(scanned(&wide).unwrap_err().contains("1,000 columns"));
    }

    fn format_of(file: &[u8]) -> (&'static str, Vec<String>, Position) {
        let found = scan(Cursor::new(file), &CancellationToken::new()).unwrap();
        (found.format.encoding.name(), found.preview.concat(), found.first)
    }

    #[test]
    fn text_that_is_not_utf8_is_read_as_windows_1252() {
        let first = |offset| Position { offset, line: 2, record: 1 };
        // The first byte that isn't UTF-8 may be long after the beginning.
        let mut long = b"n\xe4me\n".to_vec();
        long[1] = b'a';
        long.extend("x\n".repeat(100_000).bytes());
        long.extend(b"caf\xe9 \x80\n");
        let (encoding, _, at) = format_of(&long);
        assert_eq!((encoding, at), ("windows-1252", first(5)));
        let cells = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            format_of(b"n\xe4me;b\ncaf\xe9;\x80\n"),
            ("windows-1252", cells(&["caf\u{e9}", "\u{20ac}"]), first(7))
        );
        let marked = scan(Cursor::new(b"\xef\xbb\xbfa\n\xe9\n"), &CancellationToken::new());
        assert_eq!(marked.unwrap_err().to_string(), "Line 2: the text is not UTF-8.");
    }

    #[test]
    fn utf_16_is_read_in_both_byte_orders() {
        let text = "\u{feff}n\u{e4}me,b\n\u{1f600},\"\u{5d0}\n\"\n";
        let cells = vec!["\u{1f600}".to_owned(), "\u{5d0}\n".to_owned()];
        let first = Position { offset: 16, line: 2, record: 1 };
        let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(format_of(&little), ("utf-16le", cells.clone(), first));
        let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(format_of(&big), ("utf-16be", cells, first));
        // Half a character at the end, and half of a surrogate pair.
        for broken in [&little[..little.len() - 1], b"\xff\xfea\0\n\0\x00\xd8\n\0"] {
            let error = scan(Cursor::new(broken), &CancellationToken::new()).unwrap_err();
            assert!(error.to_string().contains("the text is not UTF-16"), "{error}");
        }
    }

    #[test]
    fn a_preview_has_a_size_limit() {
        let names: Vec<_> = (0..500).map(|n| format!("c{n}")).collect();
        let row = vec!["x".repeat(300); 500].join(",");
        let found = scanned(&format!("{}\n{row}\nshort\n", names.join(","))).unwrap();
        assert_eq!((found.rows, found.preview.len()), (2, 0));
    }
}
