//! Changes to a profile, and warnings about those that could not be made.

use serde_json::{Map, Value};

/// A change of one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Change {
    #[default]
    Keep,
    Clear,
    Set(String),
}

impl Change {
    /// The new text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Set(text) => Some(text),
            Self::Keep | Self::Clear => None,
        }
    }

    /// The field after the change.
    pub(crate) fn applied(&self, current: Option<String>) -> Option<String> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(text) => Some(text.clone()),
        }
    }
}

/// Changes to a profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfilePatch {
    pub(crate) name: Change,
    pub(crate) email: Change,
    pub(crate) phone: Change,
    pub(crate) company: Change,
    /// Remove all attributes first.
    pub(crate) clear_custom: bool,
    /// Attributes to set, or with null to remove.
    pub(crate) custom: Map<String, Value>,
}

/// A field that was ignored, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) field: String,
    pub(crate) detail: String,
}
