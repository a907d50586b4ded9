//! Values of bodies and queries that more than one call reads.

use std::{ops::ControlFlow, str::FromStr};

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};
use onethread_core::{AgentId, ContactId};
use serde_json::Value as Json;

use super::{Faults, faults::by_rule};

/// A member that another service validates: absent, null and any other value stay apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member(pub(crate) Option<Json>);

impl Deserr<Faults> for Member {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        Json::deserialize_from_value(value, location).map(|value| Self(Some(value)))
    }
}

/// A member that is ignored if it can't be used.
#[derive(Debug)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Lenient<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        Ok(Self(T::deserialize_from_value(value, location).ok()))
    }
}

/// An optional member for which null is a value like any other, unlike for [`Option`].
#[derive(Debug)]
pub(crate) struct Given<T>(pub(crate) Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Given<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        T::deserialize_from_value(value, location).map(|value| Self(Some(value)))
    }
}

/// The members of an object whose names the client chooses.
///
/// The maps of the standard library don't do: deserr forgets the faults of their values.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Named<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let Value::Map(members) = value else {
            let accepted = &[ValueKind::Map];
            let error = ErrorKind::IncorrectValueKind { actual: value, accepted };
            return Err(take_cf_content(Faults::error(None, error, location)));
        };
        let mut named = Vec::with_capacity(members.len());
        let mut faults = None;
        for (name, value) in members.into_iter() {
            let place = location.push_key(&name);
            match T::deserialize_from_value(value.into_value(), place) {
                Ok(value) => named.push((name, value)),
                Err(fault) => match Faults::merge(faults.take(), fault, place) {
                    ControlFlow::Continue(merged) => faults = Some(merged),
                    ControlFlow::Break(merged) => return Err(merged),
                },
            }
        }
        faults.map_or(Ok(Self(named)), Err)
    }
}

/// A text that isn't empty.
#[derive(Debug)]
pub(crate) struct NonEmpty(pub(crate) String);

impl Deserr<Faults> for NonEmpty {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let text = String::deserialize_from_value(value, location)?;
        if text.is_empty() { Err(Faults::one(location, "is empty")) } else { Ok(Self(text)) }
    }
}

/// The sequence number of a message in a body.
#[derive(Debug)]
pub(crate) struct SequenceNumber(pub(crate) i64);

impl Deserr<Faults> for SequenceNumber {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not a whole number from 0", |value| {
            value.as_i64().filter(|number| *number >= 0).map(Self)
        })
    }
}

fn id<T: FromStr, V: IntoValue>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
) -> Result<T, Faults> {
    let text = String::deserialize_from_value(value, location)?;
    text.parse().map_err(|_| Faults::one(location, "is not a UUID"))
}

impl Deserr<Faults> for ContactId {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        id(value, location)
    }
}

/// Whom a conversation is assigned to from now on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Assignee {
    /// As before.
    #[default]
    Unchanged,
    Nobody,
    Agent(AgentId),
}

impl Deserr<Faults> for Assignee {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not an agent's id or null", |value| match value {
            Json::Null => Some(Self::Nobody),
            Json::String(id) => id.parse().ok().map(Self::Agent),
            _ => None,
        })
    }
}
