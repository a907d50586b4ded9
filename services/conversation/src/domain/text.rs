//! The text of a message.

/// Longest text, in Unicode scalar values.
const MAX_CHARS: usize = 20_000;

/// 1 to 20,000 Unicode scalar values without NUL, byte for byte as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// Checks a text that a client sent.
    ///
    /// # Errors
    ///
    /// When it is empty, too long or contains NUL.
    pub(crate) fn new(text: String) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if text.chars().nth(MAX_CHARS).is_some() {
            return Err("is longer than 20,000 characters");
        }
        if text.contains('\0') {
            return Err("holds a NUL");
        }
        Ok(Self(text))
    }

    /// A text that was checked before it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As a slice.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a string.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_scalar_values_not_bytes() {
        let longest = "😀".repeat(MAX_CHARS);
        assert_eq!(Text::new(longest.clone()).unwrap().into_string(), longest);
        for (bad, detail) in [
            (String::new(), "is empty"),
            (longest + "a", "is longer than 20,000 characters"),
            ("a\0b".to_owned(), "holds a NUL"),
        ] {
            assert_eq!(Text::new(bad).unwrap_err(), detail);
        }
    }

    #[test]
    fn a_text_is_not_normalized() {
        let odd = " \u{feff}\r\n e\u{301} \u{200b} ";
        assert_eq!(Text::new(odd.to_owned()).unwrap().as_str(), odd);
    }
}
