//! Whether a contact matches a condition.

use onethread_core::Timestamp;
use serde_json::Value;

use super::{
    condition::{Condition, Field, Operand, Operator},
    time_range::TimeRange,
};
use crate::contact::domain::{attributes, contact::Contact};

impl Condition {
    /// True when the contact matches.
    pub(crate) fn matches(&self, contact: &Contact) -> bool {
        match &self.field {
            Field::UserId => self.matches_text(contact.user_id.as_deref()),
            Field::Email => self.matches_email(contact.email.as_deref()),
            Field::Name if self.operand == Operand::Null => {
                self.matches_text(contact.name.as_deref())
            }
            Field::Name => self.matches_text(Some(&contact.shown_name().0)),
            Field::Phone => self.matches_text(contact.phone.as_deref()),
            Field::Company => self.matches_text(contact.company.as_deref()),
            Field::Source => self.matches_text(Some(contact.source.name())),
            Field::Tags => self.matches_tags(&contact.tags),
            Field::LastSeenAt => self.matches_time(contact.last_seen_at),
            Field::CreatedAt => self.matches_time(Some(contact.created_at)),
            Field::Custom(key) => self.matches_attribute(contact.custom.get(key)),
        }
    }

    fn matches_text(&self, value: Option<&str>) -> bool {
        let Operand::Text(text) = &self.operand else {
            return self.matches_equality(self.operand == Operand::Null && value.is_none());
        };
        match self.operator {
            Operator::Equal | Operator::NotEqual => self.matches_equality(value == Some(text)),
            Operator::Contains => value.is_some_and(|value| contains(value, text)),
            Operator::Less => value.is_some_and(|value| value < text.as_str()),
            Operator::Greater => value.is_some_and(|value| value > text.as_str()),
        }
    }

    /// Emails are compared without regard to case.
    fn matches_email(&self, value: Option<&str>) -> bool {
        let operand = match &self.operand {
            Operand::Text(text) => Operand::Text(text.to_lowercase()),
            other => other.clone(),
        };
        let condition = Self { operand, ..self.clone() };
        condition.matches_text(value.map(str::to_lowercase).as_deref())
    }

    fn matches_tags(&self, tags: &[String]) -> bool {
        match &self.operand {
            Operand::Text(text) if self.operator == Operator::Contains => {
                tags.iter().any(|tag| contains(tag, text))
            }
            Operand::Text(text) => self.matches_equality(tags.contains(text)),
            _ => self.matches_equality(tags.is_empty()),
        }
    }

    fn matches_time(&self, value: Option<Timestamp>) -> bool {
        let Operand::Time(TimeRange { start, end }) = self.operand else {
            return self.matches_equality(value.is_none());
        };
        match self.operator {
            Operator::Less => value.is_some_and(|value| value < start),
            Operator::Greater => value.is_some_and(|value| value >= end),
            _ => self.matches_equality(value.is_some_and(|value| value >= start && value < end)),
        }
    }

    fn matches_attribute(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else {
            return self.matches_equality(self.operand == Operand::Null);
        };
        if self.operator.is_equality() {
            return self
                .matches_equality(self.equal_values().iter().any(|one| is_equal(one, value)));
        }
        match (&self.operand, value) {
            (Operand::Text(text), value) if self.operator == Operator::Contains => {
                contains(&attributes::to_text(value), text)
            }
            (Operand::Text(text), Value::String(value)) => {
                // Dates and times are compared as such, whichever of the two they are.
                match (TimeRange::parse(text), self.operator) {
                    (Some(range), Operator::Less) => {
                        TimeRange::parse(value).is_some_and(|value| value.end <= range.start)
                    }
                    (Some(range), Operator::Greater) => {
                        TimeRange::parse(value).is_some_and(|value| value.start >= range.end)
                    }
                    _ => self.matches_text(Some(value)),
                }
            }
            (Operand::Number(number), value) => {
                let inferred = value.as_str().map(attributes::infer);
                let value = inferred.as_ref().unwrap_or(value).as_f64();
                match self.operator {
                    Operator::Less => value.is_some_and(|value| value < *number),
                    _ => value.is_some_and(|value| value > *number),
                }
            }
            _ => false,
        }
    }

    /// The result for `=` and `!=`. Other operators match no missing value.
    fn matches_equality(&self, is_equal: bool) -> bool {
        match self.operator {
            Operator::Equal => is_equal,
            Operator::NotEqual => !is_equal,
            _ => false,
        }
    }
}

/// Numbers are equal whether they are stored as integers or as floats.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// True when the text contains the other, without regard to case. An ASCII text folds only ASCII
/// letters, as the databases do.
fn contains(text: &str, part: &str) -> bool {
    if part.is_ascii() {
        text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
    } else {
        text.to_lowercase().contains(&part.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attribute_is_equal_to_a_value_that_is_written_the_same() {
        let matches = |operand: Value, value: Value| {
            let condition = Condition::parse("custom.a", "=", &operand).unwrap();
            let is_equal = condition.matches_attribute(Some(&value));
            let inverse = Condition { operator: Operator::NotEqual, ..condition };
            assert_ne!(inverse.matches_attribute(Some(&value)), is_equal, "{operand} {value}");
            is_equal
        };
        for (operand, value) in [
            (json!(12), json!(12)),
            (json!(12), json!("12")),
            (json!("12"), json!(12)),
            (json!(5.5), json!("5.5")),
            (json!("true"), json!(true)),
            (json!(false), json!("false")),
            (json!(12.0), json!(12)),
        ] {
            assert!(matches(operand.clone(), value.clone()), "{operand} {value}");
        }
        for (operand, value) in [
            (json!(12), json!("012")),
            (json!("012"), json!(12)),
            (json!("12.0"), json!(12)),
            (json!(1), json!(true)),
            (json!(true), json!(1)),
            (json!("TRUE"), json!(true)),
        ] {
            assert!(!matches(operand.clone(), value.clone()), "{operand} {value}");
        }
    }

    #[test]
    fn texts_that_look_like_numbers_are_ordered_as_numbers() {
        for (value, operator, operand, expected) in [
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
            let condition = Condition::parse("custom.a", operator, &operand).unwrap();
            let is_match = condition.matches_attribute(Some(&value));
            assert_eq!(is_match, expected, "{value} {operator} {operand}");
        }
    }
}
