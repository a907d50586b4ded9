//! Encodings: byte order marks, and how long characters are in a file.

use std::str::FromStr;

use encoding_rs::{Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

/// Each encoding with its name and the byte order mark of its files.
const ENCODINGS: [(Encoding, &str, &[u8]); 4] = [
    (Encoding::Utf8, "utf-8", b"\xef\xbb\xbf"),
    (Encoding::Utf16Le, "utf-16le", b"\xff\xfe"),
    (Encoding::Utf16Be, "utf-16be", b"\xfe\xff"),
    (Encoding::Windows1252, "windows-1252", b""),
];

impl Encoding {
    fn entry(self) -> &'static (Self, &'static str, &'static [u8]) {
        ENCODINGS.iter().find(|(known, ..)| *known == self).expect("every encoding has an entry")
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.entry().1
    }

    /// The encoding whose byte order mark a file begins with.
    pub(crate) fn from_byte_order_mark(head: &[u8]) -> Option<Self> {
        let marked = ENCODINGS.iter().find(|(.., mark)| !mark.is_empty() && head.starts_with(mark));
        marked.map(|(encoding, ..)| *encoding)
    }

    /// Bytes of this encoding's byte order mark at the beginning of a file; 0 without one.
    pub(crate) fn byte_order_mark_len(self, head: &[u8]) -> usize {
        let mark = self.entry().2;
        if head.starts_with(mark) { mark.len() } else { 0 }
    }

    /// Decodes text without a byte order mark.
    pub(crate) fn decoder(self) -> Decoder {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        };
        encoding.new_decoder_without_bom_handling()
    }

    /// Bytes in the file of the character whose UTF-8 begins with this byte; for its other bytes 0,
    /// except in UTF-8 itself. So the sum over a character is what it takes in the file.
    pub(crate) fn bytes_in_file(self, byte: u8) -> u64 {
        let continues = byte & 0xc0 == 0x80;
        match self {
            Self::Utf8 => 1,
            _ if continues => 0,
            Self::Windows1252 => 1,
            Self::Utf16Le | Self::Utf16Be if byte >= 0xf0 => 4,
            Self::Utf16Le | Self::Utf16Be => 2,
        }
    }
}

/// A text that names no encoding.
#[derive(Debug)]
pub(crate) struct UnknownEncoding;

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(text: &str) -> Result<Self, UnknownEncoding> {
        let named = ENCODINGS.iter().find(|(_, name, _)| *name == text);
        named.map(|(encoding, ..)| *encoding).ok_or(UnknownEncoding)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The sum over a text is its length in the file.
        #[test]
        fn bytes_in_the_file_add_up(text in "[a\u{e4}\u{20ac}\u{1f600}]{0,20}") {
            let sum = |encoding: Encoding| -> u64 {
                text.bytes().map(|byte| encoding.bytes_in_file(byte)).sum()
            };
            prop_assert_eq!(sum(Encoding::Utf8), text.len() as u64);
            prop_assert_eq!(sum(Encoding::Windows1252), text.chars().count() as u64);
            let utf16 = text.encode_utf16().count() as u64 * 2;
            prop_assert_eq!((sum(Encoding::Utf16Le), sum(Encoding::Utf16Be)), (utf16, utf16));
        }
    }

    #[test]
    fn names_and_byte_order_marks_are_recognized() {
        for (encoding, name, mark) in ENCODINGS {
            assert_eq!(name.parse::<Encoding>().unwrap(), encoding);
            let file = [mark, b"a"].concat();
            let expected = (!mark.is_empty()).then_some(encoding);
            assert_eq!(Encoding::from_byte_order_mark(&file), expected);
            assert_eq!(encoding.byte_order_mark_len(&file), mark.len());
            assert_eq!(encoding.byte_order_mark_len(b"a"), 0);
        }
        assert!("latin1".parse::<Encoding>().is_err());
    }
}
