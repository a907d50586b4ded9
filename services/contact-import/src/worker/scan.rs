//! The first pass: all of the file is read before anything is written.

use std::io::Read;

use tokio_util::sync::CancellationToken;

use super::{
    duplicates::look,
    records::{ReadError, Records},
};
use crate::domain::{
    Broken, Header, PREVIEW_BYTES, PREVIEW_RECORDS, Position, Record, SHOWN_BYTES, Scanned, cut,
};

/// Reads all records of a file. Blocks; stops early with an error when `halt` is said.
pub(crate) fn scan<R: Read>(
    mut records: Records<R>,
    halt: &CancellationToken,
) -> Result<Scanned, ReadError> {
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
    Ok(Scanned { header, rows, preview, first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(file: &str) -> Result<Scanned, String> {
        scan(Records::new(file.as_bytes(), Position::START), &CancellationToken::new())
            .map_err(|error| error.to_string())
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
            ("a,b,a\n", "Line 1: two columns are named \"a\"; rename one of them."),
            ("a\n1\n\"2", "Line 3: the quote of a value that begins here is not closed."),
        ] {
            assert_eq!(scanned(file).unwrap_err(), why, "{file:?}");
        }
        let wide = "a,".repeat(1001);
        assert!(scanned(&wide).unwrap_err().contains("1,000 columns"));
    }

    #[test]
    fn a_preview_has_a_bound() {
        let names: Vec<_> = (0..500).map(|n| format!("c{n}")).collect();
        let row = vec!["x".repeat(300); 500].join(",");
        let found = scanned(&format!("{}\n{row}\nshort\n", names.join(","))).unwrap();
        assert_eq!((found.rows, found.preview.len()), (2, 0));
    }
}
