//! How a file is written: its encoding and its delimiter.

use super::{Encoding, delimiter};

/// Bytes of a file's beginning that [`Format::detect`] needs.
pub(crate) const DETECTION_BYTES: usize = 64 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) encoding: Encoding,
    /// Character between cells, an ASCII one.
    pub(crate) delimiter: u8,
}

impl Default for Format {
    fn default() -> Self {
        Self { encoding: Encoding::Utf8, delimiter: b',' }
    }
}

impl Format {
    /// The format of a file with this beginning, of at most [`DETECTION_BYTES`]. A file without a
    /// byte order mark counts as UTF-8; see [`Self::fallback`].
    pub(crate) fn detect(head: &[u8]) -> Self {
        let marked = Encoding::from_byte_order_mark(head);
        // Delimiters, quotes and line breaks are the same bytes in UTF-8, and every byte is a
        // character of Windows-1252. So invalid UTF-8 doesn't hide a delimiter.
        let encoding = match marked {
            None | Some(Encoding::Utf8) => Encoding::Windows1252,
            Some(encoding) => encoding,
        };
        let text = &head[marked.map_or(0, |encoding| encoding.byte_order_mark_len(head))..];
        Self {
            encoding: marked.unwrap_or(Encoding::Utf8),
            delimiter: delimiter::detect(text, encoding),
        }
    }

    /// The format to read a file with that turned out not to be UTF-8. `None` when its byte order
    /// mark says that it is.
    pub(crate) fn fallback(self, head: &[u8]) -> Option<Self> {
        match Encoding::from_byte_order_mark(head) {
            Some(_) => None,
            None => Some(Self { encoding: Encoding::Windows1252, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_order_mark_decides_the_encoding() {
        for (file, expected) in [
            (&b"a"[..], Encoding::Utf8),
            (b"\xef\xbb\xbfa", Encoding::Utf8),
            (b"\xff\xfea\0;\0b\0", Encoding::Utf16Le),
            (b"\xfe\xff\0a\0;\0b", Encoding::Utf16Be),
        ] {
            assert_eq!(Format::detect(file).encoding, expected);
        }
        assert_eq!(Format::detect(b"\xff\xfea\0;\0b\0").delimiter, b';');
        assert_eq!(Format::detect("\u{feff}a;b\n1;2\n".as_bytes()).delimiter, b';');
    }

    #[test]
    fn only_a_file_without_a_mark_falls_back_to_windows_1252() {
        for (file, expected) in [
            (&b"n\xe4me;b"[..], Some(Encoding::Windows1252)),
            (b"", Some(Encoding::Windows1252)),
            (b"\xef\xbb\xbfn\xe4me;b", None),
            (b"\xff\xfen\0", None),
        ] {
            let format = Format::detect(file);
            let fallback = format.fallback(file);
            assert_eq!(fallback.map(|fallback| fallback.encoding), expected);
            assert!(fallback.is_none_or(|fallback| fallback.delimiter == format.delimiter));
        }
    }

    proptest! {
        /// The delimiter doesn't depend on the encoding.
        #[test]
        fn all_encodings_of_a_text_have_the_same_delimiter(text in "[a-c,;\t|\"\n\u{e4}]{0,80}") {
            let wide = |mark: &[u8], to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
                mark.iter().copied().chain(text.encode_utf16().flat_map(to_bytes)).collect()
            };
            let expected = Format::detect(text.as_bytes()).delimiter;
            let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
            for file in [
                format!("\u{feff}{text}").into_bytes(),
                wide(b"\xff\xfe", u16::to_le_bytes),
                wide(b"\xfe\xff", u16::to_be_bytes),
                latin,
            ] {
                prop_assert_eq!(Format::detect(&file).delimiter, expected);
            }
        }

        #[test]
        fn any_bytes_have_a_format(file in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(delimiter::DELIMITERS.contains(&Format::detect(&file).delimiter));
        }
    }
}
