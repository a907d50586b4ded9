//! Conversions of fields that the messages of every service have: ids, times and page sizes.

use std::{any::Any, str::FromStr};

use onethread_core::{OrganizationId, PageSize, ParseIdError, Timestamp};
use onethread_errors::{Error, Result};
use onethread_telemetry::spans;
use tracing::Span;

/// Parses an id. The current span gets the id of an organization.
///
/// # Errors
///
/// When the text is not an id. The error names the field.
pub fn id<T: FromStr<Err = ParseIdError> + 'static>(field: &str, text: &str) -> Result<T> {
    let parsed = text.parse::<T>();
    let id = parsed.map_err(|error| Error::invalid(field, error.to_string()))?;
    if let Some(organization) = (&id as &dyn Any).downcast_ref::<OrganizationId>() {
        spans::set_organization(&Span::current(), organization);
    }
    Ok(id)
}

/// Parses an id that may be absent.
///
/// # Errors
///
/// When the text is not an id. The error names the field.
pub fn optional_id<T>(field: &str, text: Option<&str>) -> Result<Option<T>>
where
    T: FromStr<Err = ParseIdError> + 'static,
{
    text.map(|text| id(field, text)).transpose()
}

/// Converts a page size from a message.
///
/// # Errors
///
/// When it is negative. The error names the field.
pub fn page_size(field: &str, requested: i32) -> Result<PageSize> {
    PageSize::new(requested)
        .ok_or_else(|| Error::invalid(field, "must be positive, or 0 for the default"))
}

/// Converts a timestamp for a message.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.micros().rem_euclid(1_000_000);
    prost_types::Timestamp {
        seconds: at.seconds(),
        nanos: i32::try_from(micros * 1000).expect("below a second"),
    }
}

/// Converts a timestamp from a message, truncated to microseconds.
pub fn to_timestamp(at: &prost_types::Timestamp) -> Timestamp {
    let micros = at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1000);
    Timestamp::from_micros(micros)
}
