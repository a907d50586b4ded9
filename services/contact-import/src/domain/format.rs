//! How a file's bytes are read: its encoding and its delimiter.

use std::str::FromStr;

/// Delimiters that a file may have, the likeliest first.
pub(crate) const DELIMITERS: [u8; 4] = *b",;\t|";

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

/// Each encoding with its name and the byte order mark that tells it.
const ENCODINGS: [(Encoding, &str, &[u8]); 4] = [
    (Encoding::Utf8, "utf-8", b"\xef\xbb\xbf"),
    (Encoding::Utf16Le, "utf-16le", b"\xff\xfe"),
    (Encoding::Utf16Be, "utf-16be", b"\xfe\xff"),
    (Encoding::Windows1252, "windows-1252", b""),
];

impl Encoding {
    fn line(self) -> &'static (Self, &'static str, &'static [u8]) {
        ENCODINGS.iter().find(|(known, ..)| *known == self).expect("every encoding has a line")
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.line().1
    }

    /// The one whose byte order mark a file begins with.
    pub(crate) fn marked(head: &[u8]) -> Option<Self> {
        let marked = ENCODINGS.iter().find(|(.., mark)| !mark.is_empty() && head.starts_with(mark));
        marked.map(|(encoding, ..)| *encoding)
    }

    /// Bytes of the byte order mark that this beginning of a file has.
    pub(crate) fn mark(self, head: &[u8]) -> usize {
        let mark = self.line().2;
        if head.starts_with(mark) { mark.len() } else { 0 }
    }

    /// Bytes of the file that stand for a character whose UTF-8 has this byte, counted at the
    /// character's first one: over a whole character the sum is what it takes in the file.
    pub(crate) fn width(self, byte: u8) -> u64 {
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

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) encoding: Encoding,
    /// What stands between cells: an ASCII character.
    pub(crate) delimiter: u8,
}

impl Default for Format {
    fn default() -> Self {
        Self { encoding: Encoding::Utf8, delimiter: b',' }
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
    use super::*;

    #[test]
    fn names_come_back_and_widths_add_up() {
        for (encoding, name, _) in ENCODINGS {
            assert_eq!(name.parse::<Encoding>().unwrap(), encoding);
        }
        let width = |encoding: Encoding, text: &str| -> u64 {
            text.bytes().map(|byte| encoding.width(byte)).sum()
        };
        assert_eq!(width(Encoding::Utf8, "aä€😀"), 10);
        assert_eq!(width(Encoding::Windows1252, "aä€"), 3);
        assert_eq!(width(Encoding::Utf16Be, "aä€😀"), 10);
    }
}
