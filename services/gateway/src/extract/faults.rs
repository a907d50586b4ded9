//! Fields that can't be used, collected so that one answer names all of them.

use std::{
    collections::BTreeMap,
    ops::ControlFlow::{self, Break, Continue},
};

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};
use onethread_errors::{Error, Field};
use serde_json::Value as Json;

use crate::problem::escape;

/// Fields named in one answer at most: a long list of bad items isn't answered in full.
const MAX_FAULTS: usize = 50;

/// The fields at fault, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Field>);

impl Faults {
    /// One field at fault.
    pub(crate) fn one(location: ValuePointerRef<'_>, detail: impl Into<String>) -> Self {
        Self(vec![Field::new(pointer(location), detail)])
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::invalid_fields(faults.0)
    }
}

impl MergeWithError<Self> for Faults {
    fn merge(
        earlier: Option<Self>,
        mut other: Self,
        _: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let mut all = earlier.unwrap_or_default();
        all.0.append(&mut other.0);
        if all.0.len() < MAX_FAULTS {
            return Continue(all);
        }
        all.0.truncate(MAX_FAULTS);
        Break(all)
    }
}

impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        earlier: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let fault = match error {
            ErrorKind::MissingField { field } => Self::one(location.push_key(field), "is missing"),
            ErrorKind::IncorrectValueKind { actual, accepted } => {
                Self::one(location, wrong_kind(actual.kind(), accepted, location))
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                Self::one(location, format!("is not {}", alternatives(accepted)))
            }
            ErrorKind::UnknownKey { .. } => Self::one(location, "is not known"),
            ErrorKind::BadSequenceLen { .. } => Self::one(location, "has another length"),
            ErrorKind::Unexpected { msg } => Self::one(location, msg),
        };
        Self::merge(earlier, fault, location)
    }
}

/// A null member is the same as a missing one; a null in a list has the wrong type.
fn wrong_kind(
    actual: ValueKind,
    accepted: &[ValueKind],
    location: ValuePointerRef<'_>,
) -> &'static str {
    let is_member = matches!(location, ValuePointerRef::Key { .. });
    match accepted {
        [ValueKind::String | ValueKind::Map] if actual == ValueKind::Null && is_member => {
            "is missing"
        }
        [ValueKind::String] => "is not a string",
        [ValueKind::Boolean] => "is not true or false",
        [ValueKind::Sequence] => "is not a list",
        [ValueKind::Map] => "is not an object",
        _ => "has the wrong type",
    }
}

/// `a, b or c`.
fn alternatives(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}

/// A JSON pointer (RFC 6901).
fn pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!("{}/{}", pointer(*prev), escape(key))
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}

/// Reads a value that has a rule of its own. `detail` says what the rule accepts.
pub(crate) fn by_rule<T, V: IntoValue>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
    detail: &str,
    rule: impl FnOnce(&Json) -> Option<T>,
) -> Result<T, Faults> {
    let value = Json::deserialize_from_value(value, location)?;
    rule(&value).ok_or_else(|| Faults::one(location, detail))
}

/// Reads two types from the members of one object.
pub(crate) fn both<A, B, V>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
) -> Result<(A, B), Faults>
where
    A: Deserr<Faults>,
    B: Deserr<Faults>,
    V: IntoValue,
{
    // A value of another type is one fault, not one of each part.
    let members = BTreeMap::<String, Json>::deserialize_from_value(value, location)?;
    let value = Json::Object(members.into_iter().collect());
    let first = A::deserialize_from_value(value.clone().into_value(), location);
    let second = B::deserialize_from_value(value.into_value(), location);
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(faults), Ok(_)) | (Ok(_), Err(faults)) => Err(faults),
        (Err(first), Err(second)) => {
            Err(take_cf_content(Faults::merge(Some(first), second, location)))
        }
    }
}

/// Reads a struct of two parts that `#[serde(flatten)]` describes as one object.
macro_rules! flattened {
    ($name:ident { $first:ident, $second:ident }) => {
        impl deserr::Deserr<$crate::extract::Faults> for $name {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef<'_>,
            ) -> Result<Self, $crate::extract::Faults> {
                let ($first, $second) = $crate::extract::both(value, location)?;
                Ok(Self { $first, $second })
            }
        }
    };
}
pub(crate) use flattened;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::extract::Named;

    #[derive(Debug, Deserr)]
    #[deserr(error = Faults, rename_all = camelCase)]
    #[expect(dead_code, reason = "only read into")]
    struct Sent {
        text: String,
        typing: bool,
        #[deserr(default)]
        data: Option<Named<Kind>>,
        items: Vec<String>,
        last_name: String,
    }

    #[derive(Debug, Deserr)]
    #[deserr(error = Faults, rename_all = camelCase)]
    enum Kind {
        Text,
        Note,
    }

    fn faults(sent: Json) -> Vec<(String, String)> {
        let faults = deserr::deserialize::<Sent, _, Faults>(sent).unwrap_err();
        faults.0.into_iter().map(|field| (field.path, field.detail)).collect()
    }

    #[test]
    fn every_field_at_fault_is_named() {
        let sent = json!({"text": null, "typing": 1, "items": ["a", null, 5],
            "data": {"a/b": "html", "c": "text"}});
        let named = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        let expected = [
            named("/data/a~1b", "is not text or note"),
            named("/items/1", "is not a string"),
            named("/items/2", "is not a string"),
            named("/text", "is missing"),
            named("/typing", "is not true or false"),
            named("/lastName", "is missing"),
        ];
        assert_eq!(faults(sent), expected);
    }

    #[test]
    fn a_long_list_of_faults_is_cut() {
        assert_eq!(faults(json!({ "items": vec![1; 1000] })).len(), MAX_FAULTS);
    }
}
