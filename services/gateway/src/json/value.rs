//! JSON ⇄ `google.protobuf.Value`.

use prost_types::{ListValue, Struct, Value as Wire, value::Kind};
use serde_json::{Map, Number, Value};

use super::Warning;
use crate::extract::{Member, to_digits};

/// Levels that reach the services; deeper values become empty. Protobuf readers stop at a depth,
/// and no accepted value has more than one level.
const MAX_DEPTH: usize = 8;

/// Whole numbers up to this one are exact in a double.
const MAX_EXACT_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A member of a body for the wire; absent stays absent.
pub(crate) fn to_wire(member: Member) -> Option<Wire> {
    member.0.as_ref().map(value_to_wire)
}

/// Attributes for the wire, with a warning for each whose number is beyond 2^53 and whose digits
/// are kept as a text. Pointers begin with the given one.
pub(crate) fn attributes_to_wire(member: Member, pointer: &str) -> (Option<Wire>, Vec<Warning>) {
    let Some(Value::Object(mut members)) = member.0 else { return (to_wire(member), Vec::new()) };
    let warnings = Warning::of_digits(to_digits(&mut members), pointer);
    (Some(value_to_wire(&Value::Object(members))), warnings)
}

/// A value for the wire.
pub(crate) fn value_to_wire(value: &Value) -> Wire {
    Wire { kind: Some(kind(value, MAX_DEPTH)) }
}

fn kind(value: &Value, depth: usize) -> Kind {
    let inner = |value: &Value| Wire { kind: Some(kind(value, depth.saturating_sub(1))) };
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::MAX)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(_) | Value::Object(_) if depth == 0 => Kind::ListValue(ListValue::default()),
        Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.iter().map(inner).collect() })
        }
        Value::Object(members) => Kind::StructValue(Struct {
            fields: members.iter().map(|(name, value)| (name.clone(), inner(value))).collect(),
        }),
    }
}

/// From the wire.
pub(crate) fn object(wire: Option<Struct>) -> Map<String, Value> {
    let fields = wire.unwrap_or_default().fields.into_iter();
    fields.map(|(name, value)| (name, from_wire(value))).collect()
}

/// Members of an object for the wire.
pub(crate) fn members(members: &Map<String, Value>) -> Struct {
    let members = members.iter();
    Struct { fields: members.map(|(name, value)| (name.clone(), value_to_wire(value))).collect() }
}

fn from_wire(value: Wire) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => number_from(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_wire).collect(),
        Some(Kind::StructValue(members)) => Value::Object(object(Some(members))),
    }
}

/// `5`, not `5.0`.
#[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds")]
fn number_from(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT_WHOLE {
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        let sent = json!({"a": 5, "b": 1.5, "c": [null, true, "x"], "d": {"e": -3}});
        assert_eq!(from_wire(value_to_wire(&sent)), sent);
    }

    #[test]
    fn deep_values_stay_within_what_readers_take() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let bytes = prost_depth(&value_to_wire(&deep));
        assert!(bytes <= MAX_DEPTH + 1, "{bytes}");
    }

    fn prost_depth(value: &Wire) -> usize {
        match &value.kind {
            Some(Kind::ListValue(list)) => {
                1 + list.values.iter().map(prost_depth).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}
