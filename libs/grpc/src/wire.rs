//! Conversions of fields that the messages of every service have: ids, times and page sizes.

use std::str::FromStr;

use onethread_core::{OrganizationId, PageSize, ParseIdError, Timestamp};
use onethread_errors::{Error, Result};
use onethread_telemetry::spans;
use tracing::Span;

/// Parses an id.
///
/// # Errors
///
/// When the text is not an id. The error names the field.
pub fn id<T: FromStr<Err = ParseIdError>>(field: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: ParseIdError| Error::invalid(field, error.to_string()))
}

/// Parses the `organization_id` of a request, and names the organization on the current span.
///
/// # Errors
///
/// When the text is not an id. The error names the field.
pub fn organization_id(text: &str) -> Result<OrganizationId> {
    let organization = id("organization_id", text)?;
    spans::set_organization(&Span::current(), organization);
    Ok(organization)
}

/// Parses an id that may be absent.
///
/// # Errors
///
/// When the text is not an id. The error names the field.
pub fn optional_id<T>(field: &str, text: Option<&str>) -> Result<Option<T>>
where
    T: FromStr<Err = ParseIdError>,
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
