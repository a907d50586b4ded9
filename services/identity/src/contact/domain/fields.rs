//! Checks of a profile's fields. The error of each is why the text is invalid.

use email_address::{EmailAddress, Options};
use serde_json::Value;

use super::profile::Change;

/// Returns why a text is invalid.
pub(crate) type Check = fn(&str) -> Result<(), &'static str>;

/// A change of a field from JSON: an absent value keeps it, null and blank texts clear it, a valid
/// text sets it.
pub(crate) fn change(value: Option<&Value>, check: Check) -> Result<Change, &'static str> {
    match value {
        None => Ok(Change::Keep),
        Some(Value::Null) => Ok(Change::Clear),
        Some(Value::String(text)) => match text.trim() {
            "" => Ok(Change::Clear),
            text => check(text).map(|()| Change::Set(text.to_owned())),
        },
        Some(_) => Err("is not a string"),
    }
}

/// A name of a person or a company: at most 255 bytes without control characters.
pub(crate) fn name(text: &str) -> Result<(), &'static str> {
    if text.len() > 255 {
        Err("is longer than 255 bytes")
    } else if text.chars().any(char::is_control) {
        Err("holds a control character")
    } else {
        Ok(())
    }
}

/// The reason of an action: at most 1,024 characters without control characters.
pub(crate) fn reason(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > 1024 {
        Err("is longer than 1,024 characters")
    } else if text.chars().any(char::is_control) {
        Err("holds a control character")
    } else {
        Ok(())
    }
}

/// A tag: a name without the characters that separate tags in a file.
pub(crate) fn tag(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("is empty")
    } else if text.contains([',', ';']) {
        Err("holds a comma or a semicolon")
    } else {
        name(text)
    }
}

/// An email address by RFC 5321, with a dot in its domain.
pub(crate) fn email(text: &str) -> Result<(), &'static str> {
    let options =
        Options::default().without_display_text().without_domain_literal().with_required_tld();
    if text.len() > 254 {
        Err("is longer than 254 bytes")
    } else if EmailAddress::parse_with_options(text, options).is_err() {
        Err("is not an email address")
    } else {
        Ok(())
    }
}

/// The domain that names an organization: labels of lower-case letters, digits and hyphens, with
/// dots between them.
pub(crate) fn domain(text: &str) -> Result<(), &'static str> {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(usual)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 253 {
        Err("is longer than 253 bytes")
    } else if !text.split('.').all(label) {
        Err("is not a domain in lower case")
    } else {
        Ok(())
    }
}

/// A phone number as people write it: 3 to 20 digits and separators.
pub(crate) fn phone(text: &str) -> Result<(), &'static str> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let all_usual = text.chars().all(|c| c.is_ascii_digit() || " +-().,;/#*x".contains(c));
    if text.len() > 64 {
        Err("is longer than 64 bytes")
    } else if !all_usual || !(3..=20).contains(&digits) {
        Err("is not a phone number")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for valid in ["ann@example.com", "a.b+c@mail.example.org", "ü@exämple.com"] {
            assert_eq!(email(valid), Ok(()), "{valid}");
        }
        for invalid in
            ["ann", "ann@", "@example.com", "Ann <ann@example.com>", "a b@example.com", "a@b"]
        {
            assert!(email(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn phones() {
        for valid in ["+380 44 123-45-67", "(212) 555 0100 x12", "112"] {
            assert_eq!(phone(valid), Ok(()), "{valid}");
        }
        for invalid in ["call me", "12", "+1\n2345", "123456789012345678901"] {
            assert!(phone(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn domains() {
        for valid in ["demo", "example.com", "a-1.example.com", "xn--exmple-cua.com"] {
            assert_eq!(domain(valid), Ok(()), "{valid}");
        }
        for invalid in ["", "Example.com", "a..b", "-a.com", "a b", "a/b", "example.com.", "ä.com"]
        {
            assert!(domain(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_blank_clears() {
        assert_eq!(change(Some(&Value::from("  ")), name), Ok(Change::Clear));
        assert_eq!(change(Some(&Value::from(" Ann ")), name), Ok(Change::Set("Ann".into())));
    }
}
