//! Words of texts, as contacts are indexed and searched by.

use crate::contact::domain::contact::Contact;

/// Longest word, in characters. The rest of a longer one is ignored.
const MAX_WORD_CHARS: usize = 64;

/// The words of a text, in lower case.
pub(crate) fn split(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| {
        if word.is_ascii() {
            return word[..word.len().min(MAX_WORD_CHARS)].to_ascii_lowercase();
        }
        word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).take(MAX_WORD_CHARS).collect()
    })
}

/// The words that a contact is found by: of its name, email, phone, company and user id, and the
/// phone's digits as one word.
pub(crate) fn of_contact(contact: &Contact) -> Vec<String> {
    let phone = contact.phone.as_deref().unwrap_or_default();
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let texts = [&contact.name, &contact.email, &contact.phone, &contact.company, &contact.user_id];
    let mut words: Vec<_> = texts.into_iter().flatten().flat_map(|text| split(text)).collect();
    words.extend(Some(digits).filter(|digits| !digits.is_empty()));
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_into_words() {
        let words: Vec<_> = split("Ann-Marie O'Hara, ÄRZTE ann@example.com").collect();
        assert_eq!(words, ["ann", "marie", "o", "hara", "ärzte", "ann", "example", "com"]);
    }
}
