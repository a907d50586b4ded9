//! The first pass: all of the file is read before anything is written.

use std::io::{Read, Seek};

use tokio_util::sync::CancellationToken;

use super::{
    duplicates::look,
    records::{ReadError, Records},
    sniff::{HEAD, sniff},
};
use crate::domain::{
    Broken, Encoding, Format, Header, PREVIEW_BYTES, PREVIEW_RECORDS, Position, Record,
    SHOWN_BYTES, Scanned, cut,
};

/// Finds out how a file is written and reads all of it. Blocks; stops early with an error when
/// `halt` is said.
pub(crate) fn scan<R: Read + Seek>(
    mut file: R,
    halt: &CancellationToken,
) -> Result<Scanned, ReadError> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let format = sniff(&head);
    file.rewind()?;
    match scan_as(&mut file, format, halt) {
        // A mark says that it is UTF-8; without one it was a guess.
        Err(ReadError::NotUtf8 { .. }) if Encoding::marked(&head).is_none() => {
            file.rewind()?;
            scan_as(&mut file, Format { encoding: Encoding::Windows1252, ..format }, halt)
        }
        scanned => scanned,
    }
}

fn scan_as<R: Read>(
    file: R,
    format: Format,
    halt: &CancellationToken,
) -> Result<Scanned, ReadError> {
    let mut records = Records::new(file, Position::START, format);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(Broken::new(1, "the file is empty.").into());
    }
    let header = Header::read(&record)?;
    let mut preview = Vec::new();
    let (mut shown, mut rows, mut first) = (0, 0, None);
    while records.read(&mut record)? {
        let Record { offset, line, number, .. } = record;
        first.get_or_insert(Position { offset, line, record: number });
        rows += 1;
        if preview.len() < PREVIEW_RECORDS {
            let cells: Vec<_> =
                header.cells(&record).map(|cell| cut(cell, SHOWN_BYTES).to_owned()).collect();
            shown += cells.iter().map(|cell| cell.len() + 8).sum::<usize>();
            if shown <= PREVIEW_BYTES {
                preview.push(cells);
            }
        }
        look(halt, number)?;
    }
    let first = first.unwrap_or_else(|| records.position());
    Ok(Scanned { format, header, rows, preview, first })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn scanned(file: &str) -> Result<Scanned, String> {
        scan(Cursor::new(file), &CancellationToken::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sound_file_tells_its_columns_and_rows() {
        let found = scanned("\u{feff}email, name ,,rejected_line\r\na@b.c,A,,7\r\n\r\nb@b.c\r\n");
        let found = found.unwrap();
        let names: Vec<_> = found.header.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!((names, found.header.width, found.rows), (vec!["email", "name"], 4, 2));
        assert_eq!(found.preview, [vec!["a@b.c", "A"], vec!["b@b.c"]]);
        assert_eq!(found.first, Position { offset: 32, line: 2, record: 1 });
    }

    #[test]
    fn unsound_files_say_why() {
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

    fn written(file: &[u8]) -> (&'static str, Vec<String>, Position) {
        let found = scan(Cursor::new(file), &CancellationToken::new()).unwrap();
        (found.format.encoding.name(), found.preview.concat(), found.first)
    }

    #[test]
    fn what_is_not_utf8_is_read_as_windows_1252() {
        let first = |offset| Position { offset, line: 2, record: 1 };
        // The first strange byte may come long after the beginning.
        let mut long = b"n\xe4me\n".to_vec();
        long[1] = b'a';
        long.extend("x\n".repeat(100_000).bytes());
        long.extend(b"caf\xe9 \x80\n");
        let (encoding, _, at) = written(&long);
        assert_eq!((encoding, at), ("windows-1252", first(5)));
        let cells = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            written(b"n\xe4me;b\ncaf\xe9;\x80\n"),
            ("windows-1252", cells(&["caf\u{e9}", "\u{20ac}"]), first(7))
        );
        let marked = scan(Cursor::new(b"\xef\xbb\xbfa\n\xe9\n"), &CancellationToken::new());
        assert_eq!(marked.unwrap_err().to_string(), "Line 2: the text is not UTF-8.");
    }

    #[test]
    fn utf_16_is_read_both_ways() {
        let text = "\u{feff}n\u{e4}me,b\n\u{1f600},\"\u{5d0}\n\"\n";
        let cells = vec!["\u{1f600}".to_owned(), "\u{5d0}\n".to_owned()];
        let first = Position { offset: 16, line: 2, record: 1 };
        let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(written(&little), ("utf-16le", cells.clone(), first));
        let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(written(&big), ("utf-16be", cells, first));
        // Half a character at the end, and a half of a pair without its other.
        for broken in [&little[..little.len() - 1], b"\xff\xfea\0\n\0\x00\xd8\n\0"] {
            let error = scan(Cursor::new(broken), &CancellationToken::new()).unwrap_err();
            assert!(error.to_string().contains("the text is not UTF-16"), "{error}");
        }
    }

    #[test]
    fn a_preview_has_a_bound() {
        let names: Vec<_> = (0..500).map(|n| format!("c{n}")).collect();
        let row = vec!["x".repeat(300); 500].join(",");
        let found = scanned(&format!("{}\n{row}\nshort\n", names.join(","))).unwrap();
        assert_eq!((found.rows, found.preview.len()), (2, 0));
    }
}
