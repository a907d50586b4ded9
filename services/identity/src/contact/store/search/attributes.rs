//! Conditions on attributes as SQL.

use serde_json::{Value, json};

use super::{
    conditions::{Conditions, TRAITS},
    parameters::Parameter,
};
use crate::contact::domain::search::{
    condition::{Condition, Operand, Operator},
    time_range::TimeRange,
};

impl Conditions {
    pub(super) fn attribute(&mut self, key: &str, condition: &Condition) {
        match (condition.operator, &condition.operand) {
            (Operator::Equal, Operand::Null) => {
                let stored = self.stored_value(key);
                self.and(&format!("{stored} IS NULL"));
            }
            (Operator::Equal, _) if self.postgres => {
                self.equal_on_postgres(key, &condition.equal_values())
            }
            (Operator::Equal, _) => self.equal_on_sqlite(key, &condition.equal_values()),
            (Operator::Less | Operator::Greater, Operand::Number(number)) => {
                let sign = if condition.operator == Operator::Less { "<" } else { ">" };
                let (stored, kind) = (self.stored_value(key), self.kind(key));
                let number = self.bind(Parameter::Real(*number));
                // The domain decides which texts look like numbers.
                if self.postgres {
                    // CASE prevents a cast of texts.
                    return self.and(&format!(
                        "CASE {kind} WHEN 'number' THEN {stored}::float8 {sign} {number}
                         WHEN 'string' THEN true ELSE false END"
                    ));
                }
                self.and(&format!(
                    "CASE {kind} WHEN 'text' THEN true WHEN 'integer' THEN {stored} {sign} {number}
                     WHEN 'real' THEN {stored} {sign} {number} ELSE false END"
                ));
            }
            (Operator::Less | Operator::Greater, Operand::Text(text)) => {
                let (stored, kind) = (self.stored_value(key), self.kind(key));
                let string = if self.postgres { "string" } else { "text" };
                self.and(&format!("{kind} = '{string}'"));
                if TimeRange::parse(text).is_none() {
                    self.compare(&stored, condition.operator, text);
                }
            }
            (Operator::Contains, Operand::Text(text)) => {
                let (stored, kind) = (self.stored_value(key), self.kind(key));
                let string = if self.postgres { "string" } else { "text" };
                let before = self.text.len();
                self.compare(&stored, Operator::Contains, text);
                // Other types are few, and each database writes them differently.
                let text = self.text.split_off(before);
                let text = text.strip_prefix(" AND ").unwrap_or("true");
                self.and(&format!("({kind} <> '{string}' OR {text})"));
            }
            _ => {}
        }
    }

    /// The value of an attribute, as text on PostgreSQL; NULL where there is none.
    fn stored_value(&mut self, key: &str) -> String {
        if self.postgres {
            let key = self.text(key);
            return format!("(custom ->> {key})");
        }
        // A key has no character that needs quoting.
        let path = self.text(&format!("$.\"{key}\""));
        format!("json_extract(custom, {path})")
    }

    /// The type of an attribute.
    fn kind(&mut self, key: &str) -> String {
        if self.postgres {
            let key = self.text(key);
            return format!("jsonb_typeof(custom -> {key})");
        }
        let path = self.text(&format!("$.\"{key}\""));
        format!("json_type(custom, {path})")
    }

    fn equal_on_postgres(&mut self, key: &str, values: &[Value]) {
        let (mut checks, mut indexed) = (Vec::new(), Vec::new());
        for value in values {
            let attribute = json!({ key: value });
            let tenant = format!("c{}", self.tenant);
            let indexed_value = self.bind(Parameter::Json(json!({ tenant: attribute.clone() })));
            indexed.push(format!("{TRAITS} @> {indexed_value}"));
            let attribute = self.bind(Parameter::Json(attribute));
            checks.push(format!("custom @> {attribute}"));
        }
        self.indexed.push(format!("({})", indexed.join(" OR ")));
        self.and(&format!("({})", checks.join(" OR ")));
    }

    fn equal_on_sqlite(&mut self, key: &str, values: &[Value]) {
        let (mut parameters, mut words) = (Vec::new(), Vec::new());
        let name = self.text(key);
        for value in values {
            let parameter = match value {
                Value::String(text) => self.text(text),
                Value::Number(number) => self.number(number.as_f64().unwrap_or_default()),
                // SQLite has 0 and 1 for booleans.
                other => self.bind(Parameter::Int(i64::from(other.as_bool().unwrap_or_default()))),
            };
            let tenant = &self.tenant;
            words.push(format!(
                "'\"k{tenant}' || hex({name} || char(31) || substr({parameter}, 1, 60)) || '\"'"
            ));
            parameters.push(parameter);
        }
        let stored = self.stored_value(key);
        self.indexed.push(format!("'traits : (' || {} || ')'", words.join(" || ' OR ' || ")));
        self.and(&format!("{stored} IN ({})", parameters.join(", ")));
    }

    /// Whole numbers as such: a number is one word of the index however it is written.
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    fn number(&mut self, number: f64) -> String {
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            self.bind(Parameter::Int(number as i64))
        } else {
            self.bind(Parameter::Real(number))
        }
    }
}
