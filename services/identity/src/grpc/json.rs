//! `google.protobuf.Value` ⇄ JSON. The wire's numbers are doubles; whole ones become integers, so
//! that 5 stays 5 rather than turning into 5.0.

use prost_types::{ListValue, Struct, Value as Wire, value::Kind};
use serde_json::{Map, Value};

use crate::contact::domain::attributes;

/// From the wire.
pub(crate) fn from_wire(value: Wire) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(truth)) => Value::Bool(truth),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => {
            attributes::number(number).map_or(Value::Null, Value::Number)
        }
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_wire).collect(),
        Some(Kind::StructValue(members)) => Value::Object(from_struct(members)),
    }
}

/// Members of an object from the wire.
pub(crate) fn from_struct(members: Struct) -> Map<String, Value> {
    members.fields.into_iter().map(|(k, v)| (k, from_wire(v))).collect()
}

/// To the wire.
pub(crate) fn to_wire(value: &Value) -> Wire {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(to_wire).collect() })
        }
        Value::Object(members) => Kind::StructValue(to_struct(members)),
    };
    Wire { kind: Some(kind) }
}

/// Members of an object to the wire.
pub(crate) fn to_struct(members: &Map<String, Value>) -> Struct {
    Struct { fields: members.iter().map(|(k, v)| (k.clone(), to_wire(v))).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_the_same_after_both_conversions() {
        let value = json!({"a": [1, -2.5, true, null, "x"], "b": {"c": 9_007_199_254_740_992_i64}});
        assert_eq!(from_wire(to_wire(&value)), value);
    }
}
