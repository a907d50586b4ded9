//! Conditions of a search.

use serde_json::Value;

use super::time_range::TimeRange;
use crate::contact::domain::attributes;

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) field: Field,
    pub(crate) operator: Operator,
    pub(crate) operand: Operand,
}

/// The field of a contact that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    UserId,
    Email,
    Name,
    Phone,
    Company,
    Source,
    Tags,
    LastSeenAt,
    CreatedAt,
    /// The attribute with this key.
    Custom(String),
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    Less,
    Greater,
}

impl Operator {
    /// True for `=` and `!=`.
    pub(crate) fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// No value.
    Null,
    Text(String),
    Number(f64),
    Bool(bool),
    Time(TimeRange),
}

impl Condition {
    /// The values of an attribute that are equal to the operand: itself, and the value of another
    /// type that is written the same. The type of an imported value is a guess, so 12 and "12" find
    /// both.
    pub(crate) fn equal_values(&self) -> Vec<Value> {
        match &self.operand {
            Operand::Text(text) => {
                let mut values = vec![Value::String(text.clone())];
                values.extend(Some(attributes::infer(text)).filter(|value| !value.is_string()));
                values
            }
            Operand::Number(number) => {
                let number = attributes::number(*number).map(Value::Number);
                let text = number.as_ref().map(|n| attributes::to_text(n).into_owned());
                number.into_iter().chain(text.map(Value::String)).collect()
            }
            Operand::Bool(value) => vec![Value::Bool(*value), Value::String(value.to_string())],
            Operand::Null | Operand::Time(_) => Vec::new(),
        }
    }
}
