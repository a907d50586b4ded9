//! Conditions as a client sends them.

use serde_json::Value;

use super::{
    condition::{Condition, Field, Operand, Operator},
    time_range::TimeRange,
};
use crate::contact::domain::{attributes, contact::Source};

/// Longest text of a condition, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// The member of a condition that is invalid, and why.
type InvalidMember = (&'static str, &'static str);

impl Condition {
    /// Validates a condition.
    ///
    /// # Errors
    ///
    /// The first invalid member.
    pub(crate) fn parse(field: &str, operator: &str, value: &Value) -> Result<Self, InvalidMember> {
        let field = Field::parse(field).ok_or((
            "field",
            "is not user_id, email, name, phone, company, source, tags, last_seen_at, created_at or \
             custom.<key>",
        ))?;
        let operator = Operator::parse(operator).ok_or(("operator", "is not =, !=, ~, < or >"))?;
        if !field.supports(operator) {
            return Err(("operator", "does not go with this field"));
        }
        let operand = parse_operand(&field, operator, value).map_err(|detail| ("value", detail))?;
        Ok(Self { field, operator, operand })
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "~" => Self::Contains,
            "<" => Self::Less,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::Greater)
    }
}

impl Field {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "user_id" => Self::UserId,
            "email" => Self::Email,
            "name" => Self::Name,
            "phone" => Self::Phone,
            "company" => Self::Company,
            "source" => Self::Source,
            "tags" => Self::Tags,
            "last_seen_at" => Self::LastSeenAt,
            "created_at" => Self::CreatedAt,
            _ => {
                let name = text.strip_prefix("custom.")?;
                Self::Custom(attributes::check_key(name).ok()?.into_string())
            }
        })
    }

    fn supports(&self, operator: Operator) -> bool {
        match self {
            Self::Source => operator.is_equality(),
            Self::Tags => !operator.is_order(),
            Self::LastSeenAt | Self::CreatedAt => operator != Operator::Contains,
            _ => true,
        }
    }
}

fn parse_operand(
    field: &Field,
    operator: Operator,
    value: &Value,
) -> Result<Operand, &'static str> {
    let is_custom = matches!(field, Field::Custom(_));
    match value {
        Value::Null if operator.is_equality() => Ok(Operand::Null),
        Value::String(text) if matches!(field, Field::LastSeenAt | Field::CreatedAt) => {
            TimeRange::parse(text).map(Operand::Time).ok_or("is not an ISO date or time")
        }
        Value::String(text) if text.len() > MAX_TEXT_BYTES => Err("is longer than 1,024 bytes"),
        Value::String(text) if text.contains('\0') => Err("holds NUL"),
        Value::String(text) if *field == Field::Source && Source::from_name(text).is_none() => {
            Err("is no source")
        }
        // A text that looks like a number is compared as one.
        Value::String(text) if operator.is_order() && is_custom => {
            Ok(match attributes::infer(text) {
                Value::Number(number) => Operand::Number(number.as_f64().unwrap_or_default()),
                _ => Operand::Text(text.clone()),
            })
        }
        Value::String(text) => Ok(Operand::Text(text.clone())),
        Value::Number(number) if is_custom && operator != Operator::Contains => {
            number.as_f64().map(Operand::Number).ok_or("is not a number we hold")
        }
        Value::Bool(value) if is_custom && operator.is_equality() => Ok(Operand::Bool(*value)),
        _ => Err("is of a type that does not go with this field and operator"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_names_the_invalid_member() {
        for (field, operator, value, member) in [
            ("custom.", "=", json!("x"), "field"),
            ("secret", "=", json!("x"), "field"),
            ("email", "==", json!("x"), "operator"),
            ("source", "~", json!("api"), "operator"),
            ("tags", "<", json!("x"), "operator"),
            ("created_at", "~", json!("2026"), "operator"),
            ("created_at", ">", json!("yesterday"), "value"),
            ("source", "=", json!("nowhere"), "value"),
            ("email", "=", json!(5), "value"),
            ("custom.a", ">", json!(true), "value"),
            ("custom.a", "=", json!({}), "value"),
            ("custom.a", "<", json!(null), "value"),
            ("name", "=", json!("a\0"), "value"),
        ] {
            let invalid = Condition::parse(field, operator, &value).unwrap_err();
            assert_eq!(invalid.0, member, "{field}");
        }
    }
}
