//! One table of what can go wrong, and its three spellings: [`Error`] inside a service, a gRPC
//! status with `ErrorInfo` and `BadRequest` between services, an RFC 9457 [`Problem`] for JSON
//! clients. A new kind of failure is one line in `reason.rs`.

mod problem;
mod reason;
mod status;

use std::{error::Error as StdError, time::Duration};

pub use problem::{Problem, ProblemField};
pub use reason::Reason;

/// What went wrong, as a service says it. Its texts are read by clients: they hold no secret, no
/// user id, no e-mail and no value that was sent.
#[derive(Debug, thiserror::Error)]
#[error("{reason:?}: {detail}")]
pub struct Error {
    /// The row of the table.
    pub reason: Reason,
    /// One sentence for the person who reads the answer.
    pub detail: String,
    /// The fields at fault.
    pub fields: Vec<Field>,
    /// When another try is worth it.
    pub retry_after: Option<Duration>,
    /// What lies behind it, for the log alone.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// JSON pointer (RFC 6901) into what was sent, such as `/user/user_id`.
    pub pointer: String,
    /// Why, in a sentence without the value.
    pub detail: String,
}

impl Field {
    /// A field and why it is at fault.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// The result of whatever can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of this kind, said in the table's own words.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: reason.sentence().to_owned(),
            fields: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// One field can't be taken.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_fields(vec![Field::new(pointer, detail)])
    }

    /// Several fields can't be taken.
    pub fn invalid_fields(fields: Vec<Field>) -> Self {
        Self { fields, ..Self::new(Reason::InvalidArgument) }
    }

    /// There is no such thing in this organization.
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound)
    }

    /// Something broke that the caller can do nothing about.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::Internal).caused_by(source)
    }

    /// Something needed is away for now; worth another try in a second.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::Unavailable).retry_after(Duration::from_secs(1)).caused_by(source)
    }

    /// A disk is full. Somebody has to make room, so another try is worth it only later.
    pub fn storage_full(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Reason::StorageFull).retry_after(Duration::from_secs(10)).caused_by(source)
    }

    /// Says more than the table does.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says when another try is worth it.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Keeps what lies behind it, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The whole chain in one line, for the log.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            next = cause.source();
        }
        line
    }
}
