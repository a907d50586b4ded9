//! One table of errors and its representations: [`Error`] inside a service, and a gRPC status with
//! `ErrorInfo` and `BadRequest` between services. The gateway turns errors into the problems
//! (RFC 9457) of its JSON clients. A new kind of error is one row in `reason.rs`.

mod reason;
mod status;

use std::{collections::BTreeMap, error::Error as StdError, time::Duration};

use onethread_core::hide_secrets;

pub use reason::Reason;
pub use status::DOMAIN;

/// An error of a service. Clients read its texts, so they must not contain secrets, user ids,
/// email addresses or values from the request.
#[derive(Debug, thiserror::Error)]
#[error("{reason:?}: {detail}")]
pub struct Error {
    /// The row of the table.
    pub reason: Reason,
    /// One sentence for the person who reads the response.
    pub detail: String,
    /// The invalid fields.
    pub fields: Vec<Field>,
    /// Numbers and states that the detail mentions, for programs: `limit`, `state`. Only gRPC callers
    /// receive them.
    pub metadata: BTreeMap<String, String>,
    /// Time after which a retry makes sense.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Path of the field in the request message: names of the contract, separated by dots, with
    /// `[0]` for an element of a list and `["key"]` for an entry of a map or object, such as
    /// `changes.user.custom_data["plan"]`. Empty for the whole message. The gateway's own checks of
    /// a JSON body name a JSON pointer (RFC 6901), such as `/customData/plan`.
    pub path: String,
    /// What is wrong with it, in a sentence without the value.
    pub detail: String,
}

impl Field {
    /// Creates an invalid field.
    pub fn new(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { path: path.into(), detail: detail.into() }
    }
}

/// Returns the path of an entry of a map or object, such as `mapping["first name"]`.
pub fn entry_path(map: &str, key: &str) -> String {
    format!("{map}[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Result with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error with the table's text.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: reason.default_detail().to_owned(),
            fields: Vec::new(),
            metadata: BTreeMap::new(),
            retry_after: None,
            source: None,
        }
    }

    /// Creates the error for one invalid field.
    pub fn invalid(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_fields(vec![Field::new(path, detail)])
    }

    /// Creates the error for several invalid fields.
    pub fn invalid_fields(fields: Vec<Field>) -> Self {
        Self { fields, ..Self::new(Reason::InvalidArgument) }
    }

    /// Creates the error for something that doesn't exist in the organization.
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound)
    }

    /// Creates the error for a fault of the server.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::Internal).caused_by(source)
    }

    /// Creates the error for a dependency that is unavailable. A retry makes sense after a second.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::Unavailable).retry_after(Duration::from_secs(1)).caused_by(source)
    }

    /// Creates the error for a full disk. An operator has to free space, so a retry makes sense
    /// only later.
    pub fn storage_full(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::StorageFull).retry_after(Duration::from_secs(10)).caused_by(source)
    }

    /// Replaces the table's text by a more specific one.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a number or a state for programs, such as the `limit` that was reached.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Sets the time after which a retry makes sense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Formats the error and all its causes in one line, for the log. Errors of libraries repeat URLs,
    /// whose secrets are hidden.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            next = cause.source();
        }
        hide_secrets(&line)
    }
}
