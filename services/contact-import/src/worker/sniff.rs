//! Finds out how a file is written from how it begins.

use super::records::Records;
use crate::domain::{DELIMITERS, Encoding, Format, Header, Mapping, Record};

/// Bytes of the beginning that are looked at.
pub(crate) const HEAD: usize = 64 * 1024;
/// Records that are looked at.
const RECORDS: usize = 50;

/// The format of a file that begins so. Without a byte order mark it is taken for UTF-8, which all
/// of it has to be read to know.
pub(crate) fn sniff(head: &[u8]) -> Format {
    let marked = Encoding::marked(head);
    // Delimiters, quotes and line breaks are the same bytes in UTF-8, and nothing is malformed here.
    let encoding = match marked {
        None | Some(Encoding::Utf8) => Encoding::Windows1252,
        Some(encoding) => encoding,
    };
    let text = &head[marked.map_or(0, |encoding| encoding.mark(head))..];
    // The last of those that are equally good is taken.
    let likeliest_last = DELIMITERS.iter().rev();
    let delimiter = likeliest_last
        .max_by_key(|delimiter| fit(text, Format { encoding, delimiter: **delimiter }))
        .copied();
    Format {
        encoding: marked.unwrap_or(Encoding::Utf8),
        delimiter: delimiter.unwrap_or(Format::default().delimiter),
    }
}

/// How well a format fits: columns of known names, then whether there are several columns at all,
/// then records as wide as the header, then columns.
fn fit(text: &[u8], format: Format) -> (usize, bool, usize, usize) {
    // Which delimiter it is does not depend on whether the file is sound.
    let mut records = Records::lenient(text, format);
    let mut record = Record::default();
    let Ok(true) = records.read(&mut record) else { return (0, false, 0, 0) };
    let width = record.width();
    let proposed = Header::read(&record).map_or(0, |header| Mapping::propose(&header).0.len());
    let ours = record.cells().filter(|name| Header::is_ours(name.trim())).count();
    let mut even = 0;
    for _ in 0..RECORDS {
        let Ok(true) = records.read(&mut record) else { break };
        even += usize::from(record.width() == width);
    }
    (proposed + ours, width > 1, even, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(file: &str) -> char {
        sniff(file.as_bytes()).delimiter.into()
    }

    #[test]
    fn delimiters_are_found() {
        for (file, wanted) in [
            ("", ','),
            ("email\na@b.c\n", ','),
            ("email;name\na@b.c;\"A, B, C\"\n", ';'),
            ("email\tname, first\na@b.c\tA\n", '\t'),
            ("user_id|tags\n7|a,b;c\n", '|'),
            ("colour;size\n1,5;2\n2,5;3\n", ';'),
            ("title\none; two\n", ','),
            ("\"a;b\",email\n1,2\n", ','),
            ("\u{feff}a;b\n1;2\n", ';'),
            ("Prénom;Née\nZoë;1,5\n", ';'),
            ("a;b,rejected_line,rejected_column,rejected_reason\n1;2,2,,x\n", ','),
            ("email;name\n\"open\n", ';'),
            ("email,name\n1,\"shut\" behind\n", ','),
        ] {
            assert_eq!(delimiter(file), wanted, "{file:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_tells_the_encoding() {
        for (file, wanted) in [
            (&b"a"[..], Encoding::Utf8),
            (b"\xef\xbb\xbfa", Encoding::Utf8),
            (b"\xff\xfea\0;\0b\0", Encoding::Utf16Le),
            (b"\xfe\xff\0a\0;\0b", Encoding::Utf16Be),
        ] {
            assert_eq!(sniff(file).encoding, wanted);
        }
        assert_eq!(sniff(b"\xff\xfea\0;\0b\0").delimiter, b';');
    }
}
