//! Names of custom attributes.

use std::fmt;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Most characters of a name.
const MAX_CHARS: usize = 64;

/// The name of a custom attribute: 1 to 64 letters, digits, blanks and `_`, `.` or `-` of any
/// script, trimmed and in Unicode's normalization form C. So the same name typed on another
/// keyboard, or written by another program, is the same attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeKey(String);

/// The text is not the name of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has a name other than 1 to 64 letters, digits, blanks, _ . or -")]
pub struct BadAttributeKey;

impl AttributeKey {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// When the text is empty or too long, or has a character that names don't have.
    pub fn parse(text: &str) -> Result<Self, BadAttributeKey> {
        // Four bytes a character, and as many again for what normalization takes together.
        if text.len() > 8 * MAX_CHARS {
            return Err(BadAttributeKey);
        }
        // A no-break blank comes from word processors and looks like any other.
        let plain = |c: char| if c.is_whitespace() && !c.is_control() { ' ' } else { c };
        let name: String = text.chars().map(plain).nfc().collect();
        let name = name.trim_matches(' ');
        let is_letter = |c: char| (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c);
        let is_allowed = |c: char| is_letter(c) || matches!(c, ' ' | '_' | '.' | '-');
        let fits = (1..=MAX_CHARS).contains(&name.chars().count());
        if fits && name.chars().all(is_allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadAttributeKey)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// True for letters and marks that are not shown, so that two names with and without one look the
/// same: those of Unicode's property `Default_Ignorable_Code_Point`.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for AttributeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Option<String> {
        AttributeKey::parse(text).ok().map(AttributeKey::into_string)
    }

    #[test]
    fn names_of_any_script_are_taken() {
        for text in [
            "plan",
            "a.b-c_D9",
            "Subscription Status",
            "Кількість оплат",
            "größe",
            "お客様番号",
            "सदस्यता",
            "مستوى",
            "๑๒๓",
        ] {
            assert_eq!(key(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn spellings_of_one_name_are_the_same() {
        assert_eq!(key("  Cafe\u{301} \u{a0}"), key("Café"));
        assert_eq!(key("Member\u{a0}since"), key("Member since"));
        assert_ne!(key("Plan"), key("plan"), "case counts");
    }

    #[test]
    fn other_characters_are_rejected() {
        for text in
            ["", " ", "a\tb", "a\nb", "a\0", "a/b", "a\"b", "a$", "a\u{200b}b", "a\u{202e}b", "😀"]
        {
            assert_eq!(key(text), None, "{text:?}");
        }
        assert!(key(&"д".repeat(64)).is_some());
        assert!(key(&"д".repeat(65)).is_none());
        assert!(key(&" ".repeat(100_000)).is_none());
    }

    #[test]
    fn characters_that_are_not_shown_are_rejected() {
        for c in [
            '\u{3164}',
            '\u{115f}',
            '\u{1160}',
            '\u{ffa0}',
            '\u{fe0f}',
            '\u{34f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{e0100}',
        ] {
            assert_eq!(key(&format!("plan{c}")), None, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_as_it_is(text in ".{0,80}") {
            if let Some(name) = key(&text) {
                prop_assert_eq!(key(&name), Some(name));
            }
        }
    }
}
