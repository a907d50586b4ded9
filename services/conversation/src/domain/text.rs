//! The words of a message.

use onethread_errors::{Error, Result};

/// Longest text, in Unicode scalar values.
const LONGEST: usize = 20_000;

/// 1 to 20,000 Unicode scalar values without NUL, byte for byte as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// Takes a text from outside.
    pub(crate) fn new(text: String) -> Result<Self> {
        let at_fault = |detail| Err(Error::invalid("/text", detail));
        if text.is_empty() {
            return at_fault("is empty");
        }
        if text.chars().nth(LONGEST).is_some() {
            return at_fault("is longer than 20,000 characters");
        }
        if text.contains('\0') {
            return at_fault("holds a NUL");
        }
        Ok(Self(text))
    }

    /// One that was checked before it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, given away.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_scalar_values_not_bytes() {
        let longest = "😀".repeat(LONGEST);
        assert_eq!(Text::new(longest.clone()).unwrap().into_string(), longest);
        for bad in [String::new(), longest + "a", "a\0b".to_owned()] {
            assert_eq!(Text::new(bad).unwrap_err().fields[0].pointer, "/text");
        }
    }

    #[test]
    fn bytes_are_kept_as_they_are() {
        let odd = " \u{feff}\r\n e\u{301} \u{200b} ";
        assert_eq!(Text::new(odd.to_owned()).unwrap().as_str(), odd);
    }
}
