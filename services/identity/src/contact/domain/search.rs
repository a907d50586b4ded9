//! What Contacts is searched by. Whether somebody is found is decided here alone, so that every
//! database gives the same answer; what databases select beforehand only saves work.

use onethread_core::Timestamp;
use serde_json::Value;
use time::{
    Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

use super::{
    attributes,
    contact::{Contact, Source},
};

/// The longest word, in characters: what follows is not told apart.
const LONGEST_WORD: usize = 64;
/// The longest text that is looked for, in bytes.
const LONGEST: usize = 1024;

/// The words of a text, lower-cased.
pub(crate) fn split(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| {
        if word.is_ascii() {
            return word[..word.len().min(LONGEST_WORD)].to_ascii_lowercase();
        }
        word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).take(LONGEST_WORD).collect()
    })
}

/// The words that a contact is found by: of its name, e-mail, phone, company and user id, and the
/// phone's digits as one.
pub(crate) fn words(contact: &Contact) -> Vec<String> {
    let phone = contact.phone.as_deref().unwrap_or_default();
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let texts = [&contact.name, &contact.email, &contact.phone, &contact.company, &contact.user_id];
    let mut words: Vec<_> = texts.into_iter().flatten().flat_map(|text| split(text)).collect();
    words.extend(Some(digits).filter(|digits| !digits.is_empty()));
    words.sort();
    words.dedup();
    words
}

/// Somebody who is looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Beginnings of words, all of which have to be there. `None` asks for nothing.
    pub(crate) words: Option<Vec<String>>,
    /// All of them hold.
    pub(crate) conditions: Vec<Condition>,
    /// Visitors with a row as well.
    pub(crate) include_visitors: bool,
}

impl Search {
    /// True when it is this one who is looked for.
    pub(crate) fn finds(&self, contact: &Contact) -> bool {
        let known = words(contact);
        let said = |begin: &String| known.iter().any(|word| word.starts_with(begin.as_str()));
        (contact.listed || self.include_visitors)
            && self
                .words
                .as_ref()
                .is_none_or(|begins| !begins.is_empty() && begins.iter().all(said))
            && self.conditions.iter().all(|condition| condition.holds(contact))
    }
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    UserId,
    Email,
    Name,
    Phone,
    Company,
    Source,
    Tags,
    Seen,
    Created,
    Custom(String),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Is,
    IsNot,
    Contains,
    Less,
    More,
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Nothing,
    Text(String),
    Number(f64),
    Truth(bool),
    /// From the first moment up to, but not including, the second one.
    Span(Timestamp, Timestamp),
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) field: Field,
    pub(crate) operator: Operator,
    pub(crate) operand: Operand,
}

/// Which member of a condition can't be taken, and why.
pub(crate) type Refusal = (&'static str, &'static str);

impl Condition {
    /// Reads a condition.
    pub(crate) fn read(field: &str, operator: &str, value: &Value) -> Result<Self, Refusal> {
        let field = Field::read(field).ok_or((
            "field",
            "is not userId, email, name, phone, company, source, tags, lastSeenAt, createdAt or \
             custom.<key>",
        ))?;
        let operator = match operator {
            "=" => Operator::Is,
            "!=" => Operator::IsNot,
            "~" => Operator::Contains,
            "<" => Operator::Less,
            ">" => Operator::More,
            _ => return Err(("operator", "is not =, !=, ~, < or >")),
        };
        let equality = matches!(operator, Operator::Is | Operator::IsNot);
        let ordered = matches!(operator, Operator::Less | Operator::More);
        let timed = matches!(field, Field::Seen | Field::Created);
        if matches!(field, Field::Source) && !equality
            || matches!(field, Field::Tags) && ordered
            || timed && operator == Operator::Contains
        {
            return Err(("operator", "does not go with this field"));
        }
        let operand = match value {
            Value::Null if equality => Operand::Nothing,
            Value::String(text) if timed => span(text)
                .map(|(from, to)| Operand::Span(from, to))
                .ok_or(("value", "is not an ISO date or time"))?,
            Value::String(text) if text.len() > LONGEST => {
                return Err(("value", "is longer than 1,024 bytes"));
            }
            Value::String(text) if text.contains('\0') => return Err(("value", "holds NUL")),
            Value::String(text) if field == Field::Source && Source::from_name(text).is_none() => {
                return Err(("value", "is no source"));
            }
            // What looks like a number is compared as one, with what looks like one.
            Value::String(text) if ordered && matches!(field, Field::Custom(_)) => {
                match attributes::infer(text) {
                    Value::Number(number) => Operand::Number(number.as_f64().unwrap_or_default()),
                    _ => Operand::Text(text.clone()),
                }
            }
            Value::String(text) => Operand::Text(text.clone()),
            Value::Number(number)
                if matches!(field, Field::Custom(_)) && operator != Operator::Contains =>
            {
                Operand::Number(number.as_f64().ok_or(("value", "is not a number we hold"))?)
            }
            Value::Bool(truth) if matches!(field, Field::Custom(_)) && equality => {
                Operand::Truth(*truth)
            }
            _ => {
                return Err((
                    "value",
                    "is of a type that does not go with this field and operator",
                ));
            }
        };
        Ok(Self { field, operator, operand })
    }

    /// Values of an attribute that are equal to the one asked for: beside itself, the one that is
    /// written the same. An imported `12` is found by 12 and by "12", whichever it was taken for.
    pub(crate) fn likes(&self) -> Vec<Value> {
        match &self.operand {
            Operand::Text(text) => {
                let mut likes = vec![Value::String(text.clone())];
                likes.extend(Some(attributes::infer(text)).filter(|like| !like.is_string()));
                likes
            }
            Operand::Number(number) => {
                let number = attributes::number(*number).map(Value::Number);
                let text = number.as_ref().map(|n| attributes::to_text(n).into_owned());
                number.into_iter().chain(text.map(Value::String)).collect()
            }
            Operand::Truth(truth) => vec![Value::Bool(*truth), Value::String(truth.to_string())],
            Operand::Nothing | Operand::Span(..) => Vec::new(),
        }
    }

    /// True for a contact that is so.
    pub(crate) fn holds(&self, contact: &Contact) -> bool {
        match &self.field {
            Field::UserId => self.of_text(contact.user_id.as_deref()),
            Field::Email => self.of_folded(contact.email.as_deref()),
            Field::Name if self.operand == Operand::Nothing => {
                self.of_text(contact.name.as_deref())
            }
            Field::Name => self.of_text(Some(&contact.shown_name().0)),
            Field::Phone => self.of_text(contact.phone.as_deref()),
            Field::Company => self.of_text(contact.company.as_deref()),
            Field::Source => self.of_text(Some(contact.source.name())),
            Field::Tags => self.of_tags(&contact.tags),
            Field::Seen => self.of_time(contact.last_seen_at),
            Field::Created => self.of_time(Some(contact.created_at)),
            Field::Custom(key) => self.of_value(contact.custom.get(key)),
        }
    }

    fn of_text(&self, held: Option<&str>) -> bool {
        let Operand::Text(text) = &self.operand else {
            return self.equality(self.operand == Operand::Nothing && held.is_none());
        };
        match self.operator {
            Operator::Is | Operator::IsNot => self.equality(held == Some(text)),
            Operator::Contains => held.is_some_and(|held| contains(held, text)),
            Operator::Less => held.is_some_and(|held| held < text.as_str()),
            Operator::More => held.is_some_and(|held| held > text.as_str()),
        }
    }

    /// An e-mail is the same in any case.
    fn of_folded(&self, held: Option<&str>) -> bool {
        let folded = match &self.operand {
            Operand::Text(text) => Operand::Text(text.to_lowercase()),
            other => other.clone(),
        };
        let condition = Self { operand: folded, ..self.clone() };
        condition.of_text(held.map(str::to_lowercase).as_deref())
    }

    fn of_tags(&self, held: &[String]) -> bool {
        match &self.operand {
            Operand::Text(text) if self.operator == Operator::Contains => {
                held.iter().any(|tag| contains(tag, text))
            }
            Operand::Text(text) => self.equality(held.contains(text)),
            _ => self.equality(held.is_empty()),
        }
    }

    fn of_time(&self, held: Option<Timestamp>) -> bool {
        let Operand::Span(from, to) = self.operand else {
            return self.equality(held.is_none());
        };
        match self.operator {
            Operator::Less => held.is_some_and(|held| held < from),
            Operator::More => held.is_some_and(|held| held >= to),
            _ => self.equality(held.is_some_and(|held| held >= from && held < to)),
        }
    }

    fn of_value(&self, held: Option<&Value>) -> bool {
        let Some(held) = held else { return self.equality(self.operand == Operand::Nothing) };
        if matches!(self.operator, Operator::Is | Operator::IsNot) {
            return self.equality(self.likes().iter().any(|like| is_same(like, held)));
        }
        match (&self.operand, held) {
            (Operand::Text(text), held) if self.operator == Operator::Contains => {
                contains(&attributes::to_text(held), text)
            }
            (Operand::Text(text), Value::String(held)) => match (span(text), self.operator) {
                // Dates are compared as the moments they are, however they are written.
                (Some((from, _)), Operator::Less) => span(held).is_some_and(|(_, to)| to <= from),
                (Some((_, to)), Operator::More) => span(held).is_some_and(|(from, _)| from >= to),
                _ => self.of_text(Some(held)),
            },
            (Operand::Number(number), held) => {
                let looked = held.as_str().map(attributes::infer);
                let held = looked.as_ref().unwrap_or(held).as_f64();
                match self.operator {
                    Operator::Less => held.is_some_and(|held| held < *number),
                    _ => held.is_some_and(|held| held > *number),
                }
            }
            _ => false,
        }
    }

    /// What `=` and `!=` make of it; anything else needs a value to compare with.
    fn equality(&self, equal: bool) -> bool {
        match self.operator {
            Operator::Is => equal,
            Operator::IsNot => !equal,
            _ => false,
        }
    }
}

impl Field {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "userId" => Self::UserId,
            "email" => Self::Email,
            "name" => Self::Name,
            "phone" => Self::Phone,
            "company" => Self::Company,
            "source" => Self::Source,
            "tags" => Self::Tags,
            "lastSeenAt" => Self::Seen,
            "createdAt" => Self::Created,
            _ => {
                let name = text.strip_prefix("custom.")?;
                Self::Custom(attributes::check_key(name).ok()?.into_string())
            }
        })
    }
}

/// Numbers are the same however they are held.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// In any case. ASCII needs no more than ASCII's, which databases know as well.
pub(crate) fn contains(held: &str, text: &str) -> bool {
    if text.is_ascii() {
        held.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
    } else {
        held.to_lowercase().contains(&text.to_lowercase())
    }
}

/// A day, or one moment.
pub(crate) fn span(text: &str) -> Option<(Timestamp, Timestamp)> {
    let day = format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, &day) {
        let begins = |date: Date| Timestamp::from_datetime(date.midnight().assume_utc());
        return Some((begins(date), begins(date.next_day()?)));
    }
    let at = Timestamp::from_datetime(OffsetDateTime::parse(text, &Rfc3339).ok()?);
    Some((at, Timestamp::from_micros(at.micros().saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn what_does_not_go_together_is_named() {
        for (field, operator, value, part) in [
            ("custom.", "=", json!("x"), "field"),
            ("secret", "=", json!("x"), "field"),
            ("email", "==", json!("x"), "operator"),
            ("source", "~", json!("api"), "operator"),
            ("tags", "<", json!("x"), "operator"),
            ("createdAt", "~", json!("2026"), "operator"),
            ("createdAt", ">", json!("yesterday"), "value"),
            ("source", "=", json!("nowhere"), "value"),
            ("email", "=", json!(5), "value"),
            ("custom.a", ">", json!(true), "value"),
            ("custom.a", "=", json!({}), "value"),
            ("custom.a", "<", json!(null), "value"),
            ("name", "=", json!("a\0"), "value"),
        ] {
            assert_eq!(Condition::read(field, operator, &value).unwrap_err().0, part, "{field}");
        }
    }

    #[test]
    fn an_attribute_is_found_by_what_is_written_the_same() {
        let finds = |value: Json, held: Json| {
            let condition = Condition::read("custom.a", "=", &value).unwrap();
            let found = condition.of_value(Some(&held));
            let other = Condition { operator: Operator::IsNot, ..condition };
            assert_ne!(other.of_value(Some(&held)), found, "{value} {held}");
            found
        };
        for (value, held) in [
            (json!(12), json!(12)),
            (json!(12), json!("12")),
            (json!("12"), json!(12)),
            (json!(5.5), json!("5.5")),
            (json!("true"), json!(true)),
            (json!(false), json!("false")),
            (json!(12.0), json!(12)),
        ] {
            assert!(finds(value.clone(), held.clone()), "{value} {held}");
        }
        for (value, held) in [
            (json!(12), json!("012")),
            (json!("012"), json!(12)),
            (json!("12.0"), json!(12)),
            (json!(1), json!(true)),
            (json!(true), json!(1)),
            (json!("TRUE"), json!(true)),
        ] {
            assert!(!finds(value.clone(), held.clone()), "{value} {held}");
        }
    }

    #[test]
    fn what_looks_like_a_number_is_more_or_less_as_one() {
        for (held, operator, value, holds) in [
            (json!(12), ">", json!(7), true),
            (json!("12"), ">", json!(7), true),
            (json!("12"), ">", json!("7"), true),
            (json!(12), "<", json!("7"), false),
            (json!("012"), ">", json!(7), false),
            (json!(true), ">", json!(0), false),
            (json!("pro"), ">", json!(7), false),
            (json!("pro"), ">", json!("free"), true),
            (json!("12"), "<", json!("a"), true),
            (json!(12), "<", json!("a"), false),
            (json!("2024-02-01"), ">", json!("2024-01-31T12:00:00Z"), true),
        ] {
            let condition = Condition::read("custom.a", operator, &value).unwrap();
            assert_eq!(condition.of_value(Some(&held)), holds, "{held} {operator} {value}");
        }
    }

    #[test]
    fn words_are_cut_alike_on_both_sides() {
        let cut: Vec<_> = split("Ann-Marie O'Hara, ÄRZTE ann@example.com").collect();
        assert_eq!(cut, ["ann", "marie", "o", "hara", "ärzte", "ann", "example", "com"]);
    }
}
