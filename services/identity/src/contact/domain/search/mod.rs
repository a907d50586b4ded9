//! Searches of Contacts. Whether a contact matches is decided here alone, so that every database
//! gives the same result. What databases select beforehand only saves work.

pub(crate) mod condition;
mod matching;
mod parsing;
pub(crate) mod time_range;
pub(crate) mod words;

use self::condition::Condition;
use super::contact::Contact;

/// A search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Beginnings of words, all of which must be found. `None` matches every contact.
    pub(crate) words: Option<Vec<String>>,
    /// All of them must match.
    pub(crate) conditions: Vec<Condition>,
    /// Visitors with a row as well.
    pub(crate) include_visitors: bool,
}

impl Search {
    /// True when the contact is a result.
    pub(crate) fn matches(&self, contact: &Contact) -> bool {
        (contact.listed || self.include_visitors)
            && self.words.as_ref().is_none_or(|prefixes| has_words(contact, prefixes))
            && self.conditions.iter().all(|condition| condition.matches(contact))
    }
}

fn has_words(contact: &Contact, prefixes: &[String]) -> bool {
    let words = words::of_contact(contact);
    let is_found = |prefix: &String| words.iter().any(|word| word.starts_with(prefix.as_str()));
    !prefixes.is_empty() && prefixes.iter().all(is_found)
}
